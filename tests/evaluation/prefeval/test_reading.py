"""PrefEval's four forms: what is read, and what is said of rows that are wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from counterpoint.errors import BadDataError, BadInputError
from counterpoint.evaluation.prefeval.reading import Form, form_of, read_file, read_folder

from .rows import row, write


def test_all_four_forms_of_all_topics_are_read(tmp_path: Path) -> None:
    found = read_folder(write(tmp_path))
    assert {form: len(items) for form, items in found.items()} == dict.fromkeys(Form, 8)
    assert [item.topic for item in found[Form.MCQ]] == ["meals"] * 4 + ["snacks"] * 4


def test_what_a_person_said_depends_on_the_form(tmp_path: Path) -> None:
    found = read_folder(write(tmp_path))
    said = {form: items[0].said for form, items in found.items()}
    assert said[Form.MCQ] == said[Form.EXPLICIT] == "I only ever drink tea."
    assert said[Form.CHOICE] == "Then tea please."
    assert said[Form.PERSONA] == "message 0 tea\nmessage 2 tea\nmessage 10 tea"  # turns in the order of their numbers


@pytest.mark.parametrize("form", list(Form))
def test_a_row_tells_its_form(form: Form) -> None:
    assert form_of(row(form, 1)) is form


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"preference": 3}, "preference"),
        ({"question": " "}, "question"),
        ({"classification_task_options": ["one"]}, "classification_task_options"),
        ({"classification_task_options": ["Same.", "same. "]}, "must all be different"),
    ],
)
def test_every_wrong_row_is_told(change: dict[str, Any], told: str, tmp_path: Path) -> None:
    file = tmp_path / "meals.json"
    file.write_text(json.dumps([row(Form.MCQ, 0), row(Form.MCQ, 1) | change, row(Form.MCQ, 2), "no row"]))
    with pytest.raises(BadDataError, match=told) as error:
        read_file(file, Form.MCQ)
    assert [problem.record for problem in error.value.problems] == ["record 2", "record 4"]


def test_a_folder_of_other_things_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="holds none of PrefEval's folders"):
        read_folder(tmp_path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match="no such file"):
        read_file(tmp_path / "no.json")
