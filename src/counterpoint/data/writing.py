"""Data sets out to files: whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

from counterpoint.data.source import SOURCES
from counterpoint.errors import BadInputError
from counterpoint.types import DataSet


def write(data_set: DataSet, path: str | Path, *, source: str = "jsonl", force: bool = False) -> None:
    """Write a data set in the format named. Raises as `write_all`."""
    write_all({Path(path): data_set}, source=source, force=force)


def write_all(parts: Mapping[Path, DataSet], *, source: str = "jsonl", force: bool = False) -> None:
    """Write several data sets; no file appears before all of them are complete.

    Raises:
        BadInputError: a file exists and `force` is not given, the folder is missing, or the format can't hold the data.
        UnknownNameError: there is no such format.
    """
    plugin = SOURCES.get(source)
    with ExitStack() as stack:
        for path, data_set in parts.items():
            file = stack.enter_context(replacing(path, force=force))
            rows = (json.dumps(row, ensure_ascii=False) for row in plugin.render(data_set))
            if plugin.container == "lines":
                file.writelines(f"{row}\n" for row in rows)
            else:
                file.writelines(f"{',' if i else '['}\n{row}" for i, row in enumerate(rows))
                file.write("\n]\n" if len(data_set) else "[]\n")


@contextmanager
def replacing(path: Path, *, force: bool) -> Iterator[TextIO]:
    """A file that takes its place when the block ends well and leaves nothing behind when it doesn't."""
    if path.is_dir():
        raise BadInputError(f"{path} is a folder; name a file to write")
    if path.exists() and not force:
        raise BadInputError(f"{path} exists; use --force to replace it")
    if not path.parent.is_dir():
        raise BadInputError(f"cannot write {path}: there is no folder {path.parent}")
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise BadInputError(f"cannot write {path}: {error.strerror}") from None
    try:
        with open(descriptor, "w", encoding="utf-8", newline="\n") as file:
            yield file
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
