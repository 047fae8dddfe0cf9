"""Who takes part in the history experiment, what they chose before, what is asked then, and the prior for newcomers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from counterpoint.errors import BadInputError
from counterpoint.models.scorer import Scorer
from counterpoint.types import DataSet, Dilemma, Pole, Taxonomy
from counterpoint.users.belief import Belief
from counterpoint.users.evidence import Evidence
from counterpoint.users.likelihood import stages
from counterpoint.users.population import fit_population
from counterpoint.users.simulate import Person, live, make_person

Within = Callable[[str, float], None]
"""Told what is done, and the share of this piece of work that is done, 0 to 1."""
Trainer = Callable[[str, Sequence[Dilemma], int, Within], Scorer]
"""From an objective's name, dilemmas and a seed to a trained scorer."""
History = list[tuple[int, int]]
"""What somebody chose: (index of the dilemma, option)."""


class Visitor(NamedTuple):
    """A person, where they stand, and indices into the test dilemmas: what they did first and what is asked then."""

    person: Person
    cell: int
    history: tuple[int, ...]
    questions: tuple[int, ...]


class Priors(NamedTuple):
    """Newcomers' beliefs, for evidence as usual and for evidence from texts alone."""

    usual: Belief
    text_only: Belief


def usable_dilemmas(test: DataSet, taxonomy: Taxonomy, *, least: int) -> list[Dilemma]:
    """Test dilemmas in which both poles can be chosen. Value pairs that the test says nothing about are left out.

    Raises:
        BadInputError: a value pair has some, but fewer than `least`, or there is none at all.
    """
    both = [d for d in test.dilemmas if all(d.gold(p.name) for p in taxonomy.by_name[d.value_pair].poles)]
    for name in dict.fromkeys(d.value_pair for d in test.dilemmas):
        count = sum(d.value_pair == name for d in both)
        if count < least:
            raise BadInputError(
                f"{count} test dilemmas about {name!r} offer both poles; the longest history needs {least} "
                "at least. Give more test dilemmas or shorter --histories"
            )
    if not both:
        raise BadInputError("there is no test dilemma; give some with --test")
    return both


def draw_visitors(
    test: Sequence[Dilemma], taxonomy: Taxonomy, rng: Generator, *, people: int, longest: int, questions: int
) -> list[Visitor]:
    """People in turn on every pole; each has a history and questions of their own, which share no dilemma."""
    known = {dilemma.value_pair for dilemma in test}
    cells = [cell for cell in range(len(taxonomy.poles)) if taxonomy.pairs[cell // 2].name in known]
    visitors = []
    for number in range(people):
        cell = cells[number % len(cells)]
        pair = taxonomy.pairs[cell // 2]
        own = {p.name: p.poles[int(rng.integers(2))].name for p in taxonomy} | {pair.name: taxonomy.poles[cell].name}
        about = [int(i) for i in rng.permutation([i for i, d in enumerate(test) if d.value_pair == pair.name])]
        asked = about[longest : longest + questions]
        visitors.append(Visitor(Person(f"p{number}", own), cell, tuple(about[:longest]), tuple(asked)))
    return visitors


def lived(visitor: Visitor, test: Sequence[Dilemma], taxonomy: Taxonomy, rng: Generator, *, noise: float) -> History:
    """The history of somebody who chooses at random, `noise` of the time."""
    person = replace(visitor.person, noise=noise)
    events = live(person, [test[i] for i in visitor.history], taxonomy, rng)
    return [(i, event.groups[0][0]) for i, event in zip(visitor.history, events, strict=True)]


def gold_options(test: Sequence[Dilemma], taxonomy: Taxonomy, pole: Pole) -> list[set[int]]:
    """Options of each dilemma that serve a pole; none where the dilemma is about another pair. `[dilemma]`."""
    pair = taxonomy.by_pole[pole.name].name
    return [set(d.gold(pole.name)) if d.value_pair == pair else set() for d in test]


def _ignored(what: str, share: float) -> None:
    """Progress nobody asked for."""


def learn_priors(train: DataSet, trainer: Trainer, newcomers: int, seed: int, within: Within = _ignored) -> Priors:
    """Where people are, from simulated ones on training dilemmas; their evidence is from a scorer that never saw these.

    The scorer is trained on one half and read on the other, since evidence is stronger on what was trained on.
    """
    rng = np.random.default_rng([seed, 13])
    taxonomy = train.taxonomy
    first, second = np.array_split(rng.permutation(len(train)), 2)
    scorer = trainer("pft", [train.dilemmas[i] for i in first], seed, within)
    held_out = [train.dilemmas[i] for i in second]
    lives = []
    for number in range(newcomers):
        person = replace(make_person("consistent", f"n{number}", taxonomy, rng), noise=float(rng.choice([0, 0.1, 0.2])))
        asked = rng.choice(len(held_out), size=min(10, len(held_out)), replace=False)
        events = live(person, [held_out[i] for i in asked], taxonomy, rng)
        lives.append([(i, event.groups) for i, event in zip(asked, events, strict=True)])

    def fitted(evidence: Evidence) -> Belief:
        read = evidence.questions(held_out)
        people = [[o for i, groups in life for o in stages(read[i], groups)] for life in lives]
        return fit_population(people, Belief.flat(len(taxonomy))).prior

    return Priors(fitted(Evidence(scorer, taxonomy)), fitted(Evidence(scorer, taxonomy, elsewhere=1.0)))
