"""Charts are read back as XML: what is drawn, where, and that nothing hostile gets through."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.serving.pages import charts
from counterpoint.serving.pages.charts import Moment


def drawn(svg: str) -> ElementTree.Element:
    """The chart as a tree; fails on anything that is not XML."""
    return ElementTree.fromstring(svg)


def classed(tree: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    """What has this class among its classes."""
    return [part for part in tree.iter() if name in part.get("class", "").split()]


def numbers(text: str | None) -> list[float]:
    """The numbers of a path."""
    return [float(found) for found in re.findall(r"-?\d+(?:\.\d+)?", text or "")]


def test_a_leaning_stands_where_its_figures_are() -> None:
    # the rail's ends at 10 and 390 stand for -2 and 2: 95 units a log-odd, 0 at 200
    tree = drawn(charts.leaning_bar("Pace", Moment(1.0, -0.5, 1.5), reach=2.0))
    assert numbers(classed(tree, "dot")[0].get("d"))[0] == 295
    assert numbers(classed(tree, "span")[0].get("d"))[::2] == [152.5, 342.5]
    assert numbers(classed(tree, "zero")[0].get("d"))[0] == 200


def test_what_lies_beyond_the_axis_is_drawn_at_its_edge() -> None:
    tree = drawn(charts.leaning_bar("Pace", Moment(9.0, 8.0, 10.0), reach=2.0))
    assert numbers(classed(tree, "dot")[0].get("d"))[0] == 390


def test_a_persons_own_word_is_a_ring_without_an_interval() -> None:
    tree = drawn(charts.leaning_bar("Pace", Moment(1.0, 0.6, 1.4), 2.0, own_word=True))
    assert classed(tree, "own")
    assert classed(tree, "hole")
    assert not classed(tree, "span")
    assert "said themselves" in tree.get("aria-label", "")


def test_a_path_goes_through_its_means_within_its_band() -> None:
    path = [Moment(0, -1, 1), Moment(1, 0, 2), Moment(-1, -2, 0)]
    tree = drawn(charts.path_panel("k", "Pace over time", ("Quick", "Slow"), path, reach=2.0))
    # left 6 to right 314, top 20 to bottom 134: 28.5 units a log-odd around 77
    line = numbers(classed(tree, "line")[0].get("points"))
    assert line == [6, 77, 160, 48.5, 314, 105.5]
    band = numbers(classed(tree, "band")[0].get("points"))
    assert band == [6, 48.5, 160, 20, 314, 77, 314, 134, 160, 77, 6, 105.5]
    assert len(classed(tree, "mark")) == 3


def test_columns_are_as_tall_as_their_counts_and_say_them() -> None:
    tree = drawn(charts.columns("k", "Answers", [("10 ms", 5), ("50 ms", 10), ("more", 0)]))
    tall = [float(one.get("height", "nan")) for one in classed(tree, "column")]
    assert tall == [55, 110]
    assert [one.text for one in classed(tree, "count")] == ["5", "10"]
    assert [one.text for one in classed(tree, "tick")] == ["10 ms", "50 ms", "more"]


@pytest.mark.parametrize(("count", "short"), [(0, "0"), (999, "999"), (1234, "1.23k"), (2_500_000, "2.5M")])
def test_large_counts_are_written_short(count: int, short: str) -> None:
    assert charts.columns("k", "t", [("a", count)]).count(f">{short}<") == (1 if count else 0)


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(None, 2, "–"), (-0.001, 2, "0.00"), (-1.25, 1, "−1.2"), (0.5, 0, "0"), (99.6, 0, "100")],
)
def test_numbers_are_written_for_reading(value: float | None, digits: int, text: str) -> None:
    assert charts.number(value, digits) == text


@settings(max_examples=40)
@given(st.text(), st.floats(-10, 10), st.floats(-10, 10))
def test_every_chart_is_xml_with_a_title_and_a_description_whatever_it_is_given(text: str, a: float, b: float) -> None:
    moments = [Moment(a, min(a, b), max(a, b), text), Moment(b, min(a, b), max(a, b), text)]
    reach = charts.reach_of([a, b])
    for svg in (
        charts.leaning_bar(text, moments[0], reach),
        charts.leaning_bar(text, moments[0], reach, own_word=True),
        charts.drift_bar(text, a, b, reach),
        charts.path_panel("k", text, (text, text), moments, reach, ends=(text, text)),
        charts.path_panel("k", text, (text, text), moments[:1], reach),
        charts.columns("k", text, [(text, 3), (text, 0)]),
        charts.columns("k", text, []),
    ):
        tree = drawn(svg)
        assert tree.get("role") == "img"
        assert [child.tag for child in tree[:2]] == ["title", "desc"]
        assert tree[1].text
    assert drawn(charts.push_bar(a, max(abs(a), 1))).get("aria-hidden") == "true"


def test_text_is_escaped_everywhere() -> None:
    nasty = "<script>\"'&\x00\ud800"
    svg = charts.path_panel("k", nasty, (nasty, nasty), [Moment(0, -1, 1, nasty)], 2.0, ends=(nasty, nasty))
    svg += charts.leaning_bar(nasty, Moment(0, -1, 1), 2.0)
    assert "<script" not in svg
    assert "\x00" not in svg


@given(st.lists(st.floats(-100, 100)))
def test_an_axis_holds_what_it_shows_within_reason(ends: list[float]) -> None:
    reach = charts.reach_of(ends)
    assert charts.LEAST_REACH <= reach <= charts.MOST_REACH
    assert all(abs(end) <= reach for end in ends) or reach == charts.MOST_REACH
