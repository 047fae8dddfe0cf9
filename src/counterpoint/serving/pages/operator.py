"""For the operator: people, load, latency and drift."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Query, Request
from starlette.responses import Response

from counterpoint.serving.doors.sessions import LINK, Visitor
from counterpoint.serving.pages import charts, figures
from counterpoint.serving.pages.errors import pages_router
from counterpoint.serving.pages.render import show
from counterpoint.serving.pages.visitors import Genuine, Operator, Served, link_address
from counterpoint.serving.people import Preferences
from counterpoint.serving.service import Service
from counterpoint.serving.store.records import PersonDeletedError, Principal, UnknownPersonError

router = pages_router()

AT_ONCE = 20
"""People on a page."""
BACK = 30 * 86400.0
"""Seconds that drift looks back."""


@router.get("/operator")
def overview(
    request: Request, service: Served, who: Operator, after: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """Everything at a glance; people a page at a time, by name."""
    return _page(request, service, who, after=after)


@router.post("/operator/link", dependencies=[Genuine])
def make_link(request: Request, service: Served, who: Operator, name: Annotated[str, Form(max_length=200)]) -> Response:
    """A link for one person, to be sent to them."""
    token = service.sessions.link(Visitor(who.tenant, who.key, name))
    base = service.settings.public_url or str(request.base_url)
    made = (name, link_address(base, token), round(LINK / 60))
    return _page(request, service, who, say=f"A link for {name} is there.", made=made)


def _page(
    request: Request,
    service: Service,
    who: Principal,
    *,
    after: str = "",
    say: str = "",
    made: tuple[str, str, int] | None = None,
) -> Response:
    found = service.people.people(who, after=after, limit=AT_ONCE + 1)
    shown = found[:AT_ONCE]
    with service.store.begin(who) as transaction:
        total, now = transaction.count_people(), transaction.now
    stand = [(row, both) for row in shown if (both := _then_and_now(service, who, row.name, now)) is not None]
    buckets = figures.latency(service.metrics.text().decode())
    return show(
        request,
        "operator",
        signed_in=True,
        say=say,
        people=[(row, both[1]) for row, both in stand],
        total=total,
        after=after,
        next_after=shown[-1].name if len(found) > AT_ONCE else "",
        load=service.metrics.load(),
        latency=buckets,
        latency_chart=charts.columns("latency", "Answers by how long they took", buckets),
        drift=figures.drift([both for _, both in stand]),
        drift_days=round(BACK / 86400),
        model=service.chat.default_model,
        tenant=who.tenant,
        made=made,
    )


def _then_and_now(service: Service, who: Principal, name: str, now: float) -> tuple[Preferences, Preferences] | None:
    """Where somebody stood and stands; None if they went meanwhile."""
    try:
        return service.people.preferences(who, name, as_of=now - BACK), service.people.preferences(who, name)
    except (UnknownPersonError, PersonDeletedError):
        return None
