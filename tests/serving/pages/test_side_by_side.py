"""One prompt, three replies: the same as the chat gives, and different where the person and the opposite differ."""

from __future__ import annotations

import html
import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect
from starlette.responses import Response

from counterpoint.serving.demo import REFUSAL, Demo
from counterpoint.serving.doors.sessions import COOKIE, Visitor
from counterpoint.serving.store import keys
from counterpoint.serving.store.records import Principal, Scope
from serving.pages.conftest import Visit
from serving.served import running, settings_for, small_service

PAIR = "Risk Orientation"


@pytest.mark.parametrize(("width", "script"), [(1280, True), (390, True), (1280, False)])
def test_a_situation_is_answered_for_nobody_for_them_and_for_the_opposite(
    visit: Visit, demo: Demo, who: Principal, newcomer: str, width: int, script: bool
) -> None:
    demo.service.people.correct(who, newcomer, PAIR, -3.0)
    page = visit(newcomer, width=width, script=script)
    page.goto("/person/side-by-side")
    page.get_by_role("link", name=PAIR).click()
    expect(page.get_by_label("Prompt")).not_to_have_value("")
    scenario = page.get_by_label("Prompt").input_value()
    page.get_by_role("button", name="Answer three times").click()
    columns = page.locator(".columns article")
    expect(columns).to_have_count(3)
    expect(columns.get_by_role("heading")).to_have_text(
        ["For nobody in particular", "For you", "For the opposite of you"]
    )
    base, theirs, opposite = columns.locator(".reply").all_inner_texts()
    dilemma = next(
        q.dilemma for q in demo.service.people.bank.questions if q.dilemma and q.dilemma.scenario in scenario
    )
    pole = {option.text: option.pole for option in dilemma.options}
    assert pole[theirs.split("\n")[0]] == "Risk-averse"
    assert pole[opposite.split("\n")[0]] == "Risk-taking"
    assert base.split("\n")[0] in pole
    expect(columns.nth(0)).to_contain_text("Not steered.")
    expect(columns.nth(1)).to_contain_text("Leans to Risk-averse (3.0)")
    expect(columns.nth(2)).to_contain_text("Leans to Risk-taking (3.0)")


def test_for_whom_nothing_is_known_all_three_are_the_base_and_it_says_why(visit: Visit, newcomer: str) -> None:
    page = visit(newcomer)
    page.goto("/person/side-by-side")
    page.get_by_label("Prompt").fill("What now?")
    page.get_by_role("button", name="Answer three times").click()
    expect(page.get_by_role("heading", name="Replies")).to_be_focused()
    expect(page.locator(".reply")).to_have_text([REFUSAL] * 3)
    expect(page.locator(".columns article").nth(1)).to_contain_text("Not steered: nothing is known about this person")
    expect(page.get_by_role("status")).to_contain_text("Three replies are there.")


def test_a_language_model_in_process_answers_all_three_together_as_the_chat_does(tmp_path: Path) -> None:
    service = small_service(settings_for(tmp_path))
    who = Principal("acme", keys.issue(service.store, "acme", "pages", set(Scope)).key.id)
    service.people.correct(who, "ann", service.people.bank.taxonomy.pairs[0].name, 3.0)
    with running(service) as site, httpx.Client(base_url=site.url, timeout=60) as client:
        token = service.sessions.open(Response(), Visitor("acme", who.key, "ann"))
        client.cookies.set(COOKIE, token)
        sent = {"prompt": "leap fast or guard slow?", "csrf": service.sessions.csrf(token)}
        page = client.post("/person/side-by-side", data=sent).text
        shown = [html.unescape(text) for text in re.findall(r'<p class="reply">(.*?)</p>', page, re.DOTALL)]
        told = []
        for strength in (0.0, 1.0, -1.0):
            asked = {
                "model": "lm:small",
                "user": "ann",
                "messages": [{"role": "user", "content": sent["prompt"]}],
                "temperature": 0,
                "max_tokens": 128,
                "seed": 0,
                "counterpoint": {"strength": strength},
            }
            headers = {"authorization": f"Bearer {site.key()}"}
            reply = client.post("/v1/chat/completions", json=asked, headers=headers).raise_for_status().json()
            told.append(reply["choices"][0]["message"]["content"].strip())
    assert shown == [text or "(an empty reply)" for text in told]
    assert len(set(shown)) > 1
