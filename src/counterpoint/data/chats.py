"""General chat data: what an assistant is trained on beside conversations with people, so that it forgets nothing.

One chat a line, in the form that chat models are usually trained on; other fields are ignored:

    {"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}, ...]}

A system message may stand first; then user and assistant take turns, the user first. A last message of the user's is
left out, because no reply follows.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from counterpoint.data.conversations import Said
from counterpoint.data.faults import Fault, shown
from counterpoint.data.json_records import records
from counterpoint.errors import BadDataError, BadInputError
from counterpoint.types import Problem

Chat = tuple[Said, ...]


class _Message(BaseModel):
    role: Literal["system", "user", "assistant"]
    content: str = Field(min_length=1)


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore")
    messages: list[_Message]


def load_chats(path: str | Path) -> tuple[Chat, ...]:
    """All chats of a JSONL file or JSON array.

    Raises:
        BadDataError: with every problem found.
    """
    found: list[Chat] = []
    problems: list[Problem] = []
    for item in records(Path(path)):
        if isinstance(item, Problem):
            problems.append(item)
            continue
        chat = _parse(item.value)
        if isinstance(chat, Fault):
            problems.append(Problem(str(path), item.place, *chat))
        else:
            found.append(chat)
    if problems:
        raise BadDataError(problems)
    return tuple(found)


def mixed_in(chats: Sequence[Chat], conversations: int, *, share: float, seed: int) -> tuple[Chat, ...]:
    """So many chats, drawn by the seed, that they are this share of all there is; all of them where that isn't enough.

    Raises:
        BadInputError: the share is not between 0 and 1.
    """
    if not 0 <= share < 1:
        raise BadInputError(f"chat_share must be at least 0 and below 1 (got {share})")
    wanted = round(conversations * share / (1 - share))
    return tuple(random.Random(f"chats {seed}").sample(list(chats), min(wanted, len(chats))))


def _parse(row: object) -> Chat | Fault:
    try:
        messages = _Row.model_validate(row).messages
    except ValidationError as error:
        first = error.errors()[0]
        return Fault(".".join(map(str, first["loc"])), first["msg"], shown(first["input"]))
    talk = messages[1:] if messages and messages[0].role == "system" else messages
    for number, message in enumerate(talk):
        expected = "user" if number % 2 == 0 else "assistant"
        if message.role != expected:
            at = number + len(messages) - len(talk)
            return Fault(f"messages[{at}].role", f"must be {expected}: they take turns", shown(message.role))
    if len(talk) < 2:
        return Fault("messages", "must hold a user's message and a reply", shown(len(messages)))
    whole = messages[:-1] if talk[-1].role == "user" else messages
    return tuple(Said(message.role, message.content) for message in whole)
