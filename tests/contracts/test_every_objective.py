"""What holds for every registered objective, one of your own included."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from counterpoint.training.branches import Branches
from counterpoint.training.objective import OBJECTIVES, BranchScores, Example, Objective, sides
from small_encoder import TWO_PAIRS, made_up_dilemmas, small_scorer

DILEMMAS = made_up_dilemmas(10)


@pytest.fixture(params=OBJECTIVES.names())
def objective(request: pytest.FixtureRequest) -> Objective:
    return OBJECTIVES.get(request.param)


def examples(objective: Objective) -> list[Example]:
    return [e for d in DILEMMAS for e in objective.examples(d, TWO_PAIRS.by_name[d.value_pair])]


def scores(objective: Objective, *, trained: bool = True) -> BranchScores:
    """What the encoder scorer tells the objective, with a gradient that reaches `logp`."""
    branches = Branches(small_scorer(), examples(objective))
    weight = torch.randn(32, 4, generator=torch.Generator().manual_seed(0)) if trained else torch.zeros(32, 4)
    found = branches.scores(branches.frozen @ (weight @ branches.codes))
    return replace(found, logp=found.logp.detach().requires_grad_(True))


def without(scores: BranchScores, keep: torch.Tensor, **changes: Any) -> BranchScores:
    """Only the branches that `keep` marks."""
    kept = {name: getattr(scores, name)[keep] for name in ("logp", "tokens", "chosen", "side")}
    return replace(scores, **kept, **changes)


def test_examples_hold_sides_of_their_dilemma_as_they_are(objective: Objective) -> None:
    found = examples(objective)
    assert found
    assert objective.examples(DILEMMAS[0], TWO_PAIRS.by_name[DILEMMAS[0].value_pair]) == tuple(
        e for e in found if e.dilemma is DILEMMAS[0]
    )
    for example in found:
        assert example.sides
        assert set(example.sides) <= set(sides(example.dilemma, TWO_PAIRS.by_name[example.dilemma.value_pair]))


def test_the_loss_is_a_finite_scalar_that_training_can_lower(objective: Objective) -> None:
    batch = scores(objective)
    loss = objective.loss(batch)
    assert loss.shape == ()
    assert torch.isfinite(loss)
    loss.backward()
    assert batch.logp.grad is not None
    assert torch.isfinite(batch.logp.grad).all()
    assert (batch.logp.grad[batch.chosen] < 0).all(), "more of what is right must lower the loss"
    assert (batch.logp.grad[~batch.chosen] >= 0).all(), "more of what is wrong must not"


def test_it_says_honestly_whether_it_needs_the_reference(objective: Objective) -> None:
    batch = scores(objective)
    blind = replace(batch, reference=None)
    if objective.needs_reference:
        with pytest.raises(ValueError, match="reference"):
            objective.loss(blind)
    else:
        assert torch.equal(objective.loss(blind), objective.loss(batch))


def test_it_says_honestly_whether_it_needs_rejected_options(objective: Objective) -> None:
    batch = scores(objective)
    objective.loss(batch).backward()
    assert batch.logp.grad is not None
    assert bool((batch.logp.grad[~batch.chosen] != 0).any()) is objective.needs_rejected
    if not objective.needs_rejected:
        assert torch.equal(objective.loss(without(batch, batch.chosen, reference=None)), objective.loss(batch))


def test_the_loss_is_a_mean_over_examples(objective: Objective) -> None:
    batch, count = scores(objective), len(examples(objective))
    total = 0.0
    for i in range(count):
        mine = torch.where(batch.example == i)[0]
        keep = torch.isin(batch.side, mine)
        one = without(batch, keep, weight=batch.weight[mine], reference=batch.reference[keep])
        total += objective.loss(replace(one, side=one.side - mine[0], example=batch.example[mine] - i)).item()
    assert objective.loss(batch).item() == pytest.approx(total / count, rel=1e-5)


def test_it_is_stateless(objective: Objective) -> None:
    assert not getattr(objective, "__dict__", {})
    batch = scores(objective)
    assert torch.equal(objective.loss(batch), objective.loss(batch))
