"""GET /v1/audit: who read or changed what, whose, when."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from counterpoint.serving.doors.errors import documented
from counterpoint.serving.routes.fields import Admin, Name, Strict, written
from counterpoint.serving.service import Served
from counterpoint.serving.store.audit import trail

router = APIRouter(tags=["operation"])


class AuditOut(Strict):
    """One line."""

    number: int
    at: str
    who: str = Field(description="Id of the API key, or operator.")
    what: str
    whose: str = Field(description="The person's internal id; says nothing once they are deleted.")
    request: str


class TrailOut(Strict):
    """Lines, oldest first. The next page begins `after` the last number of this one."""

    lines: list[AuditOut]


@router.get("/v1/audit", response_model=TrailOut, responses=documented(404, 410))
def get_audit(
    who: Admin,
    service: Served,
    person: Annotated[Name | None, Query(description="Only lines about them.")] = None,
    after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> TrailOut:
    """The tenant's audit trail. Reading it is written down, too."""
    with service.store.begin(who) as tx:
        tx.note("audit read")
        found = trail(tx, person=None if person is None else tx.find(person), after=after, limit=limit)
    lines = [
        AuditOut(
            number=one.number,
            at=written(one.at) or "",
            who=one.who,
            what=one.what,
            whose=one.whose,
            request=one.request,
        )
        for one in found
    ]
    return TrailOut(lines=lines)
