"""JSON values out of a file, one at a time: a JSON array, or one a line. What can't be read is a problem, not a crash.

A lines file is streamed, so memory holds one line at most. An array, or an object over several lines, is held as text;
its elements are decoded one by one, so that those before a syntax error are not lost.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from counterpoint.data.faults import shown
from counterpoint.types import Problem

MAX_RECORD = 1 << 20
"""Bytes of one line, or characters of one array element."""
MAX_DOCUMENT = 1 << 28
"""Bytes of a file that is not one value a line; larger data go into a lines file, which is streamed."""

_BOM = b"\xef\xbb\xbf"
_FOREIGN = {b"\xff\xfe\0\0": "UTF-32", b"\0\0\xfe\xff": "UTF-32", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_BLANK = re.compile(r"[ \t\r\n]*")


class Record(NamedTuple):
    """A decoded JSON value and where it stands in its file (`record 3` of an array, `line 3` of a lines file)."""

    place: str
    value: object


class _NotJsonError(ValueError):
    """Python's decoder accepts it, the standard does not."""


def records(path: Path) -> Iterator[Record | Problem]:
    """Values and problems of a file in their order. Places count from 1."""
    try:
        if path.is_dir():
            yield Problem(str(path), "", "", "is a folder without .json or .jsonl files")
        elif not path.exists():
            yield Problem(str(path), "", "", "no such file")
        elif not path.is_file():
            yield Problem(str(path), "", "", "is not a regular file")
        else:
            with path.open("rb") as file:
                yield from _file(file, str(path))
    except (OSError, ValueError) as error:  # ValueError: a NUL in the file's name
        yield Problem(shown(str(path)).strip("'"), "", "", f"cannot be read: {error}")


def _file(file: BinaryIO, name: str) -> Iterator[Record | Problem]:
    head = file.read(4096)
    encoding = next((encoding for mark, encoding in _FOREIGN.items() if head.startswith(mark)), None)
    if encoding is None and head and head.count(0) >= len(head) / 4:
        encoding = "UTF-16 or binary"
    if encoding is not None:
        yield Problem(name, "", "", f"looks like {encoding}, not UTF-8. Save it as UTF-8 and try again")
        return
    start = len(_BOM) if head.startswith(_BOM) else 0
    file.seek(start)
    found = False
    first_line = head[start:].lstrip().partition(b"\n")[0].rstrip()
    is_document = first_line == b"{" or first_line.startswith(b"[")
    for item in _document(file, name) if is_document else _lines(file, name):
        found = True
        yield item
    if not found:
        yield Problem(name, "", "", "holds no records: the file is empty")


def _lines(file: BinaryIO, name: str) -> Iterator[Record | Problem]:
    number = 0
    while line := file.readline(MAX_RECORD + 1):
        number += 1
        place = f"line {number}"
        if len(line) > MAX_RECORD:
            while line and not line.endswith(b"\n"):
                line = file.readline(MAX_RECORD)
            yield Problem(name, place, "", f"is longer than {MAX_RECORD:,} bytes")
        elif line.strip():
            yield _line(line, name, place)


def _line(line: bytes, name: str, place: str) -> Record | Problem:
    try:
        return Record(place, _decode(_text(line)))
    except json.JSONDecodeError as error:
        what = error.msg.removesuffix(" at")
        return Problem(name, place, "", f"is not JSON: {what} at column {error.colno}")
    except (ValueError, RecursionError) as error:
        return Problem(name, place, "", _reason(error))


def _document(file: BinaryIO, name: str) -> Iterator[Record | Problem]:
    data = file.read(MAX_DOCUMENT + 1)
    if len(data) > MAX_DOCUMENT:
        yield Problem(name, "", "", f"has more than {MAX_DOCUMENT:,} bytes; write one record a line instead")
        return
    try:
        text = _text(data)
    except ValueError as error:
        yield Problem(name, "", "", _reason(error))
        return
    del data
    if text.lstrip().startswith("["):
        yield from _elements(text, name)
    else:
        yield from _objects(text, name)


