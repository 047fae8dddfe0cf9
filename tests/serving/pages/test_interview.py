"""The interview in a real browser: five questions, taking back, without script, by keyboard alone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from counterpoint.serving.demo import Demo
from counterpoint.serving.pages.interview import order_for
from counterpoint.serving.store.records import Principal
from serving.pages.conftest import Http, Visit, csrf_of


def shown(page: Page) -> tuple[str, list[str]]:
    """The scenario and the options in their places."""
    return page.locator(".scenario").inner_text(), page.locator(".option span").all_inner_texts()


@pytest.mark.parametrize("width", [1280, 390])
def test_five_questions_are_answered_and_each_is_kept_and_none_comes_twice(
    visit: Visit, demo: Demo, who: Principal, newcomer: str, width: int
) -> None:
    page, seen, chosen = visit(newcomer, width=width), [], []
    page.goto("/person/interview")
    for number in range(1, 6):
        expect(page.get_by_role("heading", level=1)).to_have_text(f"Question {number}")
        scenario, options = shown(page)
        seen.append(scenario)
        page.get_by_role("radio").first.check()
        chosen.append(options[0])
        page.get_by_role("button", name="Answer", exact=True).click()
        expect(page.locator(".said")).to_contain_text("The answer is kept. It pulls")
    expect(page.get_by_role("heading", level=1)).to_have_text("Question 6")
    assert len(set(seen)) == 5
    kept = demo.service.people.export(who, newcomer)["events"]
    bank = demo.service.people.bank
    said = []
    for event in kept:
        dilemma = bank.find(event["payload"]["dilemma"])
        assert dilemma is not None
        said.append(dilemma.options[event["payload"]["groups"][0][0]].text)
    assert said == chosen


def test_after_an_answer_the_new_question_has_the_focus_and_what_happened_is_read_out(
    visit: Visit, newcomer: str
) -> None:
    page = visit(newcomer)
    page.goto("/person/interview")
    page.evaluate("window.sameDocument = true")
    page.get_by_role("radio").first.check()
    page.get_by_role("button", name="Answer", exact=True).click()
    expect(page.get_by_role("heading", name="Question 2")).to_be_focused()
    expect(page.get_by_role("status")).to_contain_text("The answer is kept.")
    assert page.evaluate("window.sameDocument")  # only the main part was replaced
    assert page.title().startswith("Interview")


def test_no_difference_and_skipping_need_no_option(visit: Visit, demo: Demo, who: Principal, newcomer: str) -> None:
    page = visit(newcomer)
    page.goto("/person/interview")
    page.get_by_role("button", name="No difference to me").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Question 2")
    page.get_by_role("button", name="Skip").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Question 3")
    kept = demo.service.people.export(who, newcomer)["events"]
    assert [event["kind"] for event in kept] == ["tied", "skipped"]


def test_answering_without_an_option_stays_on_the_question(visit: Visit, newcomer: str) -> None:
    page = visit(newcomer)
    page.goto("/person/interview")
    page.get_by_role("button", name="Answer", exact=True).click()
    expect(page.locator("input[name=option]:invalid").first).to_be_focused()
    expect(page.get_by_role("heading", level=1)).to_have_text("Question 1")


def test_an_answer_taken_back_counts_no_more_and_its_question_comes_again(
    visit: Visit, demo: Demo, who: Principal, newcomer: str
) -> None:
    page = visit(newcomer)
    page.goto("/person/interview")
    first = shown(page)
    page.get_by_role("radio").first.check()
    page.get_by_role("button", name="Answer", exact=True).click()
    page.get_by_role("button", name="Take that answer back").click()
    expect(page.locator(".said")).to_contain_text("taken back")
    expect(page.get_by_role("heading", level=1)).to_have_text("Question 1")
    assert shown(page) == first
    assert demo.service.people.preferences(who, newcomer).observations == 0


@pytest.mark.parametrize("width", [1280, 390])
def test_everything_works_without_script(visit: Visit, demo: Demo, who: Principal, newcomer: str, width: int) -> None:
    page = visit(newcomer, width=width, script=False)
    page.goto("/person/interview")
    for number in (1, 2):
        expect(page.get_by_role("heading", level=1)).to_have_text(f"Question {number}")
        page.get_by_role("radio").last.check()
        page.get_by_role("button", name="Answer", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Question 3")
    expect(page.locator(".said")).to_contain_text("The answer is kept. It pulls")
    page.get_by_role("button", name="Take that answer back").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Question 2")
    assert demo.service.people.preferences(who, newcomer).observations == 1


def test_a_form_sent_twice_counts_once(http: Http, demo: Demo, who: Principal, newcomer: str) -> None:
    client = http(newcomer)
    page = client.get("/person/interview").text
    fields = dict(re.findall(r'name="(dilemma|event)" value="([^"]+)"', page))
    sent = {**fields, "option": "1", "kind": "chose", "csrf": csrf_of(demo, client)}
    for _ in range(2):
        assert client.post("/person/interview", data=sent).status_code == 303
    assert len(demo.service.people.export(who, newcomer)["events"]) == 1
    other = client.post("/person/interview", data={**sent, "option": "0"})
    assert other.status_code == 409
    assert "Already done" in other.text


def test_the_order_of_options_stays_for_one_person_and_differs_between_people(demo: Demo) -> None:
    dilemma = demo.service.people.bank.questions[0].dilemma
    assert dilemma is not None
    orders = {order_for(f"person {i}", dilemma) for i in range(40)}
    assert len(orders) > 1
    assert all(sorted(order) == list(range(len(dilemma.options))) for order in orders)
    assert order_for("person 0", dilemma) == order_for("person 0", dilemma)


def test_when_nothing_is_worth_asking_one_can_go_on_all_the_same(visit: Visit, demo: Demo) -> None:
    page = visit(demo.person.person)  # has answered more than the rule asks
    page.goto("/person/interview")
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing left that is worth asking")
    page.get_by_role("link", name="go on", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Question 37")
    expect(page.locator("input[name=more]")).to_have_value("true")
