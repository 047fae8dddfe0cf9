"""How the defaults of beliefs were chosen: `python benchmarks/beliefs_defaults.py {elsewhere,drift} [--data TRAIN]`.

Nothing here sees a dilemma that the checked figures (`beliefs.py`) use: evidence comes from cross-validation within
the data given (Crossroads, or the training part of a split), so a dilemma is always read by a scorer that was not
trained on it, and people are simulated.

    elsewhere   `Evidence.elsewhere`: nats a choice lost in predicting people; alignment after three choices
    drift       `Drifting.noise` and `hazard`: choices to turn round and false alarms, over people of several kinds

Single core: elsewhere about 2 minutes, drift about 20.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from beliefs_world import Steady, Trainer, interval, make_trainer, steady, turn, with_both_poles

from counterpoint.data import load, split
from counterpoint.types import DataSet, Dilemma
from counterpoint.users.belief import Belief
from counterpoint.users.evidence import Evidence
from counterpoint.users.laplace import posterior
from counterpoint.users.model import Observation, Question, predict_gaussian
from counterpoint.users.models.drifting import DAY, Drifting
from counterpoint.users.population import fit_population
from counterpoint.users.simulate import Person, draw_choice, make_person

NOISES = (0.0, 0.1, 0.2)
ELSEWHERE = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
RATES = ((0.0, 0.0), (0.0, 0.02), (0.0, 0.05), (0.0, 0.07), (0.0, 0.1), (0.001, 0.05), (0.01, 0.05), (0.05, 0.05))
"""(noise a day, hazard a choice); the first never changes: what the others lose on steady people is against it."""


class Fold(NamedTuple):
    """Dilemmas and a scorer that was not trained on them."""

    dilemmas: list[Dilemma]
    scorer: Any


def folds(data: DataSet, trainer: Trainer, *, seeds: int) -> Iterator[Fold]:
    """Each half of the data read by a scorer trained on the other half."""
    for seed in range(seeds):
        halves = split(data, (0.5, 0.0, 0.5), seed)
        for train, read in ((halves.train, halves.test), (halves.test, halves.train)):
            yield Fold(with_both_poles(read), trainer("pft", train.dilemmas, seed, lambda *_: None))


# How much passing evidence about other pairs counts


def choose_elsewhere(data: DataSet, trainer: Trainer, *, people: int, seeds: int) -> list[dict[str, Any]]:
    """For each value: nats a choice lost in predicting people, and alignment after three choices, over folds."""
    losses: dict[float, list[float]] = {value: [] for value in ELSEWHERE}
    right: dict[float, list[float]] = {value: [] for value in ELSEWHERE}
    for number, fold in enumerate(folds(data, trainer, seeds=seeds)):
        for value in ELSEWHERE:
            questions = Evidence(fold.scorer, data.taxonomy, elsewhere=value).questions(fold.dilemmas)
            rng = np.random.default_rng([number, 17])
            lives = [_life(data, fold.dilemmas, rng, i) for i in range(2 * people)]
            crowd = [[Observation(questions[i], o) for i, o in life[:10]] for life in lives[people:]]
            prior = fit_population(crowd, Belief.flat(len(data.taxonomy)), steps=12).prior
            for life in lives[:people]:
                belief = posterior([Observation(questions[i], o) for i, o in life[:5]], prior)
                found = [predict_gaussian(belief, questions[i])[o] for i, o in life[5:25]]
                losses[value].append(-float(np.mean(np.log(found))))
            right[value] += [_aligned(data, fold.dilemmas, questions, prior, i, rng) for i in range(people)]
    rows = []
    for value in ELSEWHERE:
        loss = interval(np.array(losses[value]) - np.array(losses[0.0]))
        rows.append({"elsewhere": value, "loss": float(np.mean(losses[value])), "against_0": loss})
        rows[-1]["alignment"] = interval(right[value])
    return rows


def _life(data: DataSet, dilemmas: Sequence[Dilemma], rng: np.random.Generator, number: int) -> list[tuple[int, int]]:
    """Twenty-five choices of somebody who reads labels, as (dilemma, option)."""
    person = replace(make_person("consistent", "p", data.taxonomy, rng), noise=NOISES[number % len(NOISES)])
    asked = rng.permutation(len(dilemmas))[:25]
    return [(int(i), person.choose(dilemmas[i], 0, data.taxonomy, rng)) for i in asked]


def _aligned(
    data: DataSet,
    dilemmas: Sequence[Dilemma],
    questions: Sequence[Question],
    prior: Belief,
    number: int,
    rng: np.random.Generator,
) -> float:
    """Share of other dilemmas about a pair in which the first option is on the person's side, after three choices."""
    person = make_person("consistent", "p", data.taxonomy, rng)
    pair = data.taxonomy.pairs[number % len(data.taxonomy)].name
    about = rng.permutation([i for i, d in enumerate(dilemmas) if d.value_pair == pair])
    seen = [Observation(questions[i], person.choose(dilemmas[i], 0, data.taxonomy, rng)) for i in about[:3]]
    belief = posterior(seen, prior)
    picks = [int(np.argmax(predict_gaussian(belief, questions[i]))) for i in about[3:]]
    return float(np.mean([p in dilemmas[i].gold(person.sides[pair]) for p, i in zip(picks, about[3:], strict=True)]))


