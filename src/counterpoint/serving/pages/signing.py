"""Coming in and going out."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Query, Request
from starlette.responses import Response

from counterpoint.serving.doors.errors import ApiError
from counterpoint.serving.doors.sessions import Visitor
from counterpoint.serving.pages.errors import pages_router
from counterpoint.serving.pages.render import go_to, show
from counterpoint.serving.pages.visitors import OPERATOR, PERSON, SIGN_IN, Genuine, Served, require_key, visitor_of
from counterpoint.serving.service import Service
from counterpoint.serving.store.keys import authenticate
from counterpoint.serving.store.records import BadKeyError, Scope

router = pages_router()

LONGEST = 200
"""Characters of an API key at most."""


@router.get("/")
def home(request: Request) -> Response:
    """Wherever this visitor belongs."""
    visitor = visitor_of(request)
    return go_to(request, PERSON if visitor.person else OPERATOR)


@router.get("/sign-in")
def sign_in_form(request: Request) -> Response:
    """For operators; people come by a link."""
    return show(request, "sign_in", failed=False)


@router.post("/sign-in", dependencies=[Genuine])
def sign_in(request: Request, service: Served, key: Annotated[str, Form()] = "") -> Response:
    """Exchange an API key, sent once, for a session."""
    key = key.strip()
    try:
        if not key.isascii() or len(key) > LONGEST:
            raise BadKeyError("the API key is not known")
        who = authenticate(service.store, key, request=request.state.request_id)
    except BadKeyError:
        return show(request, "sign_in", status=401, failed=True, say="This key is not known here, or has expired.")
    if Scope.ADMIN not in who.scopes:
        return show(request, "sign_in", status=403, failed=True, say="This key may not see the pages: it lacks admin.")
    answer = go_to(request, OPERATOR)
    service.sessions.open(answer, Visitor(who.tenant, who.key))
    return answer


@router.post("/sign-out", dependencies=[Genuine])
def sign_out(request: Request, service: Served) -> Response:
    """Forget the session."""
    answer = go_to(request, SIGN_IN)
    service.sessions.close(answer)
    return answer


@router.get("/link")
def link_form(request: Request, service: Served, token: Annotated[str, Query(max_length=2000)] = "") -> Response:
    """What a person's link opens. It takes a click to go on: what only looks at links opens no session."""
    visitor = _made_for(service, token)
    return show(request, "link", status=200 if visitor else 401, token=token, visitor=visitor)


@router.post("/link", dependencies=[Genuine])
def link(request: Request, service: Served, token: Annotated[str, Form(max_length=2000)]) -> Response:
    """Open a session for the person the link was made for."""
    visitor = _made_for(service, token)
    if visitor is None:
        return show(request, "link", status=401, token=token, visitor=None)
    answer = go_to(request, PERSON if visitor.person else OPERATOR)
    service.sessions.open(answer, visitor)
    return answer


def _made_for(service: Service, token: str) -> Visitor | None:
    """Whom a link was made for; None if it is no good any more."""
    try:
        visitor = service.sessions.enter(token)
        require_key(service, visitor)
    except ApiError:
        return None
    return visitor
