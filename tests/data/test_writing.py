"""Files are written whole or not at all, and say what was in the data set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from made_up import AVERSE, TAKING, data_set, data_sets, dilemma, two_options

from counterpoint.data import load
from counterpoint.data.writing import replacing, write, write_all
from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.types import DataSet


@given(data_sets())
def test_our_own_form_holds_everything(tmp_path_factory: pytest.TempPathFactory, found: DataSet) -> None:
    path = tmp_path_factory.getbasetemp() / "round.jsonl"
    write(found, path, force=True)
    again = load(path)
    assert again.dilemmas == found.dilemmas
    assert again.open_questions == found.open_questions
    assert again.digest == found.digest


@given(data_sets())
def test_the_published_form_holds_all_but_ids_sources_and_open_questions(
    tmp_path_factory: pytest.TempPathFactory, found: DataSet
) -> None:
    path = tmp_path_factory.getbasetemp() / "round.json"
    write(found, path, source="vcd", force=True)
    again = load(path)
    plain = [replace(d, id="", source="", open_question="") for d in found.dilemmas]
    assert [replace(d, id="", source="") for d in again.dilemmas] == plain


def test_a_text_written_twice_is_the_same_file(tmp_path: Path) -> None:
    found = load("crossroads")
    write(found, tmp_path / "one.jsonl")
    write(load(tmp_path / "one.jsonl"), tmp_path / "two.jsonl")
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()


def test_a_file_that_exists_is_replaced_only_by_force(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("precious")
    with pytest.raises(BadInputError, match="--force"):
        write(data_set(two_options("a")), path)
    assert path.read_text() == "precious"
    write(data_set(two_options("a")), path, force=True)
    assert len(load(path)) == 1


def test_nothing_is_left_behind_when_writing_fails(tmp_path: Path) -> None:
    three = dilemma("a", ("x", TAKING), ("y", AVERSE), ("z", AVERSE))
    path = tmp_path / "out.json"
    path.write_text("precious")
    with pytest.raises(BadInputError):
        write(data_set(two_options("b"), three), path, source="bqd", force=True)
    assert [file.name for file in tmp_path.iterdir()] == ["out.json"]
    assert path.read_text() == "precious"


def test_of_several_files_none_appears_unless_all_can_be_written(tmp_path: Path) -> None:
    taken = tmp_path / "test.jsonl"
    taken.write_text("precious")
    parts = {tmp_path / "train.jsonl": data_set(two_options("a")), taken: data_set(two_options("b"))}
    with pytest.raises(BadInputError):
        write_all(parts)
    assert [file.name for file in tmp_path.iterdir()] == ["test.jsonl"]


def test_places_that_cannot_be_written_to_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent" / "out.jsonl"):
        with pytest.raises(BadInputError):
            write(data_set(two_options("a")), path, force=True)
    with pytest.raises(UnknownNameError):
        write(data_set(two_options("a")), tmp_path / "out", source="csv")


def test_a_block_that_is_interrupted_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("precious")

    def interrupted() -> None:
        with replacing(path, force=True) as file:
            file.write("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "precious"
    assert len(list(tmp_path.iterdir())) == 1