# How fast people may change


class Setting(NamedTuple):
    """One kind of people.

    Attributes:
        who: `labels` (choose their side by its label, `noise` of the time any option) or `model` (choose by the
            belief's own law, with a vector drawn from the prior).
        noise: see above.
        gap: days between choices.
        strength: evidence times this: a weaker or stronger scorer.
        prior: `learnt` from such people, or `flat` with standard deviation 1.
    """

    who: str
    noise: float
    gap: float
    strength: float
    prior: str


_KINDS = ((1 / 24, 1.0, "learnt"), (7.0, 1.0, "learnt"), (1.0, 2.0, "learnt"), (1.0, 2.0, "flat"))
SETTINGS = (
    *(Setting("labels", noise, *kind) for kind in _KINDS for noise in NOISES),
    Setting("model", 0.0, 1.0, 1.0, "learnt"),
)


class Stage(NamedTuple):
    """A fold as read at one strength, with the prior learnt from people who choose there."""

    dilemmas: list[Dilemma]
    questions: list[Question]
    learnt: Belief


def choose_drift(data: DataSet, trainer: Trainer, *, people: int, seeds: int) -> list[dict[str, Any]]:
    """Turn-round, false alarms and loss of every pair of rates in every setting; the same people for all rates."""
    halves = list(folds(data, trainer, seeds=seeds))
    stages = {s: [_stage(data, fold, s) for fold in halves] for s in {setting.strength for setting in SETTINGS}}
    still: dict[Setting, float] = {}
    rows = []
    for (walk, hazard), setting in product(RATES, SETTINGS):
        turned, kept = [], []
        for number in range(people):
            stage = stages[setting.strength][number % len(halves)]
            prior = stage.learnt if setting.prior == "learnt" else Belief.flat(len(data.taxonomy))
            model = Drifting(prior, noise=walk, hazard=hazard)
            turned.append(_turn(data, stage, setting, model, number))
            kept.append(_steady(data, stage, setting, model, number))
        loss = float(np.mean([one.loss for one in kept]))
        found = {
            "turn": float(np.median(turned)),
            "alarms": float(np.mean([one.alarm for one in kept])),
            "lost": loss - still.setdefault(setting, loss),
        }
        rows.append({"walk": walk, "hazard": hazard, **setting._asdict(), **found})
        print(json.dumps(rows[-1]), flush=True)
    return rows


