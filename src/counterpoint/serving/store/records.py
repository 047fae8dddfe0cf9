"""What the store takes and gives, frozen, and its errors. No database in here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from counterpoint.errors import BadInputError, CounterpointError
from counterpoint.types import ChoiceKind

CORRECTED, WITHDRAWN = "corrected", "withdrawn"
"""Kinds of event beside those of `ChoiceKind`: a person's own word on a value pair, and its withdrawal."""


class Scope(StrEnum):
    """What an API key may do."""

    CHAT = "chat"
    READ = "people:read"
    WRITE = "people:write"
    DELETE = "people:delete"
    ADMIN = "admin"


@dataclass(frozen=True)
class Principal:
    """Who asks: a tenant's API key, checked. Everything is done in this tenant and written down under this key.

    Attributes:
        tenant: whose people they can see.
        key: id of the API key, or `operator` for the command line.
        scopes: what the key may do; the doors check it, not the store.
        request: id of the request, for the audit trail.
    """

    tenant: str
    key: str
    scopes: frozenset[Scope] = frozenset()
    request: str = ""


@dataclass(frozen=True)
class NewEvent:
    """An event as it is sent; fields are those of `types.Choice`.

    Attributes:
        kind: what was done.
        id: the sender's name for it, unique for the person; "": one is given.
        time: when it happened, seconds since 1970; None: now.
        dilemma: id or digest.
        groups: option indices, best group first.
        scene: where.
        texts: for liked, disliked and edited.
        pole: for said.
        strength: for said, log-odds.
        target: for retracted: the event taken back.
    """

    kind: ChoiceKind
    id: str = ""
    time: float | None = None
    dilemma: str = ""
    groups: tuple[tuple[int, ...], ...] = ()
    scene: str = ""
    texts: tuple[str, ...] = ()
    pole: str = ""
    strength: float | None = None
    target: str = ""


@dataclass(frozen=True)
class StoredEvent:
    """An event as it is kept.

    Attributes:
        sequence: 1, 2, ... in the order we learnt of this person's events.
        id: unique for the person.
        kind: one of `ChoiceKind`, `CORRECTED` or `WITHDRAWN`.
        happened_at: seconds since 1970.
        learned_at: seconds since 1970, by our clock.
        payload: the rest, by field; fields that say nothing are left out. Corrected: `value_pair` and `value`;
            withdrawn: `value_pair`.
    """

    sequence: int
    id: str
    kind: str
    happened_at: float
    learned_at: float
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PersonRow:
    """Somebody in the store.

    Attributes:
        id: internal, random, 32 hex digits.
        name: what the tenant calls them.
        created: seconds since 1970.
        sequence: of their last event; 0: none.
    """

    id: str
    name: str
    created: float
    sequence: int


class UnknownPersonError(CounterpointError, KeyError):
    """Nobody of this name in the tenant. HTTP: 404."""

    def __init__(self, name: str) -> None:
        self.message = f"there is nobody called {name!r} here; people begin with their first event"
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message


class PersonDeletedError(CounterpointError):
    """The person was deleted; nothing is taken in about them any more. HTTP: 410."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name!r} was deleted; events that come late are refused")


class ConflictError(BadInputError):
    """An id or idempotency key was used before for something else. HTTP: 409."""


class BadKeyError(CounterpointError):
    """The API key is unknown, expired or revoked; which of them is not said. HTTP: 401."""


class StoreError(CounterpointError):
    """The database can't be used as it is: not there, older or newer than this program, damaged. HTTP: 503."""
