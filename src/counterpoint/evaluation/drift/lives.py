"""People about one value pair each, who flip, drift or stay, and what they choose. Axes: `choice`, `question`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np

from counterpoint.errors import BadInputError
from counterpoint.types import DataSet, Dilemma, Taxonomy
from counterpoint.users.simulate import Person, live, make_person

Change = Literal["flip", "drift", "steady"]
CHANGES: tuple[Change, ...] = ("flip", "drift", "steady")
"""The other side at once; the other side bit by bit; nothing changes."""
LEAST = 4
"""Dilemmas of a value pair at least: half to choose in, half to be asked about."""


class Life(NamedTuple):
    """One person."""

    person: Person
    cell: int
    """Index of the pole they stand on at first."""
    chosen: tuple[tuple[int, int], ...]
    """(dilemma, option), `[choice]`, a day apart. Dilemmas recur."""
    asked: tuple[int, ...]
    """Dilemmas that are asked about, `[question]`: none of those chosen in."""

    @property
    def axis(self) -> int:
        """Index of the value pair."""
        return self.cell // 2


def usable(test: DataSet, taxonomy: Taxonomy) -> list[Dilemma]:
    """Dilemmas in which both poles can be chosen, of value pairs that have enough.

    Raises:
        BadInputError: there is none.
    """
    both = [d for d in test.dilemmas if all(d.gold(p.name) for p in taxonomy.by_name[d.value_pair].poles)]
    counts = {pair.name: sum(d.value_pair == pair.name for d in both) for pair in taxonomy}
    found = [d for d in both if counts[d.value_pair] >= LEAST]
    if not found:
        raise BadInputError(
            f"no value pair has {LEAST} dilemmas that offer both poles; people need some to choose in and others to be "
            "asked about. Give more dilemmas"
        )
    return found


def draw_lives(
    test: Sequence[Dilemma],
    taxonomy: Taxonomy,
    *,
    change: Change,
    noise: float,
    people: int,
    before: int,
    after: int,
    span: int,
    questions: int,
    seed: int,
) -> list[Life]:
    """People in turn on every pole of the pairs that are tested.

    Args:
        test: see `usable`.
        taxonomy: its value pairs.
        change: what happens after `before` choices.
        noise: how often they choose at random.
        people: how many.
        before: choices before the change.
        after: choices after it.
        span: choices over which somebody drifts to the other side.
        questions: asked of each at most.
        seed: of everything that is drawn; the same people in every `change`.
    """
    pairs = {d.value_pair for d in test}
    cells = [cell for cell in range(len(taxonomy.poles)) if taxonomy.pairs[cell // 2].name in pairs]
    lives = []
    for number in range(people):
        rng = np.random.default_rng([seed, number, 17])
        cell = cells[number % len(cells)]
        pair = taxonomy.pairs[cell // 2]
        drawn = make_person("consistent", f"p{number}", taxonomy, rng)
        sides = {**drawn.sides, pair.name: taxonomy.poles[cell].name}
        flips = {pair.name: before} if change == "flip" else {}
        drifts = {pair.name: (before, before + span)} if change == "drift" else {}
        person = replace(drawn, sides=sides, noise=noise, flips=flips, drifts=drifts)
        about = [int(i) for i in rng.permutation([i for i, d in enumerate(test) if d.value_pair == pair.name])]
        half = len(about) // 2
        shown = [about[int(rng.integers(half))] for _ in range(before + after)]
        events = live(person, [test[i] for i in shown], taxonomy, rng)
        chosen = tuple((i, event.groups[0][0]) for i, event in zip(shown, events, strict=True))
        lives.append(Life(person, cell, chosen, tuple(about[half : half + questions])))
    return lives


def aligned(life: Life, dilemma: Dilemma, option: int, step: int, taxonomy: Taxonomy) -> float:
    """How likely an option is on the side that the person leans to after `step` choices, 0 to 1."""
    pole, probability = life.person.side(dilemma, step, taxonomy)
    return probability if dilemma.options[option].pole == pole else 1.0 - probability


def prove_alignment(lives: Sequence[Life], test: Sequence[Dilemma], steps: Sequence[int], taxonomy: Taxonomy) -> None:
    """Refuse to run unless options of the person's side of the moment are graded above those of the other.

    Where somebody has no doubt about their side, 1 and 0; while they drift, in proportion.

    Raises:
        BadInputError: whose question isn't graded so.
    """
    for life in lives:
        for i in life.asked:
            for step in steps:
                pole, probability = life.person.side(test[i], step, taxonomy)
                other = taxonomy.by_name[test[i].value_pair].other(pole).name
                gold, against = (
                    [aligned(life, test[i], option, step, taxonomy) for option in test[i].gold(name)]
                    for name in (pole, other)
                )
                if {*gold} != {probability} or {*against} != {1.0 - probability}:
                    raise BadInputError(f"dilemma {test[i].id}: the side of {life.person.name} is not graded as it is")
