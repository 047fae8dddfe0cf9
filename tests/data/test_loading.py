"""Files in, a data set out, every problem told."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import RISK, TAKING, row, vcd_row

from counterpoint.data import load, read, taxonomy
from counterpoint.errors import BadDataError, UnknownNameError

Rows = Any


def test_the_built_in_set_has_a_name_and_a_licence() -> None:
    found = load("crossroads")
    assert (found.name, found.licence, len(found)) == ("crossroads", "CC-BY-4.0", 180)


def test_the_same_rows_are_the_same_data_in_either_container(file_of: Rows) -> None:
    rows = (row(id="a"), row(id="b", scenario="Another."))
    assert load(file_of(*rows)) == load(file_of(*rows, name="rows.json"))


def test_the_format_is_found_from_the_content_not_from_the_file_name(file_of: Rows) -> None:
    assert load(file_of(vcd_row(), name="a.jsonl")).dilemmas[0].source == "vcd"
    assert load(file_of(row(), name="vcd.json")).dilemmas[0].source == ""


def test_a_format_by_name_is_taken_and_an_unknown_one_refused(file_of: Rows) -> None:
    assert load(file_of(vcd_row()), source="vcd").dilemmas[0].source == "vcd"
    with pytest.raises(BadDataError, match="value_pair: is missing"):
        load(file_of(vcd_row()), source="jsonl")
    with pytest.raises(UnknownNameError, match="Did you mean 'jsonl'"):
        load(file_of(row()), source="json")


def test_content_of_no_known_format_is_refused(file_of: Rows) -> None:
    formats = r"\(bqd, conversations, jsonl, trl, vcd\)"
    with pytest.raises(BadDataError, match=f"no record looks like any known format {formats}"):
        load(file_of({"a": 1}))


def test_content_of_two_formats_is_refused(file_of: Rows) -> None:
    trl = {"prompt": "Tea?", "chosen": "Yes.", "rejected": "No."}
    with pytest.raises(BadDataError, match="looks like jsonl and trl at once; say which with source="):
        load(file_of(row(), trl))


def test_every_problem_is_raised_at_once_with_file_record_and_field(file_of: Rows) -> None:
    path = file_of(row(id="a", scenario=""), row(id="b"), row(id="c", value_pair="Risk Orientatoin"), [1])
    with pytest.raises(BadDataError) as refused:
        load(path)
    assert [(problem.file, problem.record, problem.field) for problem in refused.value.problems] == [
        (str(path), "line 1 (id 'a')", "scenario"),
        (str(path), "line 3 (id 'c')", "value_pair"),
        (str(path), "line 4", ""),
    ]


def test_good_records_are_kept_where_asked_and_the_others_logged(
    file_of: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    path = file_of(row(id="a", scenario=""), row(id="b"), row(id="c"))
    with caplog.at_level(logging.WARNING):
        assert [dilemma.id for dilemma in load(path, keep_good=True).dilemmas] == ["b", "c"]
    assert "left out: " in caplog.text
    assert "line 1 (id 'a'), scenario: is empty" in caplog.text


def test_keeping_the_good_records_of_a_file_without_any_is_refused(file_of: Rows) -> None:
    with pytest.raises(BadDataError):
        load(file_of(row(scenario="")), keep_good=True)


def test_the_second_of_two_equal_ids_is_a_problem_that_names_the_first(file_of: Rows) -> None:
    found = read(file_of(row(id="a"), row(id="b", scenario="Two."), row(id="a", scenario="Three.")))
    assert [dilemma.id for dilemma in found.data_set.dilemmas] == ["a", "b"]
    (problem,) = found.problems
    assert (problem.record, problem.field) == ("line 3 (id 'a')", "id")
    assert problem.message == "is also that of line 1 (id 'a')"


def test_ids_are_made_from_the_content_whatever_the_order_of_rows_and_options(file_of: Rows) -> None:
    one, two = vcd_row(), vcd_row(scenario="Another.")
    turned = vcd_row(options=list(reversed(one["options"])))
    ids = [dilemma.id for dilemma in load(file_of(one, two)).dilemmas]
    assert [dilemma.id for dilemma in load(file_of(two, turned)).dilemmas] == ids[::-1]
    assert all(name.startswith("vcd-") for name in ids)


def test_a_row_without_id_that_stands_there_twice_gets_two_ids(file_of: Rows) -> None:
    first, second, third = load(file_of(vcd_row(), vcd_row(), vcd_row())).dilemmas
    assert (second.id, third.id) == (f"{first.id}-2", f"{first.id}-3")


def test_a_taxonomy_of_ones_own_names_the_pairs(file_of: Rows, tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(
        'name = "mine"\n[[pairs]]\nname = "Volume"\n'
        'positive = { name = "Loud", description = "Likes it loud." }\n'
        'negative = { name = "Quiet", description = "Likes it quiet." }\n'
    )
    options = [{"text": "Drum.", "pole": "Loud"}, {"text": "Read.", "pole": "Quiet"}]
    path = file_of(row(value_pair="Volume", options=options))
    assert load(path, taxonomy=mine).taxonomy.name == "mine"
    assert load(path, taxonomy=taxonomy(mine)).dilemmas[0].value_pair == "Volume"
    with pytest.raises(
        BadDataError, match=r"(?s)no value pair of taxonomy 'vcd'.*No record is about .*another --taxonomy$"
    ):
        load(path)


def test_the_files_of_a_folder_are_read_together_and_ids_are_unique_over_all(file_of: Rows) -> None:
    path = file_of(row(id="a"), name="all/one.jsonl")
    file_of(row(id="b", scenario="Two."), row(id="a", scenario="Three."), name="all/deeper/two.json")
    found = read(path.parent)
    assert [dilemma.id for dilemma in found.data_set.dilemmas] == ["b", "a"]
    (problem,) = found.problems
    assert problem.file == str(path)
    assert "two.json, record 2 (id 'a')" in problem.message


@pytest.mark.parametrize("name", ["absent.jsonl", "", "a\0b", "x" * 5000, "crossroad"])
def test_what_is_not_there_is_a_problem(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadDataError):
        load(tmp_path / name)


def test_a_long_list_of_problems_is_cut_in_the_message_and_whole_in_the_error(file_of: Rows) -> None:
    with pytest.raises(BadDataError, match="and 80 more") as refused:
        load(file_of(*(row(id=f"r{i}", scenario="") for i in range(100))))
    assert len(refused.value.problems) == 100


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
KEYS = ["id", "value_pair", "preference domain", "scenario", "question", "options", "prompt", "chosen", "rejected"]
KEYS += ["answer_matching_behavior", "answer_not_matching_behavior", "pole", "source", "scene", "open_question"]
near_rows = st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), st.sampled_from([RISK, TAKING]) | json_values)


@given(st.lists(near_rows | json_values, min_size=1, max_size=4), st.sampled_from([None, "bqd", "jsonl", "trl", "vcd"]))
def test_rows_of_garbage_are_never_more_than_a_problem(
    tmp_path_factory: pytest.TempPathFactory, rows: list[object], source: str | None
) -> None:
    path = tmp_path_factory.getbasetemp() / "sycophancy" / "garbage.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(rows), encoding="utf-8")
    _load_or_be_told(path, source)


@given(st.data())
def test_a_good_row_with_one_thing_changed_is_never_more_than_a_problem(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "changed.json"
    good = data.draw(st.sampled_from([row(), vcd_row()]))
    place = data.draw(st.sampled_from([good, good["options"][0]]))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(json_values)
    path.write_text(json.dumps([good]), encoding="utf-8")
    _load_or_be_told(path, None)


@given(st.binary(max_size=200), st.sampled_from([b"", b"[", b"{", b'[{"scenario": ', b"\xff\xfe", b"\xef\xbb\xbf"]))
def test_bytes_of_garbage_are_never_more_than_a_problem(
    tmp_path_factory: pytest.TempPathFactory, start: bytes, tail: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "garbage.jsonl"
    path.write_bytes(tail + start)
    _load_or_be_told(path, None)


def _load_or_be_told(path: Path, source: str | None) -> None:
    try:
        found = load(path, source=source)
    except BadDataError as refused:
        told = refused
    else:
        assert found.digest
        return
    assert told.problems
    assert str(told).encode("utf-8")
