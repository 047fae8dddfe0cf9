"""Charts are read back as XML: what is drawn, where, and that nothing hostile gets through."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.evaluation import charts
from counterpoint.evaluation.charts import Estimate, Point
from counterpoint.evaluation.method_labels import label_methods

TRAINED = ["pft", "sft_positive", "sft_negative", "sft_mixed", "dpo_positive", "dpo_negative", "dpo_mixed"]
KNOWN = label_methods(["rule_published_order", "rule", "base", *TRAINED])
PFT = KNOWN["pft"]


def drawn(svg: str) -> ElementTree.Element:
    """The chart as a tree; fails on anything that is not XML."""
    return ElementTree.fromstring(svg)


def test_no_two_methods_share_a_mark_even_without_colour() -> None:
    labels = label_methods([*KNOWN, "caa"])
    marks = [(method.shape, method.hollow, method.ink) for method in labels.values()]
    assert len(set(marks)) == len(marks)
    sides = {name: labels[name].shape for name in ("sft_positive", "sft_negative", "sft_mixed", "pft", "rule", "caa")}
    assert len(set(sides.values())) == len(sides)


def test_every_known_method_is_explained_in_one_sentence_of_its_own() -> None:
    assert len({method.sentence for method in KNOWN.values()}) == 10
    assert all(method.sentence.endswith(".") for method in KNOWN.values())
    assert list(KNOWN)[-2:] == ["rule", "rule_published_order"]


def test_a_mark_stands_where_its_value_is() -> None:
    """Bar from 4 to 116: 0.75 is at 4 + 0.75 * 112 = 88, the ends 0.5 and 1 at 60 and 116, chance 0.25 at 32."""
    tree = drawn(charts.interval_bar(PFT, Estimate(0.75, 0.5, 1.0, 8), 0.25))
    circle = tree.find("circle")
    assert circle is not None
    assert circle.get("cx") == "88.0"
    paths = {path.get("class", "").split()[0]: path.get("d") for path in tree.iter("path")}
    assert paths["whisker"] == "M60.0 9.0H116.0"
    assert paths["chance"] == "M32.0 2V16"


def test_an_undefined_value_is_written_and_not_drawn() -> None:
    tree = drawn(charts.pole_panel("k", "Pair", ["P", "N"], [(PFT, {"P": Estimate(0.5), "N": Estimate(None)})], None))
    assert len(list(tree.iter("circle"))) == 1
    assert "undefined (n=0)" in "".join(tree.itertext())


def test_values_outside_the_axis_stay_inside_the_chart() -> None:
    tree = drawn(charts.interval_bar(PFT, Estimate(1.5, -3.0, 9.0, 1), None))
    circle = tree.find("circle")
    assert circle is not None
    assert circle.get("cx") == "116.0"


def test_both_sides_puts_the_positive_pole_across_and_the_negative_up() -> None:
    """440 wide: across 54 + 0.5 * 374 = 241 at x = 0.5; up 394 at y = 0 (SVG's y grows downwards)."""
    tree = drawn(charts.both_sides([Point(PFT, 0.5, 0.0)], 0.49))
    circle = tree.find("circle")
    assert circle is not None
    assert (circle.get("cx"), circle.get("cy")) == ("241.0", "394.0")
    assert "PFT" in [text.text for text in tree.iter("text")]


def test_a_picture_has_a_role_a_title_and_a_description_that_its_label_names() -> None:
    tree = drawn(charts.reliability_panel("cal0", PFT, [(0.5, 0.25, 4), (0.9, 1.0, 6)]))
    assert tree.get("role") == "img"
    ids = {element.get("id"): element.text for element in tree if element.tag in ("title", "desc")}
    assert set((tree.get("aria-labelledby") or "").split()) == set(ids)
    assert ids["cal0-d"] == "confidence 0.50, right 0.25, n 4; confidence 0.90, right 1.00, n 6"


def test_thinning_keeps_the_mean_of_equal_stretches() -> None:
    """Six points to three: (1, 2), (3, 4), (5, 6) average to 1.5, 3.5, 5.5; losses likewise."""
    run = [(float(i), 10.0 * i) for i in range(1, 7)]
    assert charts.thin(run, most=3) == [(1.5, 15.0), (3.5, 35.0), (5.5, 55.0)]
    assert charts.thin(run, most=6) == run


def test_a_long_curve_is_drawn_with_few_points_and_its_whole_length_named() -> None:
    tree = drawn(charts.curve_panel("c", PFT, [[(float(i), 1.0) for i in range(1, 5001)]], "steps"))
    lines = [line.get("points", "").split() for line in tree.iter("polyline")]
    assert [len(line) for line in lines] == [60]
    assert "5e+03 steps" not in "".join(tree.itertext())
    assert "5000 steps" in "".join(tree.itertext())


@given(st.integers(1, 400), st.integers(1, 80))
def test_thinning_never_leaves_more_than_asked_nor_loses_the_run(length: int, most: int) -> None:
    thinned = charts.thin([(float(i), float(i)) for i in range(length)], most=most)
    assert len(thinned) == min(length, most)
    assert all(a < b for (a, _), (b, _) in pairwise(thinned))


@given(st.text(max_size=60))
def test_any_text_makes_valid_xml_without_new_elements(text: str) -> None:
    label = label_methods([text])[text]
    panel = drawn(charts.pole_panel("k", text, [text, "N"], [(label, {text: Estimate(0.5, 0.4, 0.6, 3)})], 0.5))
    both = drawn(charts.both_sides([Point(label, 0.5, 0.5), Point(label, 0.4, 0.6, text)], None))
    known = {"svg", "title", "desc", "g", "text", "path", "polygon", "circle"}
    assert {element.tag for tree in (panel, both) for element in tree.iter()} <= known


def test_a_curve_of_one_point_or_of_equal_losses_can_be_drawn() -> None:
    drawn(charts.curve_panel("c", PFT, [[(1.0, 0.5)]], "steps"))
    drawn(charts.curve_panel("c", PFT, [[(0.0, 0.0), (0.0, 0.0)]], "steps"))


@pytest.mark.parametrize(("value", "said"), [(None, "–"), (0.12345, "0.123"), (-0.5, "−0.500")])
def test_numbers_are_written_for_reading(value: float | None, said: str) -> None:
    assert charts.number(value) == said


def test_a_pole_of_two_words_stands_on_two_lines_and_a_hyphen_may_break() -> None:
    tree = drawn(charts.pole_panel("k", "Pair", ["Delayed gratification", "Innovation-seeking"], [], None))
    heads = [text.text for text in tree.iter("text") if text.get("class") == "head"]
    assert heads == ["Delayed", "gratification", "Innovation-", "seeking"]


def test_lines_by_step_hold_every_estimate_and_name_every_method() -> None:
    methods = list(label_methods(["pft", "sft_mixed"]).values())
    lines = [
        (methods[0], {1: Estimate(0.5, 0.4, 0.6), 3: Estimate(0.8, 0.7, 0.9)}),
        (methods[1], {1: Estimate(0.5), 3: Estimate(None)}),
    ]
    drawn = ElementTree.fromstring(charts.step_lines("k", "By choices", [1, 3], lines, "choices <seen>"))
    text = "".join(drawn.itertext())
    assert "PFT: 0.800 (0.700 to 0.900)" in text
    assert "choices <seen>" in text
    assert [t.text for t in drawn.iter("text") if t.get("class") == "name start"] == ["PFT", "SFT mixed"]
    # Three marks; whiskers only where there is an interval; the undefined one is not drawn.
    assert len([e for e in drawn.iter() if e.get("class", "").startswith("mk")]) == 3
    assert len([e for e in drawn.iter() if e.get("class", "").startswith("whisker")]) == 2


def test_lines_by_step_without_any_estimate_are_an_empty_chart() -> None:
    drawn = ElementTree.fromstring(charts.step_lines("k", "By choices", [], [], "choices"))
    assert not [e for e in drawn.iter() if e.get("class", "").startswith("mk")]
