"""Who is looking, and at whose pages.

An operator came with an API key and may look at everybody of the tenant; a person came by a link and sees their own
pages alone, whatever the address says.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Request

from counterpoint.serving.doors.errors import ApiError
from counterpoint.serving.doors.rates import Rates
from counterpoint.serving.doors.sessions import Visitor
from counterpoint.serving.service import Service, service_of
from counterpoint.serving.store.keys import keys
from counterpoint.serving.store.records import Principal

SIGN_IN, LINK, OPERATOR, PERSON = "/sign-in", "/link", "/operator", "/person"


@dataclass(frozen=True)
class Looking:
    """Somebody looks at a person's pages.

    Attributes:
        who: as whom the domain is asked.
        name: whose pages.
        own: whether they are their own.
    """

    who: Principal
    name: str
    own: bool

    def href(self, page: str = "", **query: Any) -> str:
        """Address of one of this person's pages, such as `interview`; "" is the first."""
        named = query if self.own else {"name": self.name, **query}
        return (f"{PERSON}/{page}" if page else PERSON) + (f"?{urlencode(named)}" if named else "")


def link_address(public_url: str, token: str) -> str:
    """What to send to a person: it opens their pages while the token is good."""
    return f"{public_url.rstrip('/')}{LINK}?{urlencode({'token': token})}"


def visitor_of(request: Request) -> Visitor:
    """Who looks.

    Raises:
        ApiError: 401 without a good session, or when the key behind it works no more; 429 for too many pages at once.
    """
    service = service_of(request)
    visitor = service.sessions.visitor(request)
    require_key(service, visitor)
    if not hasattr(request.app.state, "page_rates"):
        request.app.state.page_rates = Rates(service.settings.rate, service.settings.burst)
    rates: Rates = request.app.state.page_rates
    verdict = rates.take(f"{visitor.tenant}/{visitor.key}/{visitor.person}", time.monotonic())
    if verdict.wait:
        raise ApiError(429, "rate_limit_exceeded", "too many pages in a short time; wait a moment")
    return visitor


def require_key(service: Service, visitor: Visitor) -> None:
    """A session ends with the key that opened it or made its link. Raises `ApiError` 401."""
    now = service.store.clock()
    works = {key.id for key in keys(service.store, visitor.tenant) if key.expires is None or key.expires > now}
    if visitor.key not in works:
        raise ApiError(401, "signed_out", "the key behind this session works no more; sign in again")


def looking(request: Request) -> Looking:
    """Who looks at whom.

    Raises:
        ApiError: 401 without a good session; 404 where an operator names nobody.
    """
    visitor = visitor_of(request)
    name = visitor.person or request.query_params.get("name", "")
    if not name:
        raise ApiError(404, "not_found", "this address names nobody; choose a person from the list", param="name")
    return Looking(visitor.principal(request), name, bool(visitor.person))


def operator(request: Request) -> Principal:
    """The operator who looks. Raises `ApiError` 401 without a good session, 403 for a person."""
    visitor = visitor_of(request)
    if visitor.person:
        raise ApiError(403, "operators_only", "this page is the operator's; yours is about you")
    return visitor.principal(request)


async def genuine(request: Request) -> None:
    """Every route that changes something depends on this. Raises `ApiError` 403 for a form from elsewhere."""
    await service_of(request).sessions.check_csrf(request)


Served = Annotated[Service, Depends(service_of)]
Shown = Annotated[Looking, Depends(looking)]
Operator = Annotated[Principal, Depends(operator)]
Genuine = Depends(genuine)
