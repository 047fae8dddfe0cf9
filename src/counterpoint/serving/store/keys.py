"""API keys. A secret is shown once; the database has its SHA-256, which suffices for 256 random bits.

A secret looks like `cp_<id>_<random>`: found by its id, checked by its hash in constant time.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from counterpoint.serving.store.records import Principal, Scope
from counterpoint.serving.store.store import Store


@dataclass(frozen=True)
class ApiKey:
    """What is known of a key. `expires`: None for never. `replaces`: the key it was rotated from, or None."""

    id: str
    tenant: str
    name: str
    scopes: frozenset[Scope]
    created: float
    expires: float | None
    replaces: str | None


class Issued(NamedTuple):
    """A new key and its secret, which can't be had again."""

    key: ApiKey
    secret: str


def create_tenant(store: Store, name: str) -> None:
    """A new tenant. Raises `ConflictError` if there is one of this name."""
    raise NotImplementedError


def tenants(store: Store) -> tuple[str, ...]:
    """Names of all tenants, sorted."""
    raise NotImplementedError


def issue(store: Store, tenant: str, name: str, scopes: Collection[Scope], *, lasts: float | None = None) -> Issued:
    """A new key; it `lasts` so many seconds, None: until revoked. Raises `UnknownNameError`: no such tenant."""
    raise NotImplementedError


def rotate(store: Store, tenant: str, key: str, *, overlap: float) -> Issued:
    """A new key in place of one, with its name and scopes; the old one works for `overlap` more seconds."""
    raise NotImplementedError


def revoke(store: Store, tenant: str, key: str) -> None:
    """The key stops working now."""
    raise NotImplementedError


def keys(store: Store, tenant: str) -> tuple[ApiKey, ...]:
    """All keys of a tenant, oldest first, those that stopped working too."""
    raise NotImplementedError


def authenticate(store: Store, secret: str, *, request: str = "") -> Principal:
    """Who has this secret. Raises `BadKeyError`: unknown, malformed, expired or revoked."""
    raise NotImplementedError
