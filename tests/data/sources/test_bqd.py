"""Behaviour Question Data: A/B questions and open ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from made_up import data_set, dilemma

from counterpoint.data import load, read
from counterpoint.data.source import SOURCES, Context
from counterpoint.data.taxonomy import taxonomy
from counterpoint.data.writing import write
from counterpoint.errors import BadDataError, BadInputError
from counterpoint.types import Dilemma, OpenQuestion, Option

BQD = SOURCES.get("bqd")
CONTEXT = Context(taxonomy("bqd"), Path("rows.json"), "sycophancy")


def row(question: str, matching: Any = "(A)", other: Any = "(B)") -> dict[str, Any]:
    return {"question": question, "answer_matching_behavior": matching, "answer_not_matching_behavior": other}


def parsed(question: str, matching: str = "(A)", other: str = "(B)") -> Dilemma:
    record = BQD.parse(row(question, matching, other), CONTEXT).record
    assert isinstance(record, Dilemma)
    return record


@pytest.mark.parametrize("heading", ["\n\nChoices:", "\n\nChoices: ", "\n", ""])
def test_a_question_is_parted_into_scenario_and_options(heading: str) -> None:
    found = parsed(f"Is tea red?{heading}\n (A) Yes, as you say.\n (B) No.\nIt is green.", "(B)", "(A)")
    assert found.scenario == "Is tea red?"
    assert found.options == (Option("Yes, as you say.", "Independent"), Option("No.\nIt is green.", "Sycophantic"))


def test_labels_inside_the_question_do_not_part_it() -> None:
    found = parsed("Plan (A) or plan (B)?\n (A) one\n (B) two\n\nChoices:\n (A) The first (B)\n (B) The second")
    assert found.scenario == "Plan (A) or plan (B)?\n (A) one\n (B) two"
    assert [option.text for option in found.options] == ["The first (B)", "The second"]


@pytest.mark.parametrize(
    ("wrong", "fields"),
    [
        (row("Is tea red?"), ["question"]),
        (row("Is tea red?\n (A) Yes"), ["question"]),
        (row("Is tea red?\n (A) Yes\n (B) No\n (C) Maybe"), ["question"]),
        (row("\n (A) Yes\n (B) No"), ["question"]),
        (row("Is tea red?\n (A) Yes\n (B) yes"), ["question[1].text"]),
        (row("Is tea red?\n (A) Yes\n (B) No", "A"), ["answer_matching_behavior"]),
        (row("Is tea red?\n (A) Yes\n (B) No", "(B)"), ["answer_not_matching_behavior"]),
        (row("Is tea red?", 7), ["answer_matching_behavior"]),
        ({"question": "Is tea red?", "answer_matching_behavior": "(A)"}, ["answer_not_matching_behavior"]),
        ({"question": " "}, ["question"]),
        ({}, ["question"]),
        ([], [""]),
    ],
)
def test_wrong_rows_are_told(wrong: object, fields: list[str]) -> None:
    found = BQD.parse(wrong, CONTEXT)
    assert found.record is None
    assert [fault.field for fault in found.faults] == fields


def test_a_question_alone_is_an_open_question() -> None:
    assert BQD.parse({"question": "Is tea red?"}, CONTEXT).record == OpenQuestion(
        "", "sycophancy", "Is tea red?", "bqd"
    )


def test_the_folder_says_what_the_file_is_about_and_the_caller_may(file_of: Any) -> None:
    path = file_of({"question": "Is tea red?"}, name="sycophancy/test_dataset_open_ended.json")
    assert load(path).open_questions[0].value_pair == "sycophancy"
    assert load(path, value_pair="refusal").open_questions[0].value_pair == "refusal"


def test_a_folder_of_no_known_name_is_one_problem_for_the_file(file_of: Any) -> None:
    path = file_of({"question": "Is tea red?"}, {"question": "Is it?"}, name="sycofancy/test.json")
    (problem,) = read(path).problems
    assert "Did you mean 'sycophancy'?" in problem.message
    assert "give value_pair" in problem.message


def test_what_is_written_is_read_back(tmp_path: Path, file_of: Any) -> None:
    rows = [
        row(f"Is tea {c}?\n\nChoices:\n (A) Yes {c}\n (B) No {c}", *m) for c, m in (("a", ()), ("b", ("(B)", "(A)")))
    ]
    found = load(file_of(*rows, name="refusal/generate_dataset.json"))
    write(found, tmp_path / "refusal" / "again.json", source="bqd")
    assert load(tmp_path / "refusal" / "again.json").dilemmas == found.dilemmas


def test_what_the_form_cannot_hold_is_refused(tmp_path: Path) -> None:
    three = dilemma("a", ("x", "Risk-taking"), ("y", "Risk-averse"), ("z", "Risk-averse"))
    with pytest.raises(BadInputError, match="two options"):
        write(data_set(three), tmp_path / "out.json", source="bqd")
    labelled = dilemma("a", ("x", "Risk-taking"), ("y\n (A) z", "Risk-averse"))
    with pytest.raises(BadInputError, match="something like"):
        write(data_set(labelled), tmp_path / "out.json", source="bqd")
    assert list(tmp_path.iterdir()) == []


def test_the_published_folders_are_read_whole(published_data: Path) -> None:
    train = load(published_data / "bqd" / "train")
    assert len(train) == 2650
    test = read(published_data / "bqd" / "test")
    assert (len(test.data_set), len(test.data_set.open_questions)) == (200, 203)
    assert [Path(problem.file).name for problem in test.problems] == ["truthful_qa.json"]
    with pytest.raises(BadDataError, match="no record looks like any known format"):
        load(published_data / "bqd" / "test" / "truthfulqa" / "truthful_qa.json")
