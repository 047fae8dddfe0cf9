"""What the belief benchmarks share: dilemmas as an encoder reads them, simulated people, figures with intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import binomtest

from counterpoint.data import load, split
from counterpoint.evaluation.history.visits import Trainer, learn_priors
from counterpoint.types import DataSet, Dilemma
from counterpoint.users.belief import Belief
from counterpoint.users.evidence import Evidence
from counterpoint.users.model import Observation, Question, UserModel
from counterpoint.users.models.drifting import DAY, Drifting
from counterpoint.users.simulate import Person, make_person


class Figure(NamedTuple):
    """One line of the output; `bar` is in words, `holds` null where a figure is only reported."""

    what: str
    value: float | None
    low: float | None
    high: float | None
    bar: str
    holds: bool | None


REPORTED: tuple[str, None] = ("reported", None)
"""Bar and verdict of a figure without a bar."""


class World(NamedTuple):
    """Unseen dilemmas in which both poles can be chosen, what the scorer makes of them, and the learnt prior."""

    train: DataSet
    test: DataSet
    dilemmas: list[Dilemma]
    questions: list[Question]
    prior: Belief
    trainer: Trainer
    people: int
    seeds: int
    finetuned: bool

    def about(self, pair: str) -> list[int]:
        """Indices of dilemmas about a value pair."""
        return [i for i, dilemma in enumerate(self.dilemmas) if dilemma.value_pair == pair]


def build(train: str, test: str | None, *, people: int, seeds: int, finetune: bool = False) -> World:
    """Train the scorer, read the test dilemmas, learn the prior. Without `test` the data are halved by scenario."""
    data = load(train)
    halves = split(data, (0.5, 0.0, 0.5), 0)
    training, testing = (data, load(test, taxonomy=data.taxonomy)) if test else (halves.train, halves.test)
    trainer = make_trainer(data, finetune=finetune)
    both = with_both_poles(testing)
    questions = Evidence(trainer("pft", training.dilemmas, 0, lambda *_: None), data.taxonomy).questions(both)
    prior = learn_priors(training, trainer, 150, 0).usual
    return World(training, testing, both, questions, prior, trainer, people, seeds, finetune)


def make_trainer(data: DataSet, *, finetune: bool = False) -> Trainer:
    """Trains encoders on one core, and the same one once: a fine-tuned one costs a quarter of an hour."""
    import torch

    from counterpoint.models.encoder import EncoderScorer
    from counterpoint.training.fit import fit
    from counterpoint.training.objective import OBJECTIVES
    from counterpoint.training.settings import FitConfig

    torch.set_num_threads(1)
    base = EncoderScorer.untrained(data.taxonomy)
    config = FitConfig(finetune=finetune)
    trained: dict[tuple[str, tuple[str, ...], int], EncoderScorer] = {}

    def trainer(name: str, dilemmas: Sequence[Dilemma], seed: int, *_: Any) -> Any:
        key = name, tuple(dilemma.id for dilemma in dilemmas), seed
        if key not in trained:
            scorer = base.fresh()
            fit(scorer, dilemmas, data.taxonomy, OBJECTIVES.get(name), seed=seed, config=config)
            trained[key] = scorer
        return trained[key]

    return trainer


def with_both_poles(data: DataSet) -> list[Dilemma]:
    """Those in which either side of the value pair can be taken."""
    poles = data.taxonomy.by_name
    return [d for d in data.dilemmas if all(d.gold(pole.name) for pole in poles[d.value_pair].poles)]


def observed(world: World, person: Person, index: int, number: int, rng: np.random.Generator) -> Observation:
    """What a person does with a dilemma as their `number`th choice, a day after the last."""
    option = person.choose(world.dilemmas[index], number, world.train.taxonomy, rng)
    return Observation(replace(world.questions[index], time=DAY * (number + 1)), option)


def turn(
    model: UserModel[Any], axis: int, after: int, choices: Callable[[int], Observation], *, at: int = 20, most: int = 30
) -> int:
    """Choices after the one of number `at` until the mean is on the new side for good (for three choices).

    Args:
        model: what follows the person.
        axis: index of the value pair that turns over.
        after: 1 or -1, the side taken after the flip.
        choices: the person's observation by number.
        at: number of choices before the flip.
        most: the answer if that never happens.
    """
    state, held = model.prior(), 0
    for number in range(at + most):
        state = model.update(state, choices(number))
        if number >= at:
            held = held + 1 if np.sign(model.belief(state).mean[axis]) == after else 0
            if held == 3:
                return number - at - 1
    return most


class Steady(NamedTuple):
    """Somebody who never changed: whether a change was announced all the same, and the nats a choice lost."""

    alarm: bool
    loss: float


def steady(model: Drifting, choices: Callable[[int], Observation], *, count: int = 100) -> Steady:
    """Follow somebody over so many choices."""
    state, alarm = model.prior(), False
    for number in range(count):
        state = model.update(state, choices(number))
        alarm |= model.belief(state).changed > 0
    return Steady(alarm, -state.log_evidence / count)


def steady_person(world: World, number: int, rng: np.random.Generator, *, noise: float = 0.0) -> Person:
    """Somebody with a side on every pair who keeps it."""
    return replace(make_person("consistent", f"p{number}", world.train.taxonomy, rng), noise=noise)


def interval(
    values: Sequence[Any], statistic: Callable[[Any], Any] = np.mean, *, resamples: int = 2000
) -> tuple[float, float, float]:
    """A statistic over people with its 95% bootstrap interval."""
    sample = np.asarray(values, dtype=float)
    draws = np.random.default_rng(0).integers(len(sample), size=(resamples, len(sample)))
    low, high = np.quantile([statistic(sample[draw]) for draw in draws], [0.025, 0.975])
    return float(statistic(sample)), float(low), float(high)


def share(count: int, people: int) -> tuple[float, float, float]:
    """A share of people with its exact 95% interval (Clopper and Pearson 1934): a bootstrap sees nothing in 0 of n."""
    found = binomtest(count, people).proportion_ci(0.95, method="exact")
    return count / people, float(found.low), float(found.high)
