"""API keys: shown once, kept as hashes, rotated with an overlap."""

from __future__ import annotations

import pytest

from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.serving.store import keys, schema
from counterpoint.serving.store.keys import authenticate, issue, revoke, rotate
from counterpoint.serving.store.records import BadKeyError, ConflictError, Scope
from counterpoint.serving.store.store import Store
from serving.conftest import Clock

NOT_VALID = r"^this API key is not valid$"
SCOPES = [Scope.READ, Scope.CHAT]


def works(store: Store, secret: str) -> bool:
    try:
        authenticate(store, secret)
    except BadKeyError:
        return False
    return True


def test_a_secret_tells_who_has_it(store: Store) -> None:
    issued = issue(store, "acme", "web", SCOPES)
    who = authenticate(store, issued.secret, request="r1")
    assert (who.tenant, who.key, who.scopes, who.request) == ("acme", issued.key.id, frozenset(SCOPES), "r1")


def test_no_secret_is_in_the_database(store: Store) -> None:
    issued = issue(store, "acme", "web", SCOPES)
    with store.reading() as connection:
        rows = [tuple(row) for row in connection.execute(schema.api_keys.select())]
    assert issued.secret.split("_")[2] not in str(rows)


def test_what_is_no_key_is_refused_without_saying_why(store: Store, clock: Clock) -> None:
    issued = issue(store, "acme", "web", SCOPES, lasts=10.0)
    id_ = issued.key.id
    for wrong in (
        "",
        "cp",
        "cp__",
        "x_y_z",
        f"cp_{id_}_",
        f"cp_{id_}_{'0' * 64}",
        f"cp_{'0' * 16}_{'0' * 64}",
        "cp_é_\0",
    ):
        with pytest.raises(BadKeyError, match=NOT_VALID):
            authenticate(store, wrong)
    assert works(store, issued.secret)
    clock.now += 10
    with pytest.raises(BadKeyError, match=NOT_VALID):
        authenticate(store, issued.secret)


def test_rotation_overlaps(store: Store, clock: Clock) -> None:
    old = issue(store, "acme", "web", SCOPES)
    clock.now += 1
    new = rotate(store, "acme", old.key.id, overlap=60.0)
    assert (new.key.name, new.key.scopes, new.key.replaces) == ("web", frozenset(SCOPES), old.key.id)
    assert works(store, old.secret)
    assert works(store, new.secret)
    clock.now += 60
    assert (works(store, old.secret), works(store, new.secret)) == (False, True)
    with pytest.raises(BadInputError, match="expired"):
        rotate(store, "acme", old.key.id, overlap=60.0)
    revoke(store, "acme", new.key.id)
    assert not works(store, new.secret)
    assert [key.id for key in keys.keys(store, "acme")] == [old.key.id, new.key.id]


def test_rotation_does_not_lengthen_a_key_s_life(store: Store, clock: Clock) -> None:
    old = issue(store, "acme", "web", SCOPES, lasts=5.0)
    rotate(store, "acme", old.key.id, overlap=60.0)
    clock.now += 5
    assert not works(store, old.secret)


def test_a_tenant_can_t_touch_another_s_keys(store: Store) -> None:
    issued = issue(store, "acme", "web", SCOPES)
    assert keys.keys(store, "rival") == ()
    with pytest.raises(UnknownNameError):
        revoke(store, "rival", issued.key.id)
    with pytest.raises(UnknownNameError):
        rotate(store, "rival", issued.key.id, overlap=0)
    assert works(store, issued.secret)


def test_tenants_have_names_of_their_own(store: Store) -> None:
    assert keys.tenants(store) == ("acme", "rival")
    with pytest.raises(ConflictError):
        keys.create_tenant(store, "acme")
    with pytest.raises(UnknownNameError, match="Did you mean 'acme'"):
        issue(store, "acmee", "web", SCOPES)
    with pytest.raises(BadInputError):
        keys.create_tenant(store, "")
