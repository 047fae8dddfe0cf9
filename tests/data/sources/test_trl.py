"""Preference rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from made_up import AVERSE, RISK, TAKING, data_set, dilemma

from counterpoint.data import load
from counterpoint.data.source import SOURCES, Context
from counterpoint.data.taxonomy import taxonomy
from counterpoint.data.writing import write
from counterpoint.types import Dilemma, Option

TRL = SOURCES.get("trl")
PREFERENCE = Context(taxonomy("preference"), Path("rows.jsonl"))
VCD = Context(taxonomy("vcd"), Path("rows.jsonl"))


def row(**changes: Any) -> dict[str, Any]:
    return {"prompt": "Tea?", "chosen": "Gladly.", "rejected": "No.", **changes}


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def reply(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def parsed(value: object, context: Context) -> Dilemma:
    record = TRL.parse(value, context).record
    assert isinstance(record, Dilemma)
    return record


def test_a_row_without_a_pole_is_a_plain_preference() -> None:
    options = (Option("Gladly.", "Preferred"), Option("No.", "Dispreferred"))
    assert parsed(row(), PREFERENCE) == Dilemma("", "Preference", "Tea?", options, source="trl")


def test_the_pole_of_a_row_is_that_of_the_chosen_option() -> None:
    found = parsed(row(pole=AVERSE), VCD)
    assert found.value_pair == RISK
    assert [option.pole for option in found.options] == [AVERSE, TAKING]


@pytest.mark.parametrize(
    "chat",
    [
        row(prompt=[user("Tea?")], chosen=[reply("Gladly.")], rejected=[reply("No.")]),
        row(prompt="Tea?", chosen=[reply("Gladly.")], rejected=[reply("No.")]),
        {"chosen": [user("Tea?"), reply("Gladly.")], "rejected": [user("Tea?"), reply("No.")]},
    ],
)
def test_chat_messages_say_the_same_as_texts(chat: dict[str, Any]) -> None:
    assert parsed(chat, PREFERENCE) == parsed(row(), PREFERENCE)


def test_a_longer_conversation_is_written_out_by_role() -> None:
    chat = row(prompt=[user("Hi"), reply("Hello"), user("Tea?")], chosen=[reply("Gladly.")], rejected=[reply("No.")])
    assert parsed(chat, PREFERENCE).scenario == "User: Hi\n\nAssistant: Hello\n\nUser: Tea?"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (row(chosen=""), "chosen"),
        (row(rejected=None), "rejected"),
        ({"prompt": "Tea?", "chosen": "Gladly."}, "rejected"),
        (row(rejected="Gladly."), "rejected"),
        (row(rejected="gladly. "), "chosen, rejected[1].text"),
        (row(pole="Risk-takin"), "pole"),
        (row(value_pair="Risk"), "value_pair"),
        (row(value_pair="Time Preference", pole=TAKING), "pole"),
        ({"chosen": [user("Tea?")], "rejected": [user("Coffee?")]}, "prompt"),
        (row(chosen=[], rejected=[]), "chosen"),
        (row(chosen=[{"role": "user"}], rejected=[reply("No.")]), "chosen[0].content"),
        ("text", ""),
    ],
)
def test_wrong_rows_are_told(wrong: object, field: str) -> None:
    found = TRL.parse(wrong, VCD if not isinstance(wrong, dict) or "pole" in wrong else PREFERENCE)
    assert found.record is None
    assert field in [fault.field for fault in found.faults]


def test_a_row_without_pole_or_pair_fits_no_taxonomy_of_several_pairs() -> None:
    (fault,) = TRL.parse(row(), VCD).faults
    assert fault.message == "names no value pair and no pole"


def test_the_taxonomy_is_found_from_the_rows(file_of: Any) -> None:
    assert load(file_of(row())).taxonomy.name == "preference"
    assert load(file_of(row(pole=AVERSE))).taxonomy.name == "vcd"


def test_a_dilemma_is_written_as_every_right_and_wrong_pair_under_either_pole(tmp_path: Path) -> None:
    found = dilemma("d", ("a", TAKING), ("b", AVERSE), ("c", AVERSE), scenario="Tea?")
    rows = list(TRL.render(data_set(found)))
    assert [(r["pole"], r["chosen"], r["rejected"]) for r in rows] == [
        (TAKING, "a", "b"),
        (TAKING, "a", "c"),
        (AVERSE, "b", "a"),
        (AVERSE, "c", "a"),
    ]
    pair = taxonomy("vcd").by_name[RISK]
    assert [pair.pole(r["pole"]).description in r["prompt"] for r in rows] == [True] * 4
    assert all(r["prompt"].startswith("Tea?\n\n") for r in rows), "the scenario first, so that prompts share a prefix"
    write(data_set(found), tmp_path / "out.jsonl", source="trl")
    again = load(tmp_path / "out.jsonl")
    assert [[o.text for o in d.options] for d in again.dilemmas] == [["a", "b"], ["a", "c"], ["b", "a"], ["c", "a"]]
    assert again.dilemmas[2].options[0].pole == AVERSE
