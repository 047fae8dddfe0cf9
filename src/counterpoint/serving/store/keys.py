"""API keys. A secret is shown once; the database has its SHA-256, which suffices for 256 random bits.

A secret looks like `cp_<id>_<random>`: found by its id, checked by its hash in constant time.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, select

from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.serving.store.records import BadKeyError, ConflictError, Principal, Scope
from counterpoint.serving.store.schema import api_keys
from counterpoint.serving.store.schema import tenants as tenant_table
from counterpoint.serving.store.store import Store, check_name

_FIND = select(api_keys).where(api_keys.c.id == bindparam("id"))
_NOBODY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class ApiKey:
    """What is known of a key.

    Attributes:
        id: public; in the audit trail.
        tenant: whose people it sees.
        name: what it is for.
        scopes: what it may do.
        created: seconds since 1970.
        expires: when it stops or stopped working; None: never.
        replaces: the key it was rotated from, or None.
    """

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
    check_name(name, "a tenant's name")
    with store.transaction() as connection:
        if name in _tenants(connection):
            raise ConflictError(f"there is a tenant {name!r} already")
        connection.execute(tenant_table.insert(), {"name": name, "created": store.clock()})


def tenants(store: Store) -> tuple[str, ...]:
    """Names of all tenants, sorted."""
    with store.transaction() as connection:
        return _tenants(connection)


def issue(store: Store, tenant: str, name: str, scopes: Collection[Scope], *, lasts: float | None = None) -> Issued:
    """A new key; it `lasts` so many seconds, None: until revoked. Raises `UnknownNameError`: no such tenant."""
    check_name(name, "a key's name")
    created = store.clock()
    expires = None if lasts is None else created + lasts
    key = ApiKey(secrets.token_hex(8), tenant, name, frozenset(scopes), created, expires, None)
    with store.transaction() as connection:
        if tenant not in (known := _tenants(connection)):
            raise UnknownNameError("tenant", tenant, known)
        return _insert(connection, key)


def rotate(store: Store, tenant: str, key: str, *, overlap: float) -> Issued:
    """A new key in place of one, with its name and scopes; the old one works for `overlap` more seconds.

    Raises:
        UnknownNameError: the tenant has no such key.
        BadInputError: the key doesn't work any more.
    """
    with store.transaction() as connection:
        old, now = _of_tenant(connection, tenant, key), store.clock()
        if old.expires is not None and old.expires <= now:
            raise BadInputError(f"key {key} expired or was revoked; issue a new one")
        _end(connection, old, now + overlap)
        return _insert(connection, replace(old, id=secrets.token_hex(8), created=now, replaces=old.id))


def revoke(store: Store, tenant: str, key: str) -> None:
    """The key stops working now. Raises `UnknownNameError`: the tenant has no such key."""
    with store.transaction() as connection:
        _end(connection, _of_tenant(connection, tenant, key), store.clock())


def keys(store: Store, tenant: str) -> tuple[ApiKey, ...]:
    """All keys of a tenant, oldest first, those that stopped working too."""
    statement = select(api_keys).where(api_keys.c.tenant == tenant).order_by(api_keys.c.created, api_keys.c.id)
    with store.transaction() as connection:
        return tuple(_key(row) for row in connection.execute(statement).mappings())


def authenticate(store: Store, secret: str, *, request: str = "") -> Principal:
    """Who has this secret. Raises `BadKeyError`: unknown, malformed, expired or revoked."""
    with store.reading() as connection:
        return check(connection, secret, store.clock(), request=request)


def check(connection: Connection, secret: str, now: float, *, request: str = "") -> Principal:
    """`authenticate` on a connection that is open already."""
    parts = secret.split("_")
    row = None
    if len(parts) == 3 and parts[0] == "cp" and len(parts[1]) == 16:
        row = connection.execute(_FIND, {"id": parts[1]}).mappings().first()
    same = hmac.compare_digest(_hash(secret), _NOBODY if row is None else str(row["hash"]))
    if row is None or not same or (row["expires"] is not None and row["expires"] <= now):
        raise BadKeyError("this API key is not valid")
    key = _key(row)
    return Principal(key.tenant, key.id, key.scopes, request)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _tenants(connection: Connection) -> tuple[str, ...]:
    return tuple(connection.scalars(select(tenant_table.c.name).order_by(tenant_table.c.name)))


def _of_tenant(connection: Connection, tenant: str, key: str) -> ApiKey:
    row = connection.execute(_FIND, {"id": key}).mappings().first()
    if row is None or row["tenant"] != tenant:
        raise UnknownNameError("API key", key, ())
    return _key(row)


def _end(connection: Connection, key: ApiKey, moment: float) -> None:
    """No later than it would end anyway."""
    expires = moment if key.expires is None else min(key.expires, moment)
    connection.execute(api_keys.update().where(api_keys.c.id == key.id), {"expires": expires})


def _insert(connection: Connection, key: ApiKey) -> Issued:
    secret = f"cp_{key.id}_{secrets.token_hex(32)}"
    row: dict[str, Any] = {
        "id": key.id,
        "tenant": key.tenant,
        "name": key.name,
        "hash": _hash(secret),
        "scopes": " ".join(sorted(key.scopes)),
        "created": key.created,
        "expires": key.expires,
        "replaces": key.replaces,
    }
    connection.execute(api_keys.insert(), row)
    return Issued(key, secret)


def _key(row: Any) -> ApiKey:
    scopes = frozenset(Scope(name) for name in row["scopes"].split())
    return ApiKey(row["id"], row["tenant"], row["name"], scopes, row["created"], row["expires"], row["replaces"])
