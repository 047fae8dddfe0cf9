"""Conversations read, written, and seen as dilemmas and as preference rows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from counterpoint.data import load
from counterpoint.data.conversations import (
    Conversation,
    Persona,
    Said,
    Turn,
    as_line,
    as_row,
    load_conversations,
    load_personas,
    parse_conversation,
    preference_rows,
    read_conversations,
)
from counterpoint.errors import BadDataError, BadInputError

PERSONA = Persona("p", "A welder of 40.", "Says little.")
TALK = Conversation(
    "t",
    PERSONA,
    (
        Turn("Cold.", "Tea?", "How can I help you?", "rejected"),
        Turn("No.", "Fine.", "Why not?", "preferred", "a welder", "", "plain"),
    ),
)


def test_what_was_said_is_the_trunk_of_replies_that_were_heard() -> None:
    assert TALK.before(0) == (("user", "Cold."),)
    assert TALK.before(1) == (Said("user", "Cold."), Said("assistant", "How can I help you?"), Said("user", "No."))


def test_a_conversation_written_reads_as_the_same(tmp_path: Path) -> None:
    file = tmp_path / "talks.jsonl"
    other = replace(TALK, id="u", turns=TALK.turns[:1])
    file.write_text(as_line(TALK) + as_line(other), encoding="utf-8")
    assert load_conversations(file) == (TALK, other)


def test_a_row_without_id_has_one_from_its_content() -> None:
    row = as_row(TALK)
    del row["id"]
    first, second = parse_conversation(row)[0], parse_conversation(row | {"source": "elsewhere"})[0]
    assert first is not None
    assert second is not None
    assert first.id == second.id == f"talk-{TALK.digest[:12]}"


def test_every_problem_is_told(tmp_path: Path) -> None:
    same = as_row(TALK) | {"id": "same"}
    same["turns"] = [{**same["turns"][0], "rejected": "tea?"}]
    bad = [as_row(TALK), as_row(TALK), same, {"id": "x", "persona": {"profile": ""}, "turns": []}, [1], {"turnz": 1}]
    file = tmp_path / "talks.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in bad) + "{\n", encoding="utf-8")
    read = read_conversations(file)
    assert read.conversations == (TALK,)
    told = [str(problem) for problem in read.problems]
    for part in (
        "line 2, id: is that of a conversation further up",
        "line 3, turns[0].rejected: says the same as preferred",
        "line 4, persona.profile: is empty",
        "line 4, turns: has 0 of at least 1",
        "line 5: must be an object",
        "line 6, turnz: unknown key",
        "line 7",
    ):
        assert any(part in line for line in told), (part, told)
    with pytest.raises(BadDataError, match="turns"):
        load_conversations(file)


def test_personas_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "personas.jsonl"
    file.write_text('{"id": "p", "profile": "A welder of 40.", "personality": "Says little."}\n', encoding="utf-8")
    assert load_personas(file) == (PERSONA,)
    file.write_text(file.read_text() * 2 + '{"profile": "A"}\n', encoding="utf-8")
    with pytest.raises(BadDataError, match=r"(?s)line 2.*further up.*personality: is missing"):
        load_personas(file)


def test_a_file_of_conversations_loads_as_dilemmas_about_the_last_turn(tmp_path: Path) -> None:
    file = tmp_path / "talks.jsonl"
    file.write_text(as_line(TALK), encoding="utf-8")
    (dilemma,) = load(file).dilemmas
    assert dilemma.scenario == "User: Cold.\n\nAssistant: How can I help you?\n\nUser: No."
    assert [(option.text, option.pole) for option in dilemma.options] == [
        ("Fine.", "Preferred"),
        ("Why not?", "Dispreferred"),
    ]
    with pytest.raises(BadDataError, match="several value pairs"):
        load(file, taxonomy="vcd")


def test_preference_rows_load_as_a_dilemma_a_turn(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in preference_rows([TALK])), encoding="utf-8")
    first, second = load(file).dilemmas
    assert (first.id, first.scenario) == ("t/0", "Cold.")
    assert second.scenario == "User: Cold.\n\nAssistant: How can I help you?\n\nUser: No."
    assert [option.text for option in second.options] == ["Fine.", "Why not?"]


def test_dilemmas_cannot_be_written_as_conversations(tmp_path: Path) -> None:
    from counterpoint.data.writing import write

    with pytest.raises(BadInputError, match="can't be written as conversations"):
        write(load("toy"), tmp_path / "x.jsonl", source="conversations")
    assert not list(tmp_path.iterdir())
