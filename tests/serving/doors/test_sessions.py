"""Links and sessions let in whom they were made for; forms from elsewhere change nothing."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response

from counterpoint.serving.doors.errors import ApiError
from counterpoint.serving.doors.sessions import COOKIE, Sessions, Visitor

ANN = Visitor("acme", "key-1", "ann")


class Clock:
    """Says what it is set to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def made(clock: Clock | None = None, *, secret: bytes = b"s" * 32) -> Sessions:
    """Sessions of one secret."""
    return Sessions(secret, secure=True, clock=clock or Clock())


def request(cookie: str = "", form: str = "", **headers: str) -> Request:
    """A form's submission."""
    told = {"content-type": "application/x-www-form-urlencoded", **{k.replace("_", "-"): v for k, v in headers.items()}}
    told |= {"cookie": f"{COOKIE}={cookie}"} if cookie else {}
    raw = [(name.encode(), value.encode()) for name, value in told.items()]

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": form.encode(), "more_body": False}

    return Request({"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": raw}, receive)


def test_a_link_lets_in_its_visitor_until_it_is_too_old() -> None:
    clock = Clock()
    sessions = made(clock)
    token = sessions.link(ANN, lasts=60)
    assert sessions.enter(token) == ANN
    clock.now += 61
    with pytest.raises(ApiError, match="not good any more"):
        sessions.enter(token)


def test_a_link_is_no_session_and_a_session_no_link() -> None:
    sessions, response = made(), Response()
    session = sessions.open(response, ANN)
    assert sessions.visitor(request(session)) == ANN
    with pytest.raises(ApiError):
        sessions.enter(session)
    with pytest.raises(ApiError):
        sessions.visitor(request(sessions.link(ANN)))


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites() -> None:
    response = Response()
    made().open(response, ANN)
    cookie = response.headers["set-cookie"].lower()
    for guard in ("httponly", "secure", "samesite=strict", "path=/"):
        assert guard in cookie


@given(st.integers(0, 400), st.characters(min_codepoint=33, max_codepoint=126))
def test_a_token_changed_anywhere_is_refused(place: int, letter: str) -> None:
    sessions = made()
    token = sessions.link(ANN)
    place %= len(token)
    changed = token[:place] + letter + token[place + 1 :]
    if changed != token:
        with pytest.raises(ApiError):
            sessions.enter(changed)


@pytest.mark.parametrize("token", ["", ".", "a.b", "e30.", "é.ü", "." * 50])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(ApiError):
        made().enter(token)


def test_another_services_tokens_are_refused() -> None:
    with pytest.raises(ApiError):
        made().enter(made(secret=b"t" * 32).link(ANN))


def test_a_form_with_its_sessions_token_passes_as_field_or_header() -> None:
    sessions = made()
    session = sessions.open(Response(), ANN)
    token = sessions.csrf(session)
    asyncio.run(sessions.check_csrf(request(session, f"csrf={token}")))
    asyncio.run(sessions.check_csrf(request(session, x_csrf_token=token)))


def test_forged_forms_are_refused() -> None:
    sessions = made()
    mine, yours = sessions.open(Response(), ANN), sessions.open(Response(), Visitor("acme", "key-1", "bob"))
    token = sessions.csrf(mine)
    forged = [
        request(mine),
        request(mine, "csrf="),
        request(yours, f"csrf={token}"),
        request(mine, f"csrf={token}", sec_fetch_site="cross-site"),
        request(mine, f"csrf={token}", sec_fetch_site="same-site"),
    ]
    for one in forged:
        with pytest.raises(ApiError) as refused:
            asyncio.run(sessions.check_csrf(one))
        assert refused.value.status == 403