def _elements(text: str, name: str) -> Iterator[Record | Problem]:
    """Elements of the array that `text` is. A syntax error ends it: what follows can't be told apart."""
    position = _after_blank(text, _after_blank(text, 0) + 1)
    number = 0
    ended = text[position : position + 1] == "]"
    while not ended:
        number += 1
        try:
            item, end = _element(text, position, name, f"record {number}")
        except json.JSONDecodeError as error:
            yield _syntax(error, name, f"record {number}")
            return
        except (ValueError, RecursionError) as error:
            yield Problem(name, f"record {number}", "", _reason(error))
            return
        yield item
        position = _after_blank(text, end)
        ended = text[position : position + 1] == "]"
        if not ended and text[position : position + 1] != ",":
            yield _syntax(json.JSONDecodeError("Expecting ',' or ']'", text, position), name, f"after record {number}")
            return
        position = position if ended else _after_blank(text, position + 1)
    if rest := text[position + 1 :].strip():
        yield _syntax(json.JSONDecodeError("Extra data", text, len(text) - len(rest)), name, "after the array")


def _objects(text: str, name: str) -> Iterator[Record | Problem]:
    """Objects laid out over several lines, one after the other."""
    position, number = _after_blank(text, 0), 0
    while position < len(text):
        number += 1
        try:
            item, end = _element(text, position, name, f"record {number}")
        except json.JSONDecodeError as error:
            yield _syntax(error, name, f"record {number}")
            return
        except (ValueError, RecursionError) as error:
            yield Problem(name, f"record {number}", "", _reason(error))
            return
        yield item
        position = _after_blank(text, end)


def _element(text: str, position: int, name: str, place: str) -> tuple[Record | Problem, int]:
    """The element that begins at `position` and where it ends; the decoder's errors are raised."""
    try:
        value, end = _STRICT.raw_decode(text, position)
    except _NotJsonError as error:  # well formed but for this, so what follows can be read
        _, end = json.JSONDecoder().raw_decode(text, position)
        return Problem(name, place, "", _reason(error)), end
    if end - position > MAX_RECORD:
        return Problem(name, place, "", f"is longer than {MAX_RECORD:,} characters"), end
    return Record(place, value), end


def _text(data: bytes) -> str:
    """UTF-8 text, or a `ValueError` that says what is wrong with it."""
    if b"\0" in data:
        raise _NotJsonError(f"holds a NUL byte at byte {data.index(0) + 1}: damaged, or not text")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        lines_before = data.count(b"\n", 0, error.start)
        column = error.start - data.rfind(b"\n", 0, error.start)
        byte = f"byte 0x{data[error.start]:02x} is number {column} of "
        byte += f"line {lines_before + 1}" if lines_before else "the line"
        hint = "perhaps Latin-1 or Windows-1252; save it as UTF-8 and try again"
        raise _NotJsonError(f"is not UTF-8 ({byte}): {hint}") from None


def _decode(text: str) -> object:
    value: object = _STRICT.decode(text)
    return value


def _after_blank(text: str, position: int) -> int:
    match = _BLANK.match(text, position)
    return match.end() if match else position


def _syntax(error: json.JSONDecodeError, name: str, place: str) -> Problem:
    return Problem(name, place, "", f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}")


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "is nested too deeply"
    return str(error) if isinstance(error, _NotJsonError) else f"is not JSON: {error}"


def _refuse_constant(constant: str) -> object:
    raise _NotJsonError(f"holds {constant}, which is not JSON")


def _refuse_repeated(items: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(items)
    if len(fields) < len(items):
        names = [name for name, _ in items]
        again = next(name for i, name in enumerate(names) if name in names[:i])
        raise _NotJsonError(f"names the field {shown(again)} twice")
    return fields


_STRICT = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_refuse_repeated)
