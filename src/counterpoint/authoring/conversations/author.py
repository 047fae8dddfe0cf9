"""Conversations from personas to files: one run."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from counterpoint.authoring.conversations.prompts import PROMPTS
from counterpoint.authoring.conversations.roles import NAMES, REPAIRS, SAMPLING, Name, Role
from counterpoint.authoring.conversations.talk import Talk, hold
from counterpoint.authoring.journal import Draft, Journal, RejectedError
from counterpoint.authoring.llm import Endpoint
from counterpoint.authoring.provenance import About, write_records
from counterpoint.authoring.run import Outcome, Tally, run
from counterpoint.data.conversations import Conversation, Persona, as_row, parse_conversation, preference_rows
from counterpoint.runlog import write_text
from counterpoint.types import content_hash


@dataclass
class Conversations:
    """Writes conversations, slot by slot, and settles them.

    Args:
        personas: who talks; the seed mixes them, and they take turns.
        roles: who plays what.
        talk: how conversations are held.
    """

    personas: Sequence[Persona]
    roles: Mapping[Name, Role]
    talk: Talk
    aside: list[dict[str, Any]] = field(default_factory=list)
    """Conversations that were set aside, with the turns they have and the reason, in the order of decisions."""

    def __post_init__(self) -> None:
        self._order = list(self.personas)
        random.Random(content_hash("who talks", self.talk.seed)).shuffle(self._order)

    async def write(self, slot: int, attempt: int) -> Draft:
        """One conversation; one that failed is a draft too, so that its turns are kept. See `run.run`."""
        draw = random.Random(content_hash("somebody else", self.talk.seed, slot, attempt))
        persona = draw.choice(self._order) if attempt else self._order[slot % len(self._order)]
        held = await hold(persona, f"{slot}.{attempt}", self.roles, self.talk)
        if held.reason == "unavailable":  # the endpoint's fault: a resumed run goes on where this one was
            raise RejectedError(held.reason, held.detail, held.answers)
        temperatures = {name: self.roles[name].sampling.temperature for name in NAMES}
        checks = {"temperatures": temperatures, "failed_tries": list(held.failures), "unfounded": held.unfounded}
        row = {"conversation": as_row(held.conversation), "reason": held.reason, "detail": held.detail}
        return Draft(row, held.answers, checks)

    def settle(self, draft: Draft) -> Draft:
        """Set aside what failed. See `run.run`."""
        if draft.row["reason"]:
            self.aside.append(dict(draft.row))
            raise RejectedError(draft.row["reason"], draft.row["detail"], draft.answers)
        return draft

    async def author(
        self,
        count: int,
        *,
        journal: Journal,
        attempts: int = 2,
        parallel: int = 64,
        report: Callable[[Tally], None] | None = None,
    ) -> Outcome:
        """Hold `count` conversations, resuming what the journal holds. Instead of one set aside another is held."""
        settle, self.aside = self.settle, []
        return await run(
            count, self.write, settle, journal=journal, attempts=attempts, parallel=parallel, report=report
        )


def identity(
    personas: Sequence[Persona], roles: Mapping[Name, Role], talk: Talk, endpoints: Mapping[Name, Endpoint]
) -> list[object]:
    """All that decides the rows but their number: a longer run of the same identity goes on from a shorter one."""
    asked = [[name, endpoints[name].model, endpoints[name].name, asdict(roles[name].sampling)] for name in NAMES]
    people = [[persona.profile, persona.personality] for persona in personas]
    return ["conversations/1", asdict(talk), people, asked, [PROMPTS[name].reference for name in NAMES]]


def finish(
    work: Conversations,
    outcome: Outcome,
    out: Path,
    *,
    folder: Path,
    planned: int,
    licence: str,
    endpoints: Mapping[Name, Endpoint],
    preferences: Path | None = None,
) -> dict[str, Any]:
    """Write conversations, those set aside, provenance, rejections and card, each file whole; returns the card.

    Args:
        preferences: where to write a row a turn as TRL's trainers take them; nowhere if None.
    """
    conversations = [_read(draft) for _, _, draft in outcome.rows]
    told = {
        name: {"model": endpoints[name].model, "endpoint": endpoints[name].name, **asdict(work.roles[name].sampling)}
        for name in NAMES
    }
    about = About(
        name=out.stem,
        kind="conversations",
        licence=licence,
        planned=planned,
        settings={**asdict(work.talk), "personas": len(work.personas), "roles": told},
        counts=counts(conversations) | {"set_aside": len(work.aside)},
        sha256=content_hash([conversation.digest for conversation in conversations]),
    )
    card = write_records(folder, outcome, about, lambda draft: str(draft.row["conversation"]["id"]))
    write_text(out, _lines(as_row(conversation) for conversation in conversations))
    write_text(out.with_suffix(f".aside{out.suffix}"), _lines(work.aside))
    if preferences is not None:
        write_text(preferences, _lines(preference_rows(conversations)))
    return card


def counts(conversations: Sequence[Conversation]) -> dict[str, Any]:
    """What is in the conversations."""
    turns = [turn for conversation in conversations for turn in conversation.turns]
    depth = max((len(conversation.turns) for conversation in conversations), default=0)
    revealed = [
        [
            bool(c.turns[i].revealed_profile or c.turns[i].revealed_personality)
            for c in conversations
            if i < len(c.turns)
        ]
        for i in range(depth)
    ]
    return {
        "turns": len(turns),
        "personas": len({conversation.persona.id for conversation in conversations}),
        "preferred_by": dict(sorted(Counter(turn.preferred_by for turn in turns).items())),
        "continued": dict(sorted(Counter(turn.continued for turn in turns).items())),
        "something_revealed_by_turn": [round(sum(known) / len(known), 3) for known in revealed],
    }


class Price(NamedTuple):
    """What a run will ask and cost."""

    calls: int
    """If no turn fails."""
    tokens_in: int
    """Read in those calls."""
    tokens_out: int
    """Written in them, as long as answers usually are."""
    expected: float
    """US dollars for them."""
    at_most: float
    """US dollars if every try of every turn is used and every answer as long as it may be."""


_PERSON, _MESSAGE, _REPLY, _FORM = 130, 35, 70, 150
"""Tokens of a persona, a user's message, a reply, and the description of a form, about."""
_USUAL: Mapping[Name, int] = {
    "user": _MESSAGE,
    "induction": 60,
    "preferred": _REPLY,
    "rejected": _REPLY,
    "comparison": 10,
}


