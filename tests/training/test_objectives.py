"""The objectives beside each other: which sides they see, and how their losses hang together."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
from made_up_scores import Branch, MadeUpSide, flatten
from torch import Tensor

from counterpoint.training.branches import Branches
from counterpoint.training.objective import OBJECTIVES, Side, sides
from counterpoint.types import Dilemma, Option
from small_encoder import RISK, TWO_PAIRS, VCD, made_up_dilemmas, small_scorer

PAIR = VCD.by_name[RISK]
THREE = Dilemma("d", RISK, "s", (Option("a", "Risk-averse"), Option("b", "Risk-taking"), Option("c", "Risk-averse")))
POSITIVE, NEGATIVE = Side("Risk-taking", (1,), (0, 2)), Side("Risk-averse", (0, 2), (1,))


def branch_loss(name: str, dilemmas: Sequence[Dilemma], weight: Tensor) -> Tensor:
    """The objective's loss on an encoder with head `weight`, all dilemmas in one batch."""
    objective, scorer = OBJECTIVES.get(name), small_scorer()
    examples = [e for d in dilemmas for e in objective.examples(d, TWO_PAIRS.by_name[d.value_pair])]
    branches = Branches(scorer, examples)
    return objective.loss(branches.scores(branches.frozen @ (weight @ branches.codes)))


def some_weight() -> Tensor:
    return torch.randn(32, 4, generator=torch.Generator().manual_seed(1)).requires_grad_(True)


def test_the_sides_of_a_dilemma_are_its_poles_positive_first_each_against_the_other_options() -> None:
    assert sides(THREE, PAIR) == (POSITIVE, NEGATIVE)
    one_sided = Dilemma("d", RISK, "s", (Option("a", "Risk-averse"), Option("b", "Risk-averse")))
    assert sides(one_sided, PAIR) == (Side("Risk-averse", (0, 1), ()),)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pft", [(POSITIVE, NEGATIVE)]),
        ("sft_mixed", [(POSITIVE,), (NEGATIVE,)]),
        ("dpo_mixed", [(POSITIVE,), (NEGATIVE,)]),
        ("ipo_mixed", [(POSITIVE,), (NEGATIVE,)]),
        ("sft_positive", [(POSITIVE,)]),
        ("dpo_positive", [(POSITIVE,)]),
        ("ipo_positive", [(POSITIVE,)]),
        ("sft_negative", [(NEGATIVE,)]),
        ("dpo_negative", [(NEGATIVE,)]),
        ("ipo_negative", [(NEGATIVE,)]),
    ],
)
def test_each_objective_sees_its_sides_in_its_steps_and_no_other(name: str, expected: list[tuple[Side, ...]]) -> None:
    examples = OBJECTIVES.get(name).examples(THREE, PAIR)
    assert [example.sides for example in examples] == expected
    assert all(example.dilemma is THREE for example in examples)


def test_pft_by_hand() -> None:
    # p+: one of two right, 0.8; p-: two right of three, 0.5 and 0.25, their mean NLL (ln 2 + ln 4) / 2 = 1.5 ln 2
    positive = MadeUpSide((Branch(math.log(0.8), True), Branch(math.log(0.2), False)))
    negative = MadeUpSide((Branch(math.log(0.5), True), Branch(math.log(0.25), True), Branch(math.log(0.25), False)))
    loss = OBJECTIVES.get("pft").loss(flatten([[positive, negative]])).item()
    assert loss == pytest.approx(-math.log(0.8) + 1.5 * math.log(2), rel=1e-12)


def test_sft_mixed_over_the_same_dilemmas_is_half_of_pft() -> None:
    dilemmas, weight = made_up_dilemmas(6), some_weight()
    torch.testing.assert_close(branch_loss("sft_mixed", dilemmas, weight), branch_loss("pft", dilemmas, weight) / 2)


def test_pft_s_gradient_is_the_sum_of_both_sides_gradients() -> None:
    dilemmas, weight = made_up_dilemmas(6), some_weight()
    names = ("pft", "sft_positive", "sft_negative")
    both, positive, negative = (torch.autograd.grad(branch_loss(name, dilemmas, weight), weight)[0] for name in names)
    torch.testing.assert_close(both, positive + negative)
    assert not torch.allclose(positive, negative, atol=0.01)


def test_dpo_starts_at_ln_2_on_the_encoder_too() -> None:
    for name in ("dpo_positive", "dpo_negative", "dpo_mixed"):
        assert branch_loss(name, made_up_dilemmas(6), torch.zeros(32, 4)).item() == pytest.approx(math.log(2), abs=1e-7)


def test_ipo_starts_at_its_target_squared_on_the_encoder_too() -> None:
    for name in ("ipo_positive", "ipo_negative", "ipo_mixed"):  # (0 - 1 / 0.2)^2
        assert branch_loss(name, made_up_dilemmas(6), torch.zeros(32, 4)).item() == pytest.approx(25, abs=1e-5)


def test_on_the_encoder_a_branch_s_probability_is_among_its_own_dilemma_s_options() -> None:
    dilemmas, weight, objective = made_up_dilemmas(8), some_weight().detach(), OBJECTIVES.get("pft")
    scorer = small_scorer()
    examples = [e for d in dilemmas for e in objective.examples(d, TWO_PAIRS.by_name[d.value_pair])]
    branches = Branches(scorer, examples)
    scores = branches.scores(scorer.standardised(branches.frozen) @ (weight @ branches.codes))
    totals = torch.zeros(len(scores.weight)).index_add(0, scores.side, scores.logp.exp())
    torch.testing.assert_close(totals, torch.ones_like(totals))
    # and what was trained is what the scorer says: side by side with its own scoring
    scorer.weight = weight
    asked = scorer.score(dilemmas, [TWO_PAIRS.by_name[d.value_pair].poles for d in dilemmas])
    expected = [
        row[i][option]
        for dilemma, row in zip(dilemmas, asked, strict=True)
        for i, side in enumerate(sides(dilemma, TWO_PAIRS.by_name[dilemma.value_pair]))
        for option in side.chosen + side.rejected
    ]
    torch.testing.assert_close(scores.logp, torch.tensor(expected), atol=1e-5, rtol=1e-4)
