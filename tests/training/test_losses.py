"""The maths of the objectives, by hand and against slow definitions written from the papers."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from made_up_scores import Batch, Branch, MadeUpSide, batches, flatten, sides

from counterpoint.training.losses import DPO_BETA, IPO_TAU, mean_over_examples, side_dpo, side_ipo, side_nll

LN = math.log


def slow_nll(side: MadeUpSide) -> float:
    """Token means of the right responses, then their mean."""
    means = [-branch.logp / branch.tokens for branch in side.branches if branch.chosen]
    return sum(means) / len(means)


def slow_dpo(side: MadeUpSide, beta: float) -> float:
    """-ln sigmoid of every right response against every wrong one, then their mean."""
    losses = []
    for right in (b for b in side.branches if b.chosen):
        for wrong in (b for b in side.branches if not b.chosen):
            margin = beta * ((right.logp - right.reference) - (wrong.logp - wrong.reference))
            losses.append(LN(1 + math.exp(-margin)))
    return sum(losses) / len(losses)


def slow_ipo(side: MadeUpSide, tau: float) -> float:
    """The log-ratio of every right response against every wrong one, squared distance from 1 / (2 tau), their mean."""
    losses = []
    for right in (b for b in side.branches if b.chosen):
        for wrong in (b for b in side.branches if not b.chosen):
            ratio = (right.logp - wrong.logp) - (right.reference - wrong.reference)
            losses.append((ratio - 0.5 / tau) ** 2)
    return sum(losses) / len(losses)


def slow_mean(batch: Batch, losses: list[float]) -> float:
    """Weighted sums within examples, then their mean."""
    rest = iter(losses)
    totals = [sum(side.weight * next(rest) for side in example) for example in batch]
    return sum(totals) / len(totals)


def test_nll_is_a_token_mean_then_a_mean_over_right_responses() -> None:
    # right: -6 nats over 3 tokens = 2 a token; -8 over 2 = 4 a token; (2 + 4) / 2 = 3. The wrong one plays no part.
    side = MadeUpSide((Branch(-6, True, 3), Branch(-1, False, 5), Branch(-8, True, 2)))
    # a mean over all five tokens would be 14 / 5, a sum 14
    assert side_nll(flatten([[side]])).tolist() == [3.0]


def test_weights_and_sides_add_within_an_example_and_examples_are_averaged() -> None:
    # example 1: 2 * 5 + 0.5 * 4 = 12; example 2: 1 * 6 = 6; mean 9
    batch = [
        [MadeUpSide((Branch(-5, True),), 2.0), MadeUpSide((Branch(-4, True),), 0.5)],
        [MadeUpSide((Branch(-6, True),))],
    ]
    scores = flatten(batch)
    assert mean_over_examples(side_nll(scores), scores).item() == 9.0


def test_dpo_of_an_untrained_scorer_is_ln_2_exactly() -> None:
    same = MadeUpSide((Branch(-3.7, True, reference=-3.7), Branch(-0.2, False, reference=-0.2)))
    assert side_dpo(flatten([[same]]), beta=DPO_BETA).item() == LN(2)


def test_dpo_by_hand() -> None:
    # gains: right -1 - -3 = 2, wrong -4 - -1 = -3 and -2 - -2 = 0; margins 5 and 2; beta ln 2:
    # -ln sigmoid(5 ln 2) = ln(1 + 1/32) = ln(33/32); -ln sigmoid(2 ln 2) = ln(5/4)
    side = MadeUpSide((Branch(-4, False, 9, -1), Branch(-1, True, 2, -3), Branch(-2, False, 7, -2)))
    found = side_dpo(flatten([[side]]), beta=LN(2)).item()
    assert found == pytest.approx((LN(33 / 32) + LN(5 / 4)) / 2, rel=1e-12)


def test_ipo_by_hand() -> None:
    # gains: right -1 - -3 = 2, wrong -4 - -1 = -3 and -2 - -2 = 0; margins 5 and 2; tau 0.25 aims at 1 / 0.5 = 2:
    # (5 - 2)^2 = 9, (2 - 2)^2 = 0, mean 4.5. Token counts (9, 2, 7) play no part; means per token would differ.
    side = MadeUpSide((Branch(-4, False, 9, -1), Branch(-1, True, 2, -3), Branch(-2, False, 7, -2)))
    assert side_ipo(flatten([[side]]), tau=0.25).item() == 4.5


def test_ipo_of_an_untrained_scorer_is_its_target_squared_and_it_pulls_a_margin_back_that_is_too_wide() -> None:
    # tau 0.1 aims at 5: (0 - 5)^2 = 25 before training; a margin of 9 gives (9 - 5)^2 = 16, slope 2 * 4 = 8
    same = MadeUpSide((Branch(-3, True, reference=-3), Branch(-2, False, reference=-2)))
    assert side_ipo(flatten([[same]]), tau=IPO_TAU).item() == 25
    wide = flatten([[MadeUpSide((Branch(0, True, reference=-9), Branch(-2, False, reference=-2)))]])
    loss = side_ipo(wide, tau=IPO_TAU)
    loss.sum().backward()
    assert loss.item() == 16
    assert wide.logp.grad is not None
    assert wide.logp.grad.tolist() == [8.0, -8.0]


def test_dpo_stays_finite_when_the_margin_is_enormous() -> None:
    scores = flatten([[MadeUpSide((Branch(-1e4, True), Branch(0, False)))]])
    loss = side_dpo(scores, beta=1.0)
    assert loss.item() == 1e4
    loss.sum().backward()
    assert scores.logp.grad is not None
    assert scores.logp.grad.tolist() == [-1.0, 1.0]


def test_dpo_and_ipo_without_a_reference_say_what_is_missing() -> None:
    scores = flatten([[MadeUpSide((Branch(-1, True), Branch(-1, False)))]])
    blind = type(scores)(**{**vars(scores), "reference": None})
    with pytest.raises(ValueError, match=r"DPO.*reference is None"):
        side_dpo(blind, beta=1.0)
    with pytest.raises(ValueError, match=r"IPO.*reference is None"):
        side_ipo(blind, tau=1.0)


@given(batches, st.floats(0.01, 2))
def test_losses_equal_their_slow_definitions(batch: Batch, beta: float) -> None:
    scores = flatten(batch)
    every = [side for example in batch for side in example]
    nll, dpo = [slow_nll(side) for side in every], [slow_dpo(side, beta) for side in every]
    ipo = [slow_ipo(side, beta) for side in every]
    torch.testing.assert_close(side_ipo(scores, tau=beta).tolist(), ipo)
    torch.testing.assert_close(side_nll(scores).tolist(), nll)
    torch.testing.assert_close(side_dpo(scores, beta=beta).tolist(), dpo)
    assert mean_over_examples(side_nll(scores), scores).item() == pytest.approx(slow_mean(batch, nll))
    assert mean_over_examples(side_dpo(scores, beta=beta), scores).item() == pytest.approx(slow_mean(batch, dpo))


@given(batches, batches, sides, st.data())
def test_a_side_s_loss_depends_neither_on_others_nor_on_the_branches_order(
    before: Batch, after: Batch, side: MadeUpSide, data: st.DataObject
) -> None:
    batch = [*before, [side], *after]
    alone, together = flatten([[side]]), flatten(batch)
    order = data.draw(st.permutations(range(len(together.logp))))
    shuffled, place = flatten(batch, list(order)), sum(len(example) for example in before)
    for loss in (side_nll, lambda scores: side_dpo(scores, beta=0.3), lambda scores: side_ipo(scores, tau=0.3)):
        expected = pytest.approx(loss(alone)[0].item(), rel=1e-12)
        assert loss(together)[place].item() == expected
        assert loss(shuffled)[place].item() == expected


@given(batches)
def test_no_gradient_leaks_from_one_side_into_another(batch: Batch) -> None:
    for loss in (side_nll, lambda scores: side_dpo(scores, beta=0.3)):
        scores = flatten(batch)
        loss(scores)[0].backward()
        assert scores.logp.grad is not None
        assert (scores.logp.grad[scores.side != 0] == 0).all()
        assert (scores.logp.grad[(scores.side == 0) & scores.chosen] < 0).all()