def price(count: int, talk: Talk, endpoints: Mapping[Name, Endpoint], *, attempts: int = 2) -> Price:
    """The price of a run, before it; a token is taken as four bytes."""
    names = [name for name in NAMES if talk.compare or name != "comparison"]
    calls = tokens_in = tokens_out = 0
    expected = most = 0.0
    for turn in range(talk.turns):
        for name in names:
            chat = turn * (_MESSAGE + _REPLY) + (0 if name == "user" else _MESSAGE)
            longest = turn * (SAMPLING["user"].max_tokens + SAMPLING["preferred"].max_tokens)
            fixed = len(PROMPTS[name].system + PROMPTS[name].user) // 4 + (0 if name == "rejected" else _PERSON)
            fixed += _FORM + (2 * _REPLY if name == "comparison" else 0)
            calls += count
            tokens_in += count * (fixed + chat)
            tokens_out += count * _USUAL[name]
            expected += count * endpoints[name].cost(fixed + chat, _USUAL[name])
            worst = endpoints[name].cost(fixed + longest + 2 * 512, SAMPLING[name].max_tokens)
            most += count * attempts * talk.tries * (1 + REPAIRS) * worst
    return Price(calls, tokens_in, tokens_out, expected, most)


def _read(draft: Draft) -> Conversation:
    conversation, faults = parse_conversation(draft.row["conversation"])
    if conversation is None:
        raise ValueError(f"a conversation of our own is not well formed: {faults}")
    return conversation


def _lines(rows: Any) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
