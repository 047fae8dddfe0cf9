"""JSON out of files, and what is wrong with them."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.data.json_records import MAX_RECORD, Record, records
from counterpoint.types import Problem


def read(tmp_path: Path, content: bytes) -> list[Record | Problem]:
    path = tmp_path / "file"
    path.write_bytes(content)
    return list(records(path))


def said(items: list[Record | Problem]) -> list[str]:
    return [str(item).split("file: ", 1)[1] for item in items if isinstance(item, Problem)]


def values(items: list[Record | Problem]) -> list[object]:
    return [item.value for item in items if isinstance(item, Record)]


def test_an_array_and_lines_give_the_same_values(tmp_path: Path) -> None:
    for content in (b'[{"a": 1}, {"a": 2}]', b'{"a": 1}\n\n  {"a": 2}', b'\xef\xbb\xbf {"a": 1}\r\n{"a": 2}\r\n'):
        assert values(read(tmp_path, content)) == [{"a": 1}, {"a": 2}]


def test_objects_laid_out_over_lines_are_read(tmp_path: Path) -> None:
    assert values(read(tmp_path, b'{\n  "a": 1\n}\n{\n  "a": 2\n}\n')) == [{"a": 1}, {"a": 2}]
    assert said(read(tmp_path, b'{\n "a": 1,\n}')) == [
        "record 1: is not JSON: Expecting property name enclosed in double quotes at line 3, column 1"
    ]


def test_places_count_from_one(tmp_path: Path) -> None:
    assert [item.place for item in read(tmp_path, b'{"a": 1}\n\n{"a": 2}') if isinstance(item, Record)] == [
        "line 1",
        "line 3",
    ]
    assert [item.place for item in read(tmp_path, b"[1, 2]") if isinstance(item, Record)] == ["record 1", "record 2"]


@pytest.mark.parametrize("empty", [b"", b"  \n\n", b"[]", b"[ \n ]", b"\xef\xbb\xbf"])
def test_an_empty_file_is_said_to_be_empty(tmp_path: Path, empty: bytes) -> None:
    assert said(read(tmp_path, empty)) == ["holds no records: the file is empty"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b'{"a": 1}\n{"a": }\n{"a": 3}', "line 2: is not JSON: Expecting value at column 7"),
        (b'[{"a": 1},\n {"a": }]', "record 2: is not JSON: Expecting value at line 2, column 8"),
        (b'[{"a": 1} {"a": 2}]', "after record 1: is not JSON: Expecting ',' or ']' at line 1, column 11"),
        (b'[{"a": 1}', "after record 1: is not JSON: Expecting ',' or ']' at line 1, column 10"),
        (b'[{"a": 1},]', "record 2: is not JSON: Expecting value at line 1, column 11"),
        (b'[{"a": 1}] []', "after the array: is not JSON: Extra data at line 1, column 12"),
    ],
)
def test_wrong_json_is_told_with_its_place_and_what_is_before_it_is_kept(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    items = read(tmp_path, content)
    assert said(items) == [problem]
    assert values(items)[0] == {"a": 1}


@pytest.mark.parametrize("wrapped", [b'[{"x": 0}, %s, {"a": 3}]', b'{"x": 0}\n%s\n{"a": 3}'])
@pytest.mark.parametrize(
    ("element", "problem"),
    [
        (b'{"a": NaN}', "holds NaN, which is not JSON"),
        (b'{"a": [-Infinity]}', "holds -Infinity, which is not JSON"),
        (b'{"a": 1, "a": 2}', "names the field 'a' twice"),
    ],
)
def test_what_is_not_json_by_the_standard_is_refused_and_the_rest_is_read(
    tmp_path: Path, wrapped: bytes, element: bytes, problem: str
) -> None:
    items = read(tmp_path, wrapped % element)
    assert len(said(items)) == 1
    assert problem in said(items)[0]
    assert values(items) == [{"x": 0}, {"a": 3}]


@pytest.mark.parametrize("mark", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_wide_encodings_are_named(tmp_path: Path, mark: str) -> None:
    (problem,) = said(read(tmp_path, json.dumps([{"a": "word " * 50}]).encode(mark)))
    assert "UTF-" in problem
    assert "Save it as UTF-8" in problem


def test_latin_1_is_told_with_the_byte_and_in_lines_only_that_line_is_lost(tmp_path: Path) -> None:
    items = read(tmp_path, b'{"a": "ok"}\n{"a": "caf\xe9"}\n{"a": "ok"}')
    assert said(items) == [
        "line 2: is not UTF-8 (byte 0xe9 is number 11 of the line): "
        "perhaps Latin-1 or Windows-1252; save it as UTF-8 and try again"
    ]
    assert len(values(items)) == 2
    (problem,) = said(read(tmp_path, b'[\n{"a": "caf\xe9"}]'))
    assert "byte 0xe9 is number 11 of line 2" in problem


def test_a_nul_byte_is_told(tmp_path: Path) -> None:
    items = read(tmp_path, b'{"a": "one two three"}\n{"a": "\0"}\n')
    assert said(items) == ["line 2: holds a NUL byte at byte 8: damaged, or not text"]


def test_deep_nesting_is_told(tmp_path: Path) -> None:
    deep = b"[" * 200_000
    assert said(read(tmp_path, b'{"a": ' + deep)) == ["line 1: is nested too deeply"]
    assert said(read(tmp_path, deep)) == ["record 1: is nested too deeply"]


def test_an_endless_whole_number_is_told(tmp_path: Path) -> None:
    (problem,) = said(read(tmp_path, b"[" + b"7" * 10_000 + b"]"))
    assert "record 1: is not JSON" in problem


def test_a_line_too_long_is_told_without_being_held_and_the_next_is_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b'{"a": "' + b"x" * 10_000_000 + b'"}\n{"a": 2}\n')
    tracemalloc.start()
    items = list(records(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert said(items) == [f"line 1: is longer than {MAX_RECORD:,} bytes"]
    assert values(items) == [{"a": 2}]
    assert peak < 5_000_000, "bytes held for a line of ten million"


def test_a_long_element_of_an_array_is_told_and_the_next_is_read(tmp_path: Path) -> None:
    items = read(tmp_path, b'[{"a": "' + b"x" * 2_000_000 + b'"}, {"a": 2}]')
    assert said(items) == [f"record 1: is longer than {MAX_RECORD:,} characters"]
    assert values(items) == [{"a": 2}]


def test_what_is_not_a_file_is_told(tmp_path: Path) -> None:
    for path, words in (
        (tmp_path / "absent", "no such file"),
        (tmp_path, "is a folder"),
        (Path("a\0b"), ""),
        (Path("x" * 5000), ""),
        (Path("/dev/null"), "is not a regular file"),
    ):
        (problem,) = records(path)
        assert isinstance(problem, Problem)
        assert words in problem.message


@given(st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.booleans() | st.none()), min_size=1))
def test_whatever_json_writes_is_read_back(tmp_path_factory: pytest.TempPathFactory, rows: list[object]) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    for text in (json.dumps(rows), "\n".join(map(json.dumps, rows)), json.dumps(rows, ensure_ascii=False, indent=2)):
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        if all(isinstance(item, Record) for item in records(path)):
            assert values([*records(path)]) == rows


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.json"
    path.write_bytes(content)
    assert list(records(path))
