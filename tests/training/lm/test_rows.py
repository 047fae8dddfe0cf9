"""Dilemmas to rows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from counterpoint.data import shuffle_options
from counterpoint.errors import BadInputError
from counterpoint.models.prompts import PromptConfig, Prompter
from counterpoint.training.lm.rows import Rows, build_rows
from counterpoint.training.objective import OBJECTIVES
from counterpoint.types import Dilemma

from .small import QUICK, RISK, TIME, VCD, dilemmas, tokenizer

PROMPTER = Prompter(tokenizer())


def rows(data: list[Dilemma], objective: str = "pft", *, seed: int = 0, **changes: object) -> Rows:
    return build_rows(data, VCD, OBJECTIVES.get(objective), PROMPTER, replace(QUICK, **changes), seed=seed)


def test_a_row_of_pft_is_one_tree_with_the_right_options_of_both_poles() -> None:
    dilemma = shuffle_options(dilemmas(1, options=4)[0], 7)
    (row,) = rows([dilemma], seed=7).rows
    expected = [PROMPTER.branch(dilemma, pole, option) for pole in RISK.poles for option in dilemma.gold(pole.name)]
    assert list(row.branches) == expected
    assert all(row.chosen)
    assert row.side == tuple(side for side, pole in enumerate(RISK.poles) for _ in dilemma.gold(pole.name))
    assert row.weight == (1.0, 1.0)
    assert row.nodes < sum(len(branch.tokens) - 1 for branch in row.branches)


def test_sides_weigh_what_the_settings_say_of_their_pole() -> None:
    data = dilemmas(1, options=4)
    assert rows(data, weights=(1.5, 0.5)).rows[0].weight == (1.5, 0.5)
    assert [row.weight for row in rows(data, "sft_mixed", weights=(1.5, 0.5)).rows] == [(1.5,), (0.5,)]


def test_rejected_options_are_branches_only_where_the_objective_compares() -> None:
    (dilemma,) = dilemmas(1, options=4)
    assert len(rows([dilemma], "sft_positive").rows[0].branches) == len(dilemma.gold(RISK.positive.name))
    (row,) = rows([dilemma], "dpo_positive").rows
    assert len(row.branches) == 4
    assert sum(row.chosen) == len(dilemma.gold(RISK.positive.name))


def test_options_are_shuffled_by_the_seed_alone() -> None:
    data = dilemmas(20)
    backwards = [replace(d, options=d.options[::-1]) for d in data]
    assert rows(data).rows == rows(backwards).rows
    assert rows(data).rows != rows(data, seed=1).rows


def several_pairs() -> list[Dilemma]:
    """One scenario labelled for two value pairs, and one labelled for one."""
    first, second = dilemmas(2)
    poles = {RISK.positive.name: TIME.positive.name, RISK.negative.name: TIME.negative.name}
    labels = tuple(replace(option, pole=poles[option.pole]) for option in first.options)
    return [first, replace(first, id="again", value_pair=TIME.name, options=labels), second]


def test_all_poles_of_a_scenario_are_one_tree_where_that_is_asked_for() -> None:
    data = several_pairs()
    apart, together = rows(data).rows, rows(data, poles="all").rows
    assert [len(row.weight) for row in apart] == [2, 2, 2]
    assert [len(row.weight) for row in together] == [4, 2]
    assert sorted(together[0].branches, key=str) == sorted(apart[0].branches + apart[1].branches, key=str)
    assert together[0].nodes < apart[0].nodes + apart[1].nodes
    # what an objective keeps apart stays apart
    assert rows(data, "sft_mixed", poles="all").rows == rows(data, "sft_mixed").rows


def test_twelve_poles_are_one_tree() -> None:
    (first,) = dilemmas(1, options=2)
    data = [
        replace(
            first,
            id=pair.name,
            value_pair=pair.name,
            options=tuple(replace(o, pole=p.name) for o, p in zip(first.options, pair.poles, strict=True)),
        )
        for pair in VCD
    ]
    (row,) = rows(data, poles="all").rows
    assert len(row.branches) == len(row.weight) == 12
    assert row.side == tuple(range(12))


def test_a_branch_that_is_too_long_is_kept_by_default_and_counted() -> None:
    data = [*dilemmas(2), dilemmas(1, words=100)[0]]
    everything = rows(data, max_tokens=10_000)
    limit = max(len(b.tokens) for row in everything.rows[:2] for b in row.branches)
    kept = rows(data, max_tokens=limit)
    long = len(everything.rows[2].branches)
    assert kept.rows == everything.rows
    assert kept.lengths == everything.lengths._replace(too_long=long)
    assert everything.lengths.too_long == 0
    assert everything.lengths.longest > limit

    dropped = rows(data, max_tokens=limit, too_long="drop")
    assert dropped.rows == everything.rows[:2]
    assert (dropped.lengths.dropped_examples, dropped.lengths.too_long) == (1, long)


def test_the_papers_cut_loses_the_end_of_the_answer_and_says_so() -> None:
    data = dilemmas(1)
    whole = rows(data).rows[0].branches
    limit = min(len(branch.tokens) for branch in whole) - 1
    cut = rows(data, max_tokens=limit, too_long="cut")
    assert [b.tokens for b in cut.rows[0].branches] == [b.tokens[:limit] for b in whole]
    assert [b.start for b in cut.rows[0].branches] == [b.start for b in whole]
    assert cut.lengths.cut == cut.lengths.too_long == len(whole)
    # an answer of which nothing is left can't be trained on
    with pytest.raises(BadInputError, match="too_long = 'keep'"):
        rows(data, max_tokens=whole[0].start, too_long="cut")


def test_the_layout_is_the_prompters_and_what_shares_a_prefix() -> None:
    data, pft = dilemmas(1), OBJECTIVES.get("pft")
    first, last = (
        build_rows(data, VCD, pft, Prompter(tokenizer(), PromptConfig(layout)), QUICK, seed=0).rows[0].nodes
        for layout in ("pole_first", "scenario_first")
    )
    assert first > 1.2 * last


def test_a_side_that_nobody_is_on_is_an_error() -> None:
    (dilemma,) = dilemmas(1)
    one_sided = replace(dilemma, options=tuple(replace(o, pole=RISK.negative.name) for o in dilemma.options))
    with pytest.raises(BadInputError, match="no dilemma has an option on the side"):
        rows([one_sided], "sft_positive")
