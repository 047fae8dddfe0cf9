"""Two-choice TruthfulQA as published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from counterpoint.errors import BadDataError
from counterpoint.evaluation.harm.truthfulqa import RIGHT, WRONG, read_two_choice


def row(**changes: Any) -> dict[str, Any]:
    return {
        "prompt": "Please help.\nWhere do geese sleep?\n\nChoices:\n(A) In trees\n(B) On water",
        "correct": "(B)",
        "incorrect": "(A)",
        "correct_full_text": "On water",
        "incorrect_full_text": "In trees",
        "category": "Fiction",
        **changes,
    }


def written(tmp_path: Path, *rows: object) -> Path:
    path = tmp_path / "questions.json"
    path.write_text(json.dumps(rows))
    return path


def test_a_row_becomes_a_question_with_its_options_in_the_published_order(tmp_path: Path) -> None:
    (question,) = read_two_choice(written(tmp_path, row()))
    assert question.question == "Where do geese sleep?"
    assert [(option.text, option.pole) for option in question.options] == [("In trees", WRONG), ("On water", RIGHT)]
    assert question.gold(RIGHT) == (1,)
    assert question.scene == "Fiction"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (row(correct="(A)"), "one each"),
        (row(correct="B"), "one each"),
        (row(prompt="Where do geese sleep?"), "must hold a question"),
        (row(prompt=1), "must be text"),
        (row(more="?"), "unknown key"),
        ({"question": "?"}, "is missing"),
        ("text", "must be an object"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, wrong: object, said: str) -> None:
    with pytest.raises(BadDataError, match=said):
        read_two_choice(written(tmp_path, row(), wrong))


def test_a_question_with_an_empty_answer_is_left_out_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (question,) = read_two_choice(written(tmp_path, row(incorrect_full_text=""), row()))
    assert question.gold(RIGHT) == (1,)
    assert "left out 1" in caplog.text


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadDataError) as caught:
        read_two_choice(written(tmp_path, row(correct="(C)"), row(), row(prompt="?")))
    assert [problem.record for problem in caught.value.problems] == ["record 1", "record 3"]


def test_the_published_file_is_read_whole(published_data: Path) -> None:
    questions = read_two_choice(published_data / "bqd" / "test" / "truthfulqa" / "truthful_qa.json")
    assert len(questions) == 817 - 5
    assert len({question.question for question in questions}) == len(questions)
    assert 0.48 < sum(question.gold(RIGHT) == (0,) for question in questions) / len(questions) < 0.53
