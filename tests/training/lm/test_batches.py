"""Micro-batches within a budget."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.models.prompts import Prompter
from counterpoint.training.lm.batches import micro_batch
from counterpoint.training.lm.rows import Row, build_rows
from counterpoint.training.objective import OBJECTIVES

from .small import QUICK, VCD, dilemmas, tokenizer

PROMPTER = Prompter(tokenizer())
ROWS = build_rows(dilemmas(5, options=4), VCD, OBJECTIVES.get("dpo_mixed"), PROMPTER, QUICK, seed=0).rows
PAIRED = build_rows(dilemmas(5, options=4), VCD, OBJECTIVES.get("pft"), PROMPTER, QUICK, seed=0).rows


def seen(rows: tuple[Row, ...], max_nodes: int) -> list[tuple[object, ...]]:
    """Every side as the objective sees it, by its branches: right ones, wrong ones, weight, with whom in an example."""
    sides = []
    for work in micro_batch(rows, max_nodes=max_nodes).works:
        branches = [branch for plan in work.plans for branch in plan.branches]
        scores = work.scores(torch.arange(len(branches)).double(), -torch.arange(len(branches)).double())
        assert torch.equal(scores.reference, -scores.logp)
        for place, tokens in zip(scores.logp.int().tolist(), scores.tokens.tolist(), strict=True):
            assert branches[place].response == tokens
        for side in range(len(scores.weight)):
            mine = [
                (branches[int(p)], c)
                for p, c, s in zip(scores.logp, scores.chosen, scores.side, strict=True)
                if s == side
            ]
            example = int(scores.example[side])
            mates = int((scores.example == example).sum())
            sides.append((str(sorted(mine, key=str)), float(scores.weight[side]), mates))
        assert int(scores.example.max()) + 1 == work.examples
    return sorted(sides)


def told(rows: tuple[Row, ...]) -> list[tuple[object, ...]]:
    """The same from the rows."""
    sides = []
    for row in rows:
        for side, weight in enumerate(row.weight):
            mine = [
                (b, torch.tensor(c)) for b, c, s in zip(row.branches, row.chosen, row.side, strict=True) if s == side
            ]
            sides.append((str(sorted(mine, key=str)), weight, len(row.weight)))
    return sorted(sides)


@given(st.sampled_from([ROWS, PAIRED]), st.integers(1, 800), st.integers(1, 5))
def test_every_side_arrives_whole_whatever_the_budget(rows: tuple[Row, ...], budget: int, count: int) -> None:
    assert seen(rows[:count], budget) == told(rows[:count])


@given(st.integers(1, 2000))
def test_the_budget_is_kept_and_only_a_tree_over_budget_is_in_pieces(budget: int) -> None:
    batch = micro_batch(ROWS, max_nodes=budget)
    longest = max(len(branch.tokens) for row in ROWS for branch in row.branches)
    assert batch.examples == len(ROWS)
    for work in batch.works:
        assert all(len(plan) <= max(budget, longest) for plan in work.plans)
        assert len(work.plans) == 1 or work.examples == 1


def test_small_trees_share_a_pass() -> None:
    assert len(micro_batch(ROWS, max_nodes=100_000).works) == 1
    assert len(micro_batch(ROWS, max_nodes=max(row.nodes for row in ROWS)).works) == len(ROWS)
