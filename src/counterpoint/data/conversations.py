"""Conversations with somebody who shows little by little who they are, with two replies to everything they say.

Form after ALOE (Wu et al. 2024, arXiv 2410.03642). One object a line:

    {"id": "c1", "persona": {"id": "p1", "profile": "...", "personality": "..."}, "source": "...",
     "turns": [{"user": "...", "preferred": "...", "rejected": "...", "continued": "rejected", "preferred_by": "hinted",
                "revealed_profile": "", "revealed_personality": "..."}, ...]}

Each turn has two replies, and one of them, drawn at random, is what the user heard: a conversation is a tree whose
trunk is what was said.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field, ValidationError

from counterpoint.data.faults import Fault, explain, shown
from counterpoint.data.json_records import records
from counterpoint.data.rows import OptionalText, Row, Text
from counterpoint.errors import BadDataError
from counterpoint.types import Problem, content_hash

Side = Literal["preferred", "rejected"]
"""One of the two replies of a turn."""

Writer = Literal["hinted", "plain"]
"""Who wrote a reply: the role that was told what the user had revealed, or the one that wasn't."""


@dataclass(frozen=True)
class Persona:
    """A made-up person: who they are and how they are."""

    id: str
    profile: str
    """Daily, objective facts: age, work, home, hobbies."""
    personality: str
    """Traits and manners."""


@dataclass(frozen=True)
class Turn:
    """What the user said, the two replies to it, and what the user had given away by then."""

    user: str
    preferred: str
    rejected: str
    continued: Side
    """Which reply the user heard and went on from."""
    revealed_profile: str = ""
    """What of the profile the user's messages up to this one show; empty: nothing."""
    revealed_personality: str = ""
    """Likewise of the personality."""
    preferred_by: Writer = "hinted"
    """Who wrote the preferred reply; `plain` where a comparison turned the two round."""

    @property
    def heard(self) -> str:
        """The reply that the user heard."""
        return self.preferred if self.continued == "preferred" else self.rejected


class Said(NamedTuple):
    """One message of a chat."""

    role: Literal["system", "user", "assistant"]
    text: str


@dataclass(frozen=True)
class Conversation:
    """Turns with one persona, which no reply may be trained to have read."""

    id: str
    persona: Persona
    turns: tuple[Turn, ...]
    source: str = ""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what was said and might have been, whatever the ids."""
        return content_hash([[t.user, t.preferred, t.rejected, t.continued] for t in self.turns])

    def before(self, turn: int) -> tuple[Said, ...]:
        """What was said up to and with the user's message of this turn (the first is 0): what its replies answer."""
        said: list[Said] = []
        for past in self.turns[:turn]:
            said += [Said("user", past.user), Said("assistant", past.heard)]
        return (*said, Said("user", self.turns[turn].user))


class _PersonaRow(Row):
    id: OptionalText = ""
    profile: Text
    personality: Text


class _TurnRow(Row):
    user: Text
    preferred: Text
    rejected: Text
    continued: Side
    revealed_profile: OptionalText = ""
    revealed_personality: OptionalText = ""
    preferred_by: Writer = "hinted"


class _ConversationRow(Row):
    id: OptionalText = ""
    persona: _PersonaRow
    turns: tuple[_TurnRow, ...] = Field(min_length=1)
    source: OptionalText = ""


class Conversations(NamedTuple):
    """The good conversations of a file, and what is wrong with the others."""

    conversations: tuple[Conversation, ...]
    problems: tuple[Problem, ...]


def load_conversations(path: str | Path) -> tuple[Conversation, ...]:
    """All conversations of a file.

    Raises:
        BadDataError: with every problem found.
    """
    read = read_conversations(path)
    if read.problems:
        raise BadDataError(read.problems)
    return read.conversations


def read_conversations(path: str | Path) -> Conversations:
    """Every good conversation of a JSONL file or JSON array, and every problem."""
    found: dict[str, Conversation] = {}
    problems: list[Problem] = []
    for item in records(Path(path)):
        if isinstance(item, Problem):
            problems.append(item)
            continue
        conversation, faults = parse_conversation(item.value)
        if conversation is not None and conversation.id in found:
            faults = (Fault("id", "is that of a conversation further up", shown(conversation.id)),)
        elif conversation is not None:
            found[conversation.id] = conversation
        problems += [Problem(str(path), item.place, *fault) for fault in faults]
    return Conversations(tuple(found.values()), tuple(problems))


def parse_conversation(row: object) -> tuple[Conversation | None, tuple[Fault, ...]]:
    """One object read, or all that is wrong with it. A row without id gets one from its content."""
    if not isinstance(row, dict):
        return None, (Fault("", "must be an object with named fields", shown(row)),)
    try:
        read = _ConversationRow.model_validate(row)
    except ValidationError as error:
        return None, tuple(explain(error, _ConversationRow))
    faults = tuple(
        Fault(f"turns[{i}].rejected", "says the same as preferred", shown(turn.rejected))
        for i, turn in enumerate(read.turns)
        if _words(turn.preferred) == _words(turn.rejected)
    )
    if faults:
        return None, faults
    persona = Persona(**read.persona.model_dump())
    turns = tuple(Turn(**turn.model_dump()) for turn in read.turns)
    conversation = Conversation(read.id, persona, turns, read.source)
    return (
        conversation if read.id else Conversation(f"talk-{conversation.digest[:12]}", persona, turns, read.source)
    ), ()


def load_personas(path: str | Path) -> tuple[Persona, ...]:
    """Personas of a JSONL file or JSON array: `{"id": "p1", "profile": "...", "personality": "..."}` each.

    Raises:
        BadDataError: with every problem found.
    """
    found: dict[str, Persona] = {}
    problems: list[Problem] = []
    for item in records(Path(path)):
        if isinstance(item, Problem):
            problems.append(item)
            continue
        try:
            row = _PersonaRow.model_validate(item.value)
        except ValidationError as error:
            problems += [Problem(str(path), item.place, *fault) for fault in explain(error, _PersonaRow)]
            continue
        name = row.id or f"persona-{content_hash(row.profile, row.personality)[:12]}"
        if name in found:
            problems.append(Problem(str(path), item.place, "id", "is that of a persona further up", shown(name)))
        found[name] = Persona(name, row.profile, row.personality)
    if problems:
        raise BadDataError(problems)
    return tuple(found.values())


def as_row(conversation: Conversation) -> dict[str, Any]:
    """A conversation as the object that `parse_conversation` reads."""
    return asdict(conversation) | {"turns": [asdict(turn) for turn in conversation.turns]}


def preference_rows(conversations: Iterable[Conversation]) -> Iterator[dict[str, Any]]:
    """One row a turn as TRL's preference trainers take them: messages so far, chosen and rejected reply."""
    for conversation in conversations:
        for i, turn in enumerate(conversation.turns):
            yield {
                "id": f"{conversation.id}/{i}",
                "prompt": [{"role": said.role, "content": said.text} for said in conversation.before(i)],
                "chosen": [{"role": "assistant", "content": turn.preferred}],
                "rejected": [{"role": "assistant", "content": turn.rejected}],
            }


def as_line(conversation: Conversation) -> str:
    """`as_row` as a JSON line."""
    return json.dumps(as_row(conversation), ensure_ascii=False) + "\n"


def _words(text: str) -> list[str]:
    return text.casefold().split()
