"""Dilemmas to rows: one example, one tree. Axes: `branch`, `side`, both within a row.

A branch is a prompt under one pole with one response. Its log-probability is that of response tokens only, because a
`Branch` knows where its response starts: prompt tokens are in no loss by construction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from counterpoint.data.order import shuffle_options
from counterpoint.errors import BadInputError
from counterpoint.models.prompts import Prompter
from counterpoint.models.trie import Branch, Plan, build_plan
from counterpoint.training.lm.leanings import Leanings
from counterpoint.training.lm.settings import LmTraining
from counterpoint.training.objective import Example, Objective, Side, weighed_examples
from counterpoint.types import Dilemma, Pole, Taxonomy, ValuePair


@dataclass(frozen=True)
class Row:
    """An example's branches, and what the objective must know of each."""

    branches: tuple[Branch, ...]  # [branch]
    chosen: tuple[bool, ...]  # [branch]
    side: tuple[int, ...]  # [branch], which side of this row
    weight: tuple[float, ...]  # [side]
    nodes: int  # size of the tree


class Lengths(NamedTuple):
    """What the limit on tokens did. `longest` is a branch's, before anything was done about it."""

    branches: int
    longest: int
    too_long: int
    cut: int
    dropped_examples: int


class Rows(NamedTuple):
    """What is trained on, in the order of the dilemmas."""

    rows: tuple[Row, ...]
    lengths: Lengths
    examples_per_dilemma: float

    def plans(self) -> list[Plan]:
        """Every row's tree as a plan."""
        return [build_plan(row.branches) for row in self.rows]


def build_rows(
    dilemmas: Sequence[Dilemma],
    taxonomy: Taxonomy,
    objective: Objective,
    prompter: Prompter,
    settings: LmTraining,
    *,
    seed: int,
) -> Rows:
    """The rows of all dilemmas, their options in the order that `seed` draws, the same in every epoch.

    Raises:
        BadInputError: nothing is left to train on.
    """
    shuffled = [shuffle_options(dilemma, seed) for dilemma in dilemmas]
    pairs = [taxonomy.by_name[dilemma.value_pair] for dilemma in shuffled]
    examples = [
        (e, pair)
        for d, pair in zip(shuffled, pairs, strict=True)
        for e in weighed_examples(objective, d, pair, settings.weights)
    ]
    if not examples:
        raise BadInputError("no dilemma has an option on the side that is to be trained; give more or other data")
    groups = list(_together(examples)) if settings.poles == "all" else [[example] for example in examples]
    limit, leanings = _Limit(settings.max_tokens, settings.too_long), Leanings(taxonomy, settings.leanings, seed)
    rows = [row for group in groups if (row := _row(group, objective, prompter, settings, leanings, limit)) is not None]
    if not rows:
        raise BadInputError(
            f"all {len(groups)} examples are longer than training.max_tokens = {settings.max_tokens} "
            f"(the longest has {limit.longest}); raise it or set training.too_long = 'keep'"
        )
    lengths = Lengths(limit.branches, limit.longest, limit.too_long, limit.cut, len(groups) - len(rows))
    return Rows(tuple(rows), lengths, len(groups) / len(dilemmas))


def _together(examples: Sequence[tuple[Example, ValuePair]]) -> Iterator[list[tuple[Example, ValuePair]]]:
    """Examples of the same scenario and options in one group, if the objective pairs sides at all."""
    if all(len(example.sides) < 2 for example, _ in examples):
        yield from ([example] for example in examples)
        return
    groups: dict[str, list[tuple[Example, ValuePair]]] = {}
    for example in examples:
        groups.setdefault(example[0].dilemma.digest, []).append(example)
    yield from groups.values()


class _Limit:
    """Applies the limit on tokens to branches and counts what it did."""

    def __init__(self, tokens: int, action: str) -> None:
        self.tokens, self.action = tokens, action
        self.branches = self.longest = self.too_long = self.cut = 0

    def __call__(self, branch: Branch) -> Branch | None:
        """The branch to train on, or None where it can't be."""
        self.branches += 1
        self.longest = max(self.longest, len(branch.tokens))
        if len(branch.tokens) <= self.tokens:
            return branch
        self.too_long += 1
        if self.action == "keep":
            return branch
        if self.action == "drop" or branch.start >= self.tokens:
            return None
        self.cut += 1
        return Branch(branch.tokens[: self.tokens], branch.start)


def _row(
    group: Sequence[tuple[Example, ValuePair]],
    objective: Objective,
    prompter: Prompter,
    settings: LmTraining,
    leanings: Leanings,
    limit: _Limit,
) -> Row | None:
    branches: list[Branch | None] = []
    chosen: list[bool] = []
    side_of: list[int] = []
    weights: list[float] = []
    for example, pair in group:
        for side in example.sides:
            for who, put in _asked(example.dilemma, pair, side, leanings):
                prompt = prompter.prompt(example.dilemma, who, form=settings.form)
                for option in put.chosen + (put.rejected if objective.needs_rejected else ()):
                    response = prompter.response(example.dilemma, option, form=settings.form)
                    branches.append(limit(Branch(prompt + response, len(prompt))))
                    chosen.append(option in put.chosen)
                    side_of.append(len(weights))
                weights.append(put.weight)
    kept = tuple(branch for branch in branches if branch is not None)
    if len(kept) < len(branches):
        return None
    return Row(kept, tuple(chosen), tuple(side_of), tuple(weights), len(build_plan(kept)))


def _asked(dilemma: Dilemma, pair: ValuePair, side: Side, leanings: Leanings) -> Iterator[tuple[Pole, Side]]:
    """Who the side is put to, and the side as it is right for them; in some degree the other options are right too."""
    for who, share, right in leanings.asked(dilemma, pair, side.pole):
        yield who, side._replace(weight=side.weight * share * right)
        if right < 1 and side.rejected:
            weight = side.weight * share * (1 - right)
            yield who, side._replace(chosen=side.rejected, rejected=side.chosen, weight=weight)
