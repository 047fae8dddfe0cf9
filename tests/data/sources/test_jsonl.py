"""Our own form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from made_up import RISK, row

from counterpoint.data import load
from counterpoint.data.source import SOURCES, Context
from counterpoint.data.taxonomy import taxonomy
from counterpoint.types import OpenQuestion

JSONL = SOURCES.get("jsonl")
CONTEXT = Context(taxonomy("vcd"), Path("rows.jsonl"))


def test_an_open_question_is_told_from_a_dilemma() -> None:
    question = {"id": "q", "value_pair": RISK, "prompt": "What do you do?"}
    assert JSONL.parse(question, CONTEXT).record == OpenQuestion("q", RISK, "What do you do?")


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"senario": "x"}, "senario", "Did you mean 'scenario'?"),
        ({"scenario": None}, "scenario", "must be text"),
        ({"scenario": "\n\t "}, "scenario", "is empty"),
        ({"scenario": "a\0b"}, "scenario", "NUL"),
        ({"options": "text"}, "options", "must be a list"),
        ({"options": []}, "options", "has 0 of at least 2 entries"),
        ({"options": ["text", "text"]}, "options[1]", "must be an object"),
        (
            {"options": [{"text": "a", "pole": "Risk-taking", "polle": 1}] * 2},
            "options[0].polle",
            "Did you mean 'pole'?",
        ),
        ({"id": 7}, "id", "must be text"),
        ({"scene": True}, "scene", "must be text"),
    ],
)
def test_every_wrong_field_is_told(changes: dict[str, Any], field: str, message: str) -> None:
    faults = {fault.field: fault.message for fault in JSONL.parse(row(**changes), CONTEXT).faults}
    assert message in faults[field]


def test_several_faults_of_a_row_are_told_at_once() -> None:
    wrong = row(scenario="", question=1)
    del wrong["value_pair"]
    assert {fault.field for fault in JSONL.parse(wrong, CONTEXT).faults} == {"scenario", "question", "value_pair"}


def test_half_a_surrogate_pair_is_told() -> None:
    (fault,) = JSONL.parse(row(scenario="a\ud800"), CONTEXT).faults
    assert (fault.field, "surrogate" in fault.message) == ("scenario", True)
    assert fault.value.isascii()
    assert JSONL.parse(row(**{"a\ud800": 1}), CONTEXT).faults[0].field.isprintable()


def test_the_taxonomy_of_a_built_in_pair_is_found(file_of: Any) -> None:
    question = {"value_pair": "sycophancy", "prompt": "Is tea red?"}
    assert load(file_of(question)).taxonomy.name == "bqd"
