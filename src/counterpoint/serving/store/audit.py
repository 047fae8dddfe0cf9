"""The audit trail: who read or changed what, whose, when. Written by `Transaction.note`; triggers keep it as it is."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from counterpoint.serving.store.records import PersonRow
from counterpoint.serving.store.schema import audit
from counterpoint.serving.store.store import Transaction


@dataclass(frozen=True)
class AuditLine:
    """One line.

    Attributes:
        number: rises with time.
        at: seconds since 1970.
        who: id of the API key, or `operator`.
        what: `events added`, `preferences read`, ...
        whose: the person's internal id, which says nothing once they are deleted; "" for nobody's.
        request: id of the request.
    """

    number: int
    at: float
    who: str
    what: str
    whose: str
    request: str


def trail(
    tx: Transaction, *, person: PersonRow | None = None, after: int = 0, limit: int = 100
) -> tuple[AuditLine, ...]:
    """Lines of the tenant, or about one person, with a number beyond `after`, oldest first."""
    columns = [audit.c[name] for name in AuditLine.__dataclass_fields__]
    statement = select(*columns).where(audit.c.tenant == tx.tenant, audit.c.number > after)
    if person is not None:
        statement = statement.where(audit.c.whose == person.id)
    return tuple(AuditLine(*row) for row in tx.execute(statement.order_by(audit.c.number).limit(limit)))
