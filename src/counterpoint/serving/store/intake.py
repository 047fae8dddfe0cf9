"""Events as they are sent, checked and brought into the form that is kept."""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from counterpoint.data.faults import Fault, shown
from counterpoint.errors import BadDataError
from counterpoint.serving.store.bank import Bank
from counterpoint.serving.store.records import ConflictError, NewEvent, StoredEvent
from counterpoint.serving.store.schema import NAME
from counterpoint.types import Choice, Problem
from counterpoint.users.events import check

DAY = 86400.0
"""Seconds; clocks may differ by so much before an event counts as dated in the future."""
MOST_TEXT = 20_000
"""Characters of one text."""
STRONGEST = 20.0
"""Log-odds."""


def as_choice(event: NewEvent, now: float) -> Choice:
    """As inference reads it, under the name given or a new one; nobody's name is in it."""
    return Choice(
        event.id or secrets.token_hex(8),
        "",
        now if event.time is None else float(event.time),
        event.kind,
        dilemma=event.dilemma,
        groups=event.groups,
        scene=event.scene,
        texts=event.texts,
        pole=event.pole,
        strength=event.strength,
        target=event.target,
    )


def checked(events: Sequence[NewEvent], bank: Bank, now: float) -> list[Choice]:
    """Events as choices that name dilemmas by digest.

    Raises:
        BadDataError: with every problem of every event.
    """
    # events without a time happened just now, in the order they were sent
    choices = [as_choice(event, now + place * 1e-6) for place, event in enumerate(events)]
    problems = [
        Problem("events", f"event {place}", *fault)
        for place, choice in enumerate(choices)
        for fault in faults_of(choice, bank, now)
    ]
    if problems:
        raise BadDataError(problems)
    return [replace(c, dilemma=bank.dilemmas[c.dilemma].digest) if c.dilemma else c for c in choices]


def as_stored(choice: Choice, *, sequence: int, learned_at: float) -> StoredEvent:
    """The form that is kept; fields that say nothing are left out."""
    fields = {
        name: getattr(choice, name) for name in ("dilemma", "groups", "scene", "texts", "pole", "strength", "target")
    }
    payload = {name: _plain(value) for name, value in fields.items() if value not in ("", (), None)}
    return StoredEvent(sequence, choice.id, choice.kind.value, choice.time, learned_at, payload)


def split(
    events: Sequence[StoredEvent], known: Mapping[str, StoredEvent], timed: Sequence[bool]
) -> tuple[list[StoredEvent], int]:
    """Those that are new, and how many were there already.

    Args:
        events: what was sent.
        known: what is there under their ids.
        timed: whether the sender said when; otherwise the moment of sending is no part of the content.

    Raises:
        ConflictError: an id stands for something else.
    """
    fresh: dict[str, StoredEvent] = {}
    repeated = 0
    for event, has_time in zip(events, timed, strict=True):
        before = known.get(event.id) or fresh.get(event.id)
        if before is None:
            fresh[event.id] = event
            continue
        same = before.kind == event.kind and before.payload == event.payload
        if not same or (has_time and before.happened_at != event.happened_at):
            raise ConflictError(f"the event id {event.id!r} stands for a different event; ids must be unique")
        repeated += 1
    return list(fresh.values()), repeated


def faults_of(choice: Choice, bank: Bank, now: float) -> list[Fault]:
    """Everything that is wrong with an event."""
    return [*_faults(choice, now), *check(choice, bank.dilemmas, bank.taxonomy)]


def _faults(choice: Choice, now: float) -> list[Fault]:
    """What both databases must be able to keep, and what a clock can't have shown."""
    faults = []
    for field, longest in (("id", NAME), ("scene", NAME), ("dilemma", NAME), ("pole", NAME), ("target", NAME)):
        value = getattr(choice, field)
        if len(value) > longest:
            faults.append(Fault(field, f"is longer than {longest} characters", shown(value)))
        elif not storable(value):
            faults.append(Fault(field, "has characters that are no text", shown(value)))
    for text in choice.texts:
        if not 0 < len(text) <= MOST_TEXT or not storable(text):
            faults.append(Fault("texts", f"must be 1 to {MOST_TEXT:,} characters of text each", shown(text)))
    if not 0 <= choice.time <= now + DAY:
        faults.append(Fault("time", "must be seconds since 1970 and not in the future", shown(choice.time)))
    if choice.strength is not None and not (math.isfinite(choice.strength) and 0 < choice.strength <= STRONGEST):
        faults.append(Fault("strength", f"must be above 0 and at most {STRONGEST:g}", shown(choice.strength)))
    return faults


def storable(value: object) -> bool:
    """No NUL, which PostgreSQL refuses, and no half surrogate pairs, which UTF-8 can't say, in any text in a value."""
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= letter <= "\udfff" for letter in value)
    if isinstance(value, dict):
        return all(storable(key) and storable(item) for key, item in value.items())
    return not isinstance(value, list) or all(storable(item) for item in value)


def _plain(value: Any) -> Any:
    """As JSON reads it back, so that equal content is equal."""
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
