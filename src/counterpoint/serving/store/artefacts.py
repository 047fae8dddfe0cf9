"""What was trained on people's events: adapters, priors. Names carry a version and are never used again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, update

from counterpoint.errors import UnknownNameError
from counterpoint.serving.store.records import ConflictError, PersonRow
from counterpoint.serving.store.schema import artefact_people, artefacts
from counterpoint.serving.store.store import Transaction


@dataclass(frozen=True)
class Artefact:
    """Something trained.

    Attributes:
        name: with its version.
        sha256: of its weights.
        created: seconds since 1970.
        retired: since when it is not used any more; None: in use.
    """

    name: str
    sha256: str
    created: float
    retired: float | None


def register(tx: Transaction, name: str, *, sha256: str, people: Sequence[str]) -> Artefact:
    """Say that something was trained, and on rows of whom (names).

    Raises:
        ConflictError: the name was used before.
        UnknownPersonError, PersonDeletedError: one of the people is not here.
    """
    found = [tx.find(person) for person in people]
    if any(artefact.name == name for artefact in listed(tx)):
        raise ConflictError(f"the artefact name {name!r} was used before; give a new version")
    row = {"tenant": tx.tenant, "name": name, "created": tx.now, "retired": None, "sha256": sha256}
    tx.execute(artefacts.insert().values(**row))
    for person in found:
        tx.add(artefact_people, person, [{"artefact": name}])
    tx.note("artefact registered")
    return Artefact(name, sha256, tx.now, None)


def retire(tx: Transaction, name: str) -> None:
    """It is not used any more; its name stays taken. Raises `UnknownNameError`: there is none of this name."""
    if name not in (known := [artefact.name for artefact in listed(tx)]):
        raise UnknownNameError("artefact", name, known)
    own = artefacts.c.tenant == tx.tenant, artefacts.c.name == name
    tx.execute(update(artefacts).where(*own).values(retired=tx.now))
    tx.note("artefact retired")


def listed(tx: Transaction) -> tuple[Artefact, ...]:
    """All of the tenant's, oldest first."""
    columns = artefacts.c.name, artefacts.c.sha256, artefacts.c.created, artefacts.c.retired
    statement = select(*columns).where(artefacts.c.tenant == tx.tenant).order_by(artefacts.c.created, artefacts.c.name)
    return tuple(Artefact(*row) for row in tx.execute(statement))


def trained_on(tx: Transaction, person: PersonRow) -> tuple[str, ...]:
    """Names of the artefacts whose training rows included this person, sorted."""
    return tuple(sorted(row["artefact"] for row in tx.rows(artefact_people, person)))
