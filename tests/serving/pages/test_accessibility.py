"""Every page, wide and narrow, light and dark: axe-core finds nothing, nothing overflows; and a keyboard suffices."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from counterpoint.serving.demo import TENANT, Demo
from counterpoint.serving.doors.sessions import Visitor
from counterpoint.serving.pages.visitors import link_address
from counterpoint.serving.store.records import Principal
from serving.pages.conftest import Visit

LOOKS = [
    pytest.param(1280, "light"),
    pytest.param(390, "dark"),
    pytest.param(1280, "dark", marks=pytest.mark.slow),
    pytest.param(390, "light", marks=pytest.mark.slow),
]
looks = pytest.mark.parametrize(("width", "scheme"), LOOKS)


def answered(page: Page) -> None:
    """Answer a question, so that the page has a message and a form to take it back."""
    page.goto("/person/interview")
    page.get_by_role("radio").first.check()
    page.get_by_role("button", name="Answer", exact=True).click()
    expect(page.locator(".said")).to_be_visible()


def three_replies(page: Page) -> None:
    """Ask something side by side."""
    page.goto("/person/side-by-side")
    page.get_by_role("link", name="Time Preference").click()
    expect(page.get_by_label("Prompt")).not_to_have_value("")
    page.get_by_role("button", name="Answer three times").click()
    expect(page.locator(".columns article")).to_have_count(3)


def corrected(page: Page) -> None:
    """Say something outright."""
    page.goto("/person/corrections")
    page.get_by_role("button", name=re.compile("(Say so|Change it) on Social Strategy")).click()
    expect(page.locator(".said")).to_be_visible()


def wrong_name(page: Page) -> None:
    """Confirm a deletion by the wrong name."""
    page.goto("/person/data")
    page.get_by_label("To confirm").fill("nobody")
    page.get_by_role("button", name="Delete me").click()
    expect(page.get_by_text("Nothing was deleted").first).to_be_visible()


def opened(path: str) -> Callable[[Page], None]:
    """Go there, and open all that folds."""

    def go(page: Page) -> None:
        page.goto(path)
        for summary in page.locator("details > summary").all():
            if summary.is_visible():
                summary.click()

    return go


OF_A_PERSON = {
    "person": opened("/person"),
    "leaning": opened("/person/leaning?pair=Risk+Orientation"),
    "interview": answered,
    "corrections": corrected,
    "side by side": three_replies,
    "data": opened("/person/data"),
    "refused deletion": wrong_name,
    "not theirs": opened("/operator"),
    "nothing left": opened("/person/interview"),
}


def check(page: Page) -> None:
    """Nothing that axe calls serious or critical, nothing wider than the window.

    A click returns before the page that it leads to is there: expect something of that page before this.
    """
    page.wait_for_load_state()
    found = Axe().run(page).response["violations"]
    worst = [(one["id"], [node["target"] for node in one["nodes"]]) for one in found if one["impact"] != "minor"]
    assert worst == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert page.evaluate("document.querySelectorAll('[style], style, script:not([src])').length") == 0


@looks
@pytest.mark.parametrize("what", OF_A_PERSON)
def test_a_persons_pages_have_no_accessibility_fault(
    visit: Visit, demo: Demo, somebody: str, what: str, width: int, scheme: str
) -> None:
    name = demo.person.person if what == "nothing left" else somebody
    page = visit(name, width=width, scheme=scheme, refused=True)
    OF_A_PERSON[what](page)
    check(page)


@looks
def test_the_operators_pages_have_no_accessibility_fault(visit: Visit, demo: Demo, width: int, scheme: str) -> None:
    page = visit(width=width, scheme=scheme)
    opened("/operator")(page)
    check(page)
    page.get_by_role("button", name=f"Make a link for {demo.person.person}").click()
    expect(page.get_by_role("heading", name=f"Link for {demo.person.person}")).to_be_focused()
    check(page)
    page.get_by_role("link", name=demo.person.person).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Where {demo.person.person} stands")
    check(page)


@looks
def test_pages_for_strangers_have_no_accessibility_fault(
    visit: Visit, demo: Demo, somebody: str, width: int, scheme: str
) -> None:
    link = link_address("", demo.service.sessions.link(Visitor(TENANT, demo.operator.key, somebody)))
    page = visit(signed_in=False, width=width, scheme=scheme, refused=True)
    for path in ("/sign-in", link, "/link?token=old"):
        page.goto(path)
        check(page)
    page.goto("/sign-in")
    page.get_by_label("API key").fill("cp_wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("This key does not open these pages.")).to_be_visible()
    check(page)


@looks
def test_a_receipt_has_no_accessibility_fault(
    visit: Visit, demo: Demo, who: Principal, somebody: str, width: int, scheme: str
) -> None:
    demo.service.people.delete(who, somebody)
    page = visit(somebody, width=width, scheme=scheme)
    opened("/person/receipt")(page)
    check(page)


def tab_to(page: Page, name: str) -> None:
    """Press Tab until something of this name has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if (
            page.evaluate("document.activeElement.innerText || document.activeElement.name || ''")
            .strip()
            .startswith(name)
        ):
            return
    raise AssertionError(f"{name!r} can't be reached with Tab")


def test_a_keyboard_is_enough_from_the_link_to_the_deletion(
    visit: Visit, demo: Demo, who: Principal, newcomer: str
) -> None:
    page = visit(signed_in=False)
    page.goto(link_address("", demo.service.sessions.link(Visitor(TENANT, demo.operator.key, newcomer))))
    tab_to(page, "Open my page")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Where you stand")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, "Answer a question")
    page.keyboard.press("Enter")
    for number in range(1, 6):
        expect(page.get_by_role("heading", level=1)).to_have_text(f"Question {number}")
        if number == 1:
            tab_to(page, "option")
        else:
            expect(page.get_by_role("heading", name=f"Question {number}")).to_be_focused()
            page.keyboard.press("Tab")  # on from the heading: the first answer
        page.keyboard.press("Space")
        tab_to(page, "Answer")
        page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Question 6")).to_be_focused()
    assert demo.service.people.preferences(who, newcomer).observations == 5
    page.goto("/person/data")
    tab_to(page, "confirm")
    page.keyboard.type(newcomer)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Deleted")


def test_where_the_focus_is_can_be_seen(visit: Visit, somebody: str) -> None:
    page = visit(somebody)
    page.goto("/person")
    for _ in range(20):
        page.keyboard.press("Tab")
        style = page.evaluate(
            "(({outlineStyle, outlineWidth}) => [outlineStyle, outlineWidth])(getComputedStyle(document.activeElement))"
        )
        assert style[0] == "solid"
        assert float(style[1].removesuffix("px")) >= 2