def in_short(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each pair of rates: slowest and middle median turn-round, most and mean alarms, mean loss, over settings."""
    short = []
    for walk, hazard in RATES:
        own = [row for row in rows if (row["walk"], row["hazard"]) == (walk, hazard)]
        turns, alarms = [row["turn"] for row in own], [row["alarms"] for row in own]
        about = {"walk": walk, "hazard": hazard, "slowest": max(turns), "middle": float(np.median(turns))}
        lost = float(np.mean([row["lost"] for row in own]))
        short.append({**about, "most_alarms": max(alarms), "alarms": float(np.mean(alarms)), "lost": lost})
    return short


def _stage(data: DataSet, fold: Fold, strength: float) -> Stage:
    questions = Evidence(fold.scorer, data.taxonomy).questions(fold.dilemmas)
    questions = [replace(question, features=strength * question.features) for question in questions]
    rng = np.random.default_rng(23)
    crowd = [[Observation(questions[i], o) for i, o in _life(data, fold.dilemmas, rng, n)[:10]] for n in range(90)]
    return Stage(fold.dilemmas, questions, fit_population(crowd, Belief.flat(len(data.taxonomy)), steps=12).prior)


def _turn(data: DataSet, stage: Stage, setting: Setting, model: Drifting, number: int) -> int:
    rng = np.random.default_rng([number, 29])
    axis = number % len(data.taxonomy)
    about = [i for i, d in enumerate(stage.dilemmas) if d.value_pair == data.taxonomy.pairs[axis].name]
    person, vector = _somebody(data, stage, setting, rng)
    if setting.who == "model":
        vector[axis] = np.copysign(max(abs(vector[axis]), np.sqrt(stage.learnt.covariance[axis, axis])), vector[axis])
        before = int(np.sign(vector[axis]))
    else:
        person = replace(person, flips={data.taxonomy.pairs[axis].name: 20})
        before = 1 if person.sides[data.taxonomy.pairs[axis].name] == data.taxonomy.pairs[axis].positive.name else -1
    flipped = np.where(np.arange(len(vector)) == axis, -vector, vector)

    def choice(step: int) -> Observation:
        own = vector if step < 20 else flipped
        return _choice(data, stage, setting, person, own, int(rng.choice(about)), step, rng)

    return turn(model, axis, -before, choice)


def _steady(data: DataSet, stage: Stage, setting: Setting, model: Drifting, number: int) -> Steady:
    rng = np.random.default_rng([number, 31])
    person, vector = _somebody(data, stage, setting, rng)

    def choice(step: int) -> Observation:
        return _choice(data, stage, setting, person, vector, int(rng.integers(len(stage.dilemmas))), step, rng)

    return steady(model, choice)


def _somebody(data: DataSet, stage: Stage, setting: Setting, rng: np.random.Generator) -> tuple[Person, Any]:
    person = replace(make_person("consistent", "p", data.taxonomy, rng), noise=setting.noise)
    root = np.linalg.cholesky(stage.learnt.covariance)
    return person, stage.learnt.mean + root @ rng.normal(size=len(root))


def _choice(
    data: DataSet,
    stage: Stage,
    setting: Setting,
    person: Person,
    vector: Any,
    index: int,
    step: int,
    rng: np.random.Generator,
) -> Observation:
    question = replace(stage.questions[index], time=DAY * setting.gap * (step + 1))
    if setting.who == "model":
        return draw_choice(vector, question, rng)
    return Observation(question, person.choose(stage.dilemmas[index], step, data.taxonomy, rng))


def main() -> None:
    """Try every value and print a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["elsewhere", "drift"])
    parser.add_argument("--data", default="crossroads", help="training dilemmas; never those a figure is checked on")
    parser.add_argument("--people", type=int, default=24, help="in every fold, or in every setting")
    parser.add_argument("--seeds", type=int, default=3, help="splits into halves")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    data = load(arguments.data)
    choose = choose_elsewhere if arguments.what == "elsewhere" else choose_drift
    rows = choose(data, make_trainer(data), people=arguments.people, seeds=arguments.seeds)
    for row in in_short(rows) if arguments.what == "drift" else rows:
        print(json.dumps(row))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
