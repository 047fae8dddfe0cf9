"""Where a person stands: figures equal to the domain's, events that moved it, and nothing for strangers."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from counterpoint.serving.demo import Demo
from counterpoint.serving.pages.charts import number
from counterpoint.serving.store.records import NewEvent, Principal
from counterpoint.types import ChoiceKind
from serving.pages.conftest import Http, Visit


def test_the_table_beside_the_chart_has_the_figures_of_the_domain(
    visit: Visit, demo: Demo, who: Principal, somebody: str
) -> None:
    page = visit(somebody)
    page.goto("/person")
    page.get_by_text("The same as figures").first.click()
    rows = page.locator("section[aria-labelledby=leanings] tbody tr").all()
    stands = demo.service.people.preferences(who, somebody).leanings
    assert len(rows) == len(stands) == 6
    for row, leaning in zip(rows, stands, strict=True):
        cells = row.locator("td").all_inner_texts()
        assert row.locator("th").inner_text() == leaning.value_pair
        assert cells[2:5] == [
            number(leaning.mean),
            number(leaning.sd),
            f"{number(leaning.low)} to {number(leaning.high)}",
        ]


def test_the_dot_stands_where_the_mean_is_and_the_bar_between_the_ends(
    visit: Visit, demo: Demo, who: Principal, somebody: str
) -> None:
    page = visit(somebody)
    page.goto("/person")
    leaning = demo.service.people.preferences(who, somebody).leanings[0]
    chart = page.get_by_role("img", name=leaning.value_pair).first
    box = chart.bounding_box()
    dot = chart.locator(".dot").bounding_box()
    zero = chart.locator(".zero").bounding_box()
    assert box is not None
    assert dot is not None
    assert zero is not None
    assert abs(zero["x"] + zero["width"] / 2 - (box["x"] + box["width"] / 2)) < 1
    assert (dot["x"] + dot["width"] / 2 < zero["x"]) == (leaning.mean < 0)


def test_the_path_has_a_point_for_every_event_and_one_before_them(visit: Visit, somebody: str) -> None:
    page = visit(somebody)
    page.goto("/person")
    panels = page.locator(".panels .chart")
    expect(panels).to_have_count(6)
    assert panels.first.locator(".mark").count() == 4
    page.get_by_text("The same as figures").nth(1).click()
    expect(page.locator("section[aria-labelledby=path] tbody tr")).to_have_count(4)


def test_a_leaning_names_the_events_it_rests_on_with_their_situation(
    visit: Visit, demo: Demo, who: Principal, somebody: str
) -> None:
    page = visit(somebody)
    page.goto("/person/leaning?pair=Risk+Orientation")
    reasons = demo.service.people.explain(who, somebody)["Risk Orientation"]
    assert len(reasons) == 3
    grounds = page.locator(".grounds > li")
    for ground, reason in zip(grounds.all(), reasons, strict=True):
        expect(ground).to_contain_text(reason.words)
        expect(ground).to_contain_text("Risk-taking" if reason.push > 0 else "Risk-averse")
    dilemma = demo.service.people.bank.find(reasons[0].dilemma)
    assert dilemma is not None
    grounds.first.get_by_text("The situation").click()
    expect(grounds.first.locator(".scenario")).to_contain_text(dilemma.scenario)


def test_taking_an_event_back_where_it_is_listed_moves_the_leaning_back(
    visit: Visit, demo: Demo, who: Principal, somebody: str
) -> None:
    page = visit(somebody)
    page.goto("/person/leaning?pair=Risk+Orientation")
    page.get_by_role("button", name=re.compile("^Take back")).first.click()
    expect(page.locator(".said")).to_contain_text("taken back")
    expect(page.locator(".grounds > li")).to_have_count(2)
    expect(page.get_by_role("heading", name="What this rests on")).to_be_focused()
    assert demo.service.people.preferences(who, somebody).observations == 2


def test_whom_nobody_has_met_stands_nowhere_yet_and_is_not_made_by_looking(
    http: Http, demo: Demo, newcomer: str
) -> None:
    page = http(newcomer).get("/person")
    assert page.status_code == 200
    assert "Nothing is known yet." in page.text
    assert all(row.name != newcomer for row in demo.service.people.people(Principal("demo", "test"), limit=500))


def test_texts_and_names_are_shown_and_never_run(visit: Visit, demo: Demo, who: Principal) -> None:
    name = "<img src=x onerror=alert(1)>/../\"'&{{7*7}}"
    text = "<script>alert(1)</script><b hx-get='/person/export' hx-trigger='load'>bold</b>"
    demo.service.people.record(who, name, [NewEvent(ChoiceKind.LIKED, "liked", texts=(text,))])
    page = visit(name)
    page.goto("/person/leaning?pair=Risk+Orientation")
    expect(page.locator(".grounds")).to_contain_text(text)
    assert page.locator("img, b[hx-get]").count() == 0
    operator = visit()
    operator.goto("/operator?after=9")
    operator.get_by_role("link", name=name).click()
    expect(operator.get_by_role("heading", level=1)).to_have_text(f"Where {name} stands")
    assert operator.url.count("/") == 3 + 0 * len(name)  # the name is in the query, escaped
