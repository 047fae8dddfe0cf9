"""Who gets in, as whom, and who doesn't."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from playwright.sync_api import expect
from starlette.responses import Response

from counterpoint.serving.demo import TENANT, Demo
from counterpoint.serving.doors.sessions import COOKIE, Visitor
from counterpoint.serving.pages import corrections, data, interview, operator, person, side_by_side, signing
from counterpoint.serving.pages.visitors import link_address
from counterpoint.serving.store import keys
from counterpoint.serving.store.records import Principal, Scope
from serving.pages.conftest import Http, Visit, answer, csrf_of
from serving.served import Running, running, settings_for, small_service

PERSONS = ("/person", "/person/leaning?pair=Risk+Orientation", "/person/interview", "/person/corrections")
ALSO = ("/person/side-by-side", "/person/data", "/person/export", "/person/receipt")


def test_an_operator_signs_in_with_a_key_and_out_again(visit: Visit, demo: Demo) -> None:
    page = visit(signed_in=False)
    page.goto("/operator")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.get_by_label("API key").fill(demo.key)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Everybody")
    cookie = next(one for one in page.context.cookies() if one["name"] == COOKIE)
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    assert demo.key not in cookie["value"]
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.goto("/operator")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


@pytest.mark.parametrize("key", ["", "cp_0123456789abcdef_wrong", "ключ", "x" * 5000])
def test_a_key_that_is_not_known_opens_nothing(http: Http, demo: Demo, key: str) -> None:
    client = http(signed_in=False)
    refused = client.post("/sign-in", data={"key": key, "csrf": csrf_of(demo, client)})
    assert refused.status_code == 401
    assert COOKIE not in client.cookies


def test_a_key_without_the_right_opens_nothing(http: Http, demo: Demo) -> None:
    secret = keys.issue(demo.service.store, TENANT, "chat only", {Scope.CHAT, Scope.READ}).secret
    client = http(signed_in=False)
    refused = client.post("/sign-in", data={"key": secret, "csrf": csrf_of(demo, client)})
    assert refused.status_code == 403
    assert COOKIE not in client.cookies


def test_a_link_opens_one_persons_pages_after_a_click_and_not_by_being_looked_at(
    visit: Visit, demo: Demo, somebody: str
) -> None:
    token = demo.service.sessions.link(Visitor(TENANT, demo.operator.key, somebody))
    page = visit(signed_in=False, refused=True)
    page.goto(link_address("", token))
    assert page.context.cookies() == []
    page.get_by_role("button", name="Open my page").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Where you stand")
    page.goto("/operator")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not for you to do")


@pytest.mark.parametrize("token", ["", "x.y", "eyJ.zzz"])
def test_a_link_that_is_not_ours_opens_nothing(http: Http, demo: Demo, token: str) -> None:
    client = http(signed_in=False)
    assert client.get("/link", params={"token": token}).status_code == 401
    refused = client.post("/link", data={"token": token, "csrf": csrf_of(demo, client)})
    assert refused.status_code in (401, 422)
    assert COOKIE not in client.cookies


def test_a_session_is_no_link_and_a_link_no_session(http: Http, demo: Demo, somebody: str) -> None:
    client = http(somebody)
    assert client.get("/link", params={"token": client.cookies[COOKIE]}).status_code == 401
    token = demo.service.sessions.link(Visitor(TENANT, demo.operator.key, somebody))
    client.cookies.set(COOKIE, token)
    assert client.get("/person").status_code == 303


def test_a_person_gets_their_own_pages_whatever_name_the_address_says(
    http: Http, demo: Demo, who: Principal, somebody: str
) -> None:
    other = f"{somebody} other"
    answer(demo, other, 2)
    client = http(somebody)
    for path in PERSONS + ALSO[:-1]:
        got = client.get(path, params={**httpx.QueryParams(path.partition("?")[2]), "name": other})
        assert got.status_code == 200, path
        assert other not in got.text
    csrf = csrf_of(demo, client)
    client.post(f"/person/deletion?name={other}", data={"confirm": other, "csrf": csrf})
    client.post(
        f"/person/corrections?name={other}",
        data={"pair": "Risk Orientation", "value": "1", "back": "corrections", "csrf": csrf},
    )
    assert demo.service.people.preferences(who, other).leanings[0].corrected is None
    assert demo.service.people.preferences(who, somebody).leanings[0].corrected == 1


def test_another_tenant_sees_nobody_of_ours(http: Http, demo: Demo, somebody: str) -> None:
    if "rival" not in keys.tenants(demo.service.store):
        keys.create_tenant(demo.service.store, "rival")
    secret = keys.issue(demo.service.store, "rival", "test", set(Scope)).secret
    client = http(signed_in=False)
    client.post("/sign-in", data={"key": secret, "csrf": csrf_of(demo, client)})
    assert "Nobody yet" in client.get("/operator").text
    assert "Nothing is known yet" in client.get("/person", params={"name": somebody}).text
    assert client.get("/person/export", params={"name": somebody}).status_code == 404


@pytest.mark.parametrize("path", [*PERSONS, *ALSO, "/operator", "/"])
def test_without_a_session_every_page_asks_to_sign_in(http: Http, path: str) -> None:
    got = http(signed_in=False).get(path)
    assert (got.status_code, got.headers["location"]) == (303, "/sign-in")
    part = http(signed_in=False).get(path, headers={"hx-request": "true"})
    assert (part.status_code, part.headers["hx-redirect"]) == (204, "/sign-in")


def test_a_session_ends_with_the_key_behind_it(http: Http, demo: Demo, site: Running, somebody: str) -> None:
    issued = keys.issue(demo.service.store, TENANT, "short", set(Scope))
    operator = http(signed_in=False)
    operator.post("/sign-in", data={"key": issued.secret, "csrf": csrf_of(demo, operator)})
    made = operator.post("/operator/link", data={"name": somebody, "csrf": csrf_of(demo, operator)}).text
    address = re.search(r'value="(http[^"]+)"', made)
    assert address is not None
    assert address[1].startswith(site.url)
    assert http(signed_in=False).get(address[1]).status_code == 200
    keys.revoke(demo.service.store, TENANT, issued.key.id)
    assert operator.get("/operator").status_code == 303
    assert http(signed_in=False).get(address[1]).status_code == 401


def test_pages_come_no_faster_than_the_rate_for_each_visitor_apart(tmp_path: Path) -> None:
    service = small_service(replace(settings_for(tmp_path), rate=0.001, burst=3))
    key = keys.issue(service.store, "acme", "pages", set(Scope)).key.id
    with running(service) as site, httpx.Client(base_url=site.url, timeout=30) as client:
        for person in ("ann", "bob"):
            cookie = {"cookie": f"{COOKIE}={service.sessions.open(Response(), Visitor('acme', key, person))}"}
            got = [client.get("/person/data", headers=cookie) for _ in range(5)]
            assert [one.status_code for one in got] == [200, 200, 200, 429, 429]
            assert "A moment, please" in got[-1].text


PARTS = (corrections, data, interview, operator, person, side_by_side, signing)
POSTS = {
    "/person/interview": {"dilemma": "x", "event": "e"},
    "/person/taken-back": {"event": "e0"},
    "/person/corrections": {"pair": "Risk Orientation", "value": "1", "back": "corrections"},
    "/person/withdrawals": {"pair": "Risk Orientation", "back": "corrections"},
    "/person/side-by-side": {"prompt": "hello"},
    "/person/deletion": {"confirm": "{name}"},
    "/operator/link": {"name": "{name}"},
    "/sign-in": {"key": "{key}"},
    "/sign-out": {},
    "/link": {"token": "{token}"},
}


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("how", ["without", "anothers", "from elsewhere"])
def test_a_forged_form_changes_nothing(
    http: Http, demo: Demo, who: Principal, somebody: str, path: str, how: str
) -> None:
    client = http("" if path == "/operator/link" else somebody)
    csrf = {"without": "", "anothers": csrf_of(demo, http("mallory")), "from elsewhere": csrf_of(demo, client)}[how]
    link = demo.service.sessions.link(Visitor(TENANT, demo.operator.key, somebody))
    sent = {field: value.format(name=somebody, key=demo.key, token=link) for field, value in POSTS[path].items()}
    headers = {"sec-fetch-site": "cross-site" if how == "from elsewhere" else "same-origin"}
    before = client.cookies[COOKIE]
    refused = client.post(path, data={**sent, "csrf": csrf}, headers=headers)
    assert refused.status_code == 403
    assert "set-cookie" not in refused.headers
    assert client.cookies[COOKIE] == before
    assert demo.service.people.preferences(who, somebody).sequence == 3


def test_every_form_that_posts_is_among_those_tried_above() -> None:
    assert {path for part in PARTS for path in posting(part.router)} == set(POSTS)


def posting(router: APIRouter) -> set[str]:
    """Paths of a router that take POST."""
    return {route.path for route in router.routes if isinstance(route, APIRoute) and "POST" in route.methods}
