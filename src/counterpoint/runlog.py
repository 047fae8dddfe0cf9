"""A run's folder: whole files or none, a log a line at a time, and finished parts that a restarted run takes over."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from counterpoint.errors import BadInputError

try:
    import fcntl
except ImportError:  # Windows: two runs in one folder are then not told from one
    fcntl = None  # type: ignore[assignment]

ALMOST_FULL = 1 << 20
"""Bytes; a disk with less room counts as full when something could not be written."""


def write_text(path: Path, text: str) -> None:
    """Write the whole file or nothing, in UTF-8."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write the whole file or nothing: a temporary file beside it takes its place."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException as error:
        Path(name).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno:  # a full disk names no file, or the temporary one
            error.filename = str(path)
        raise


@contextmanager
def disk_faults_told(folder: Path) -> Iterator[None]:
    """What a library raises because the disk in `folder` is full or faulty, as the OSError it is.

    safetensors writes the system's number into its message; PyTorch says nothing of it, so that the disk is asked.
    """
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        told = re.search(r"\(os error (\d+)\)", str(error))
        if told is None and shutil.disk_usage(folder).free >= ALMOST_FULL:
            raise
        number = errno.ENOSPC if told is None else int(told[1])
        raise OSError(number, os.strerror(number), str(folder)) from error


def dump_json(value: Any) -> str:
    """JSON as our files have it: readable, in the order given, and never NaN."""
    return json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


class Parts(Protocol):
    """Where finished parts of a run are kept; `RunFolder` is one."""

    def part(self, name: str) -> Any | None:
        """A finished part; None where there is none."""
        ...

    def save_part(self, name: str, value: Any) -> None:
        """Keep a finished part."""
        ...

    def log(self, event: str, fields: Mapping[str, Any]) -> None:
        """Note that something happened."""
        ...


class RunFolder:
    """The folder of one run. `part`s are keyed by name; a folder that keeps anything of other settings is refused."""

    def __init__(self, path: Path, identity: str, config_toml: str) -> None:
        self.path = path
        try:
            (path / "parts").mkdir(parents=True, exist_ok=True)
            self._lock = (path / ".lock").open("w")
        except OSError as error:
            raise BadInputError(f"{path}: can't be made a run's folder: {error}. Give another --out") from error
        try:
            self._take_lock()
            self._check_identity(identity)
            write_text(path / "config.toml", config_toml)
        except BaseException:
            self.close()
            raise

    def _take_lock(self) -> None:
        if fcntl is not None:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise BadInputError(
                    f"{self.path}: another run is writing here. Wait for it or give another --out"
                ) from error

    def _check_identity(self, identity: str) -> None:
        mark = self.path / "parts" / "identity"
        if mark.exists() and mark.read_text() != identity and self._keeps_anything():
            raise BadInputError(
                f"{self.path}: holds a run with other settings or data, which would be overwritten. "
                "Give another --out, or remove the folder"
            )
        write_text(mark, identity)

    def _keeps_anything(self) -> bool:
        """Whether there is something to lose; a run that ended before it kept anything, say of a mistyped model, has
        nothing."""
        opened = {"parts", ".lock", "config.toml"}
        found = [entry.name for entry in self.path.iterdir() if entry.name not in opened]
        return bool(found) or any(entry.name != "identity" for entry in (self.path / "parts").iterdir())

    def part(self, name: str) -> Any | None:
        """A finished part of an earlier, interrupted run; None where there is none or it is damaged."""
        try:
            return json.loads((self.path / "parts" / f"{name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def save_part(self, name: str, value: Any) -> None:
        """Keep a finished part."""
        write_text(self.path / "parts" / f"{name}.json", dump_json(value))

    def log(self, event: str, fields: Mapping[str, Any]) -> None:
        """Add a line to `log.jsonl`."""
        with (self.path / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"event": event, **fields}, ensure_ascii=False) + "\n")

    def write_json(self, name: str, value: Any) -> None:
        """Write a JSON file of the run."""
        write_text(self.path / name, dump_json(value))

    def write_lines(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write a JSONL file of the run."""
        write_text(self.path / name, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))

    def close(self) -> None:
        """Let another run into the folder."""
        self._lock.close()
