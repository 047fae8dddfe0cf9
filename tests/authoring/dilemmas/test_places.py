"""Options stand in an order that no rule about places gains from."""

import pytest

from authoring.dilemmas.made_up import VCD, many
from counterpoint.authoring.dilemmas.places import arranged, place_offs
from counterpoint.data.lint import lint
from counterpoint.types import DataSet


def test_differences_from_chance_as_worked_by_hand():
    offs = place_offs((True, False, False))
    third = 1 / 3
    assert offs == {"first": 1 - third, "last": -third, "position 2": -third, "position 3": -third}


@pytest.mark.parametrize("count", [1, 2, 3, 6, 13, 24, 60, 150])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_lint_finds_nothing_about_places(count, seed):
    made = many(count, seed)
    before = DataSet("before", VCD, tuple(made))
    orders = arranged(made, VCD)
    after = DataSet("after", VCD, tuple(d.reordered(order) for d, order in zip(made, orders, strict=True)))
    assert not [finding for finding in lint(after).findings if finding.check == "position balance"]
    assert after.digest == before.digest  # the same options, each once


def test_orders_depend_on_the_dilemmas_alone():
    assert arranged(many(30, 2), VCD) == arranged(many(30, 2), VCD)
