"""What every dilemma must satisfy."""

from __future__ import annotations

import pytest
from hypothesis import given
from made_up import AVERSE, RISK, TAKING, VCD, dilemma
from made_up import dilemmas as any_dilemmas

from counterpoint.data.checks import checked, derived_id
from counterpoint.types import Dilemma, OpenQuestion


@pytest.mark.parametrize(
    ("wrong", "field", "message"),
    [
        (dilemma("d", ("a", TAKING)), "options", "has 1 of at least 2 entries"),
        (dilemma("d", ("a", TAKING), ("b", TAKING)), "options", "all options are of one pole"),
        (dilemma("d", ("a", TAKING), ("b", "Riskless")), "options[1].pole", "no pole of 'Risk Orientation'"),
        (dilemma("d", ("a", TAKING), ("b", "Intuitive")), "options[1].pole", "one row, one value pair"),
        (dilemma("d", ("a b", TAKING), ("A  b ", AVERSE)), "options[1].text", "says the same as options[0]"),
        (
            dilemma("d", ("a", TAKING), ("b", AVERSE), pair="Risk orient"),
            "value_pair",
            "Did you mean 'Risk Orientation'?",
        ),
    ],
)
def test_each_fault_is_told(wrong: Dilemma, field: str, message: str) -> None:
    (fault,) = checked(wrong, VCD).faults
    assert fault.field == field
    assert message in fault.message


def test_faults_of_several_kinds_are_told_together() -> None:
    found = checked(dilemma("d", ("a", "x"), ("a", "y")), VCD).faults
    assert [fault.field for fault in found] == ["options[0].pole", "options[1].pole", "options[1].text"]


@given(any_dilemmas())
def test_a_good_dilemma_passes_and_its_id_does_not_depend_on_the_order_of_its_options(
    good: Dilemma,
) -> None:
    assert checked(good, VCD) == (good, ())
    backwards = good.reordered(tuple(reversed(range(len(good.options)))))
    assert derived_id(backwards) == derived_id(good)


def test_ids_of_different_content_differ() -> None:
    one, two = dilemma("", ("a", TAKING), ("b", AVERSE)), dilemma("", ("a", TAKING), ("c", AVERSE))
    assert derived_id(one) != derived_id(two)
    assert derived_id(OpenQuestion("", RISK, "a")) != derived_id(OpenQuestion("", RISK, "b"))
