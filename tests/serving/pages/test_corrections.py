"""Sliders: a person's own word is kept, outranks, and can be withdrawn; with a mouse, by keyboard, without script."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from counterpoint.serving.demo import Demo
from counterpoint.serving.people import Leaning
from counterpoint.serving.store.records import Principal
from serving.pages.conftest import Http, Visit, csrf_of

PAIR = "Risk Orientation"


def leaning(demo: Demo, who: Principal, name: str) -> Leaning:
    """What is believed of the first value pair."""
    return demo.service.people.preferences(who, name).leanings[0]


@pytest.mark.parametrize(("width", "script"), [(1280, True), (390, True), (1280, False)])
def test_a_word_is_kept_as_it_was_said_and_withdrawn_again(
    visit: Visit, demo: Demo, who: Principal, somebody: str, width: int, script: bool
) -> None:
    before = leaning(demo, who, somebody)
    page = visit(somebody, width=width, script=script)
    page.goto("/person/corrections")
    page.get_by_label(f"Your own word on {PAIR}").fill("2.5")
    page.get_by_role("button", name=f"Say so on {PAIR}").click()
    expect(page.locator(".said")).to_contain_text("Your word is kept")
    said = leaning(demo, who, somebody)
    assert (said.corrected, said.mean) == (2.5, pytest.approx(2.5))
    expect(page.get_by_label(f"Your own word on {PAIR}")).to_have_value("2.5")
    expect(page.get_by_role("img", name=PAIR)).to_have_count(1)
    expect(page.locator(".leanings .own")).to_have_count(1)

    page.get_by_role("button", name=f"Withdraw it on {PAIR}").click()
    expect(page.locator(".said")).to_contain_text("Your word is withdrawn")
    after = leaning(demo, who, somebody)
    assert (after.corrected, after.mean, after.sd) == (None, before.mean, before.sd)
    expect(page.locator(".leanings .own")).to_have_count(0)


def test_the_slider_says_in_words_where_it_stands_and_keeps_the_focus(visit: Visit, newcomer: str) -> None:
    page = visit(newcomer)
    page.goto("/person/corrections")
    slider = page.get_by_label(f"Your own word on {PAIR}")
    expect(slider).to_have_attribute("aria-valuetext", "neither side")
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuetext", "strongly Risk-averse")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Your word is kept")
    expect(page.get_by_role("button", name=f"Change it on {PAIR}")).to_be_focused()
    expect(page.get_by_label(f"Your own word on {PAIR}")).to_have_attribute("aria-valuetext", "strongly Risk-averse")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # withdraws: that button goes, and the focus goes to the one that stays
    expect(page.get_by_role("status")).to_contain_text("Your word is withdrawn")
    expect(page.get_by_role("button", name=f"Say so on {PAIR}")).to_be_focused()


def test_one_leaning_can_be_corrected_on_its_own_page(visit: Visit, demo: Demo, who: Principal, somebody: str) -> None:
    page = visit(somebody)
    page.goto("/person")
    page.get_by_role("heading", name=PAIR).get_by_role("link").click()
    page.get_by_label(f"Your own word on {PAIR}").fill("-3")
    page.get_by_role("button", name=f"Say so on {PAIR}").click()
    expect(page.get_by_text("Your own word: Risk-averse")).to_be_visible()
    expect(page.locator(".grounds li").first).to_contain_text("says Risk-averse")
    assert leaning(demo, who, somebody).corrected == -3


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"pair": PAIR, "value": "7"}, 422),
        ({"pair": PAIR, "value": "nan"}, 422),
        ({"pair": PAIR, "value": "much"}, 422),
        ({"pair": "Nonsense", "value": "1"}, 404),
    ],
)
def test_what_can_not_be_meant_is_refused_on_a_page_and_changes_nothing(
    http: Http, demo: Demo, who: Principal, somebody: str, sent: dict[str, str], status: int
) -> None:
    client, before = http(somebody), demo.service.people.export(who, somebody)["events"]
    refused = client.post("/person/corrections", data={**sent, "back": "corrections", "csrf": csrf_of(demo, client)})
    assert refused.status_code == status
    assert "<h1" in refused.text
    assert demo.service.people.export(who, somebody)["events"] == before
