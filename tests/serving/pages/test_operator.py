"""The operator's page: people by name a page at a time, load, latency and drift; and links for people."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from counterpoint.serving.demo import Demo, names
from counterpoint.serving.pages import operator
from counterpoint.serving.store.records import Principal
from serving.pages.conftest import Http, Visit, answer


@pytest.mark.parametrize("width", [1280, 390])
def test_people_load_latency_and_drift_are_there(visit: Visit, width: int) -> None:
    page = visit(width=width)
    page.goto("/operator")
    for name in names():
        expect(page.get_by_role("link", name=name)).to_be_visible()
    facts = page.locator(".facts")
    expect(facts).to_contain_text(re.compile(r"Requests in 5 minutes\s*\d+"))
    expect(facts).to_contain_text(re.compile(r"99% answered within\s*\d+ ms"))
    expect(page.get_by_role("img", name="Answers by how long they took")).to_be_visible()
    expect(page.locator("section[aria-labelledby=drift] .bar")).to_have_count(6)
    page.locator("section[aria-labelledby=latency] summary").click()
    assert (
        sum(int(n.replace(",", "")) for n in page.locator("section[aria-labelledby=latency] td").all_inner_texts()) > 0
    )
    page.get_by_role("link", name=names()[3]).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Where {names()[3]} stands")


def test_a_link_made_here_opens_that_persons_page(visit: Visit, somebody: str) -> None:
    page = visit()
    page.goto(f"/operator?after={somebody[:-1]}")
    page.get_by_role("button", name=f"Make a link for {somebody}", exact=True).click()
    expect(page.get_by_role("heading", name=f"Link for {somebody}")).to_be_focused()
    address = page.get_by_label("Send this").input_value()
    guest = visit(signed_in=False)
    guest.goto(address)
    guest.get_by_role("button", name="Open my page").click()
    expect(guest.get_by_role("heading", level=1)).to_have_text("Where you stand")
    guest.goto("/person/data")
    expect(guest.locator("label[for=confirm]")).to_contain_text(somebody)


def test_people_come_a_page_at_a_time_and_all_of_them(
    http: Http, demo: Demo, who: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(4):
        answer(demo, f"paged {i}", 1)
    monkeypatch.setattr(operator, "AT_ONCE", 3)
    client, path, seen = http(), "/operator", []
    while path:
        text = client.get(path).text
        seen += re.findall(r'<th scope="row"><a href="/person\?name=[^"]+">([^<]+)</a>', text)
        onward = re.search(r'href="(/operator\?after=[^"]+)">Next page', text)
        path = onward[1].replace("&amp;", "&") if onward else ""
    everybody = [row.name for row in demo.service.people.people(who, limit=500)]
    assert len(seen) == len(everybody)
    assert {f"paged {i}" for i in range(4)} < set(seen)
