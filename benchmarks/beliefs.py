"""What the beliefs are worth, in figures: `python benchmarks/beliefs.py --json OUT [--train DATA --test DATA]`.

Writes a list of `{what, value, low, high, bar, holds}`: 95% intervals over people, `holds` null where a figure is only
reported. People are simulated and read gold labels of test dilemmas; inference reads texts through an encoder that was
trained on the training dilemmas. Without `--test`, the training data are split in two, by scenario, with seed 0.

On one core, with 120 people: about 12 minutes, two thirds of them the history experiment (`--skip history` leaves it
out). Expected on VCD: docs/beliefs.md.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from counterpoint.data import load
from counterpoint.evaluation.suites.history import HistoryConfig, learn_priors, run_history
from counterpoint.types import DataSet, Dilemma
from counterpoint.users.ask import at_random, certain, most_informative, most_uncertain_pair
from counterpoint.users.belief import Belief
from counterpoint.users.evidence import Evidence
from counterpoint.users.filtering import Contrast, filter_rows, step
from counterpoint.users.laplace import posterior
from counterpoint.users.model import Observation, Question, UserModel, predict_gaussian
from counterpoint.users.models.contextual import Contextual
from counterpoint.users.models.drifting import DAY, Drifting
from counterpoint.users.models.gaussian import Gaussian
from counterpoint.users.simulate import Person, draw_choice, make_person


class Figure(NamedTuple):
    """One line of the output; `bar` is in words."""

    what: str
    value: float | None
    low: float | None
    high: float | None
    bar: str
    holds: bool | None


class World(NamedTuple):
    """Test dilemmas in which both poles can be chosen, what the scorer makes of them, and the learnt prior."""

    train: DataSet
    test: DataSet
    dilemmas: list[Dilemma]
    questions: list[Question]
    prior: Belief
    trainer: Callable[[str, Sequence[Dilemma], int], Any]
    people: int

    def about(self, pair: str) -> list[int]:
        """Indices of dilemmas about a value pair."""
        return [i for i, dilemma in enumerate(self.dilemmas) if dilemma.value_pair == pair]


def observed(world: World, person: Person, index: int, number: int, rng: np.random.Generator) -> Observation:
    """What a person does with a dilemma as their `number`th choice, a day after the last."""
    option = person.choose(world.dilemmas[index], number, world.train.taxonomy, rng)
    return Observation(replace(world.questions[index], time=DAY * (number + 1)), option)


def interval(values: Sequence[float], statistic: Callable[[Any], Any] = np.mean) -> tuple[float, float, float]:
    """A statistic over people with its 95% bootstrap interval."""
    sample = np.asarray(values, dtype=float)
    draws = np.random.default_rng(0).integers(len(sample), size=(2000, len(sample)))
    low, high = np.quantile([statistic(sample[draw]) for draw in draws], [0.025, 0.975])
    return float(statistic(sample)), float(low), float(high)


# Against other computations


def quadrature(_: World) -> list[Figure]:
    """Worst error of mean (in standard deviations) and variance (relative) over random posteriors."""
    found = []
    for size in (1, 2):
        rng = np.random.default_rng(size)
        axis = np.linspace(-6, 6, 6001 if size == 1 else 601)
        grid = np.stack(np.meshgrid(*[axis] * size, indexing="ij"), axis=-1).reshape(-1, size)
        worst = []
        for _ in range(40):
            scale, count, width = rng.uniform(0.2, 3.0), int(rng.integers(1, 11)), int(rng.integers(2, 6))
            shown = [Question(rng.normal(size=(width, size)) * scale, np.zeros(width)) for _ in range(count)]
            seen = [draw_choice(rng.normal(size=size), question, rng) for question in shown]
            logs = -0.5 * (grid**2).sum(axis=1)
            for o in seen:
                logits = grid @ o.question.features.T
                logs += logits[:, o.chosen] - np.logaddexp.reduce(logits, axis=1)
            weight = np.exp(logs - logs.max())
            weight /= weight.sum()
            mean = weight @ grid
            variance = weight @ (grid - mean) ** 2
            belief = posterior(seen, Belief.flat(size))
            worst.append(np.abs(belief.mean - mean).max() / np.sqrt(variance.min()))
            worst.append(np.abs(np.diag(belief.covariance) / variance - 1).max())
        value = float(max(worst))
        found.append(Figure(f"worst error of mean and variance, {size}-D", value, None, None, "<= 0.02", value <= 0.02))
    return found


def choix_oracle(_: World) -> list[Figure]:
    """A static two-option case: strengths of five items from 30 comparisons, as choix sees them."""
    import choix

    rng = np.random.default_rng(0)
    pairs = [tuple(int(i) for i in rng.permutation(5)[:2]) for _ in range(30)]
    mean, covariance = choix.ep_pairwise(5, pairs, alpha=1.0)
    seen = [Observation(Question(np.eye(5)[[won, lost]], np.zeros(2)), 0) for won, lost in pairs]
    belief = posterior(seen, Belief.flat(5))
    error = max(np.abs(belief.mean - mean).max(), np.abs(belief.sd - np.sqrt(np.diag(covariance))).max())
    bar = "<= 0.05 (choix approximates the logistic; our nodes leave 0.02)"
    return [Figure("largest difference from choix, in log-odds", float(error), None, None, bar, bool(error <= 0.05))]


def kickscore_oracle(_: World) -> list[Figure]:
    """A drifting case, one strength that walks at random, against kickscore's expectation propagation at the end."""
    import kickscore

    rng = np.random.default_rng(0)
    ours = Drifting(Belief.flat(1), noise=0.05, hazard=0.0)
    state = ours.prior()
    model = kickscore.BinaryModel(obs_type="logit")
    model.add_item("person", kernel=kickscore.kernel.Constant(1.0) + kickscore.kernel.Wiener(0.05, t0=1.0))
    model.add_item("zero", kernel=kickscore.kernel.Constant(1e-9))
    for day in range(1, 31):
        won = rng.random() < (0.8 if day < 15 else 0.3)
        model.observe(["person" if won else "zero"], ["zero" if won else "person"], t=float(day))
        question = Question(np.array([[0.5], [-0.5]]), np.zeros(2), time=day * DAY)
        state = ours.update(state, Observation(question, 0 if won else 1))
    model.fit(tol=1e-6)
    mean, variance = model.item["person"].predict([30.0])
    belief = ours.belief(state)
    error = max(abs(float(belief.mean[0] - mean[0])), abs(float(belief.sd[0] - np.sqrt(variance[0]))))
    bar = "<= 0.05 (we filter once forward, kickscore iterates over all choices)"
    return [Figure("largest difference from kickscore, in log-odds", error, None, None, bar, error <= 0.05)]


def coverage(world: World) -> list[Figure]:
    """How often 90% intervals hold the truth, of people the model describes exactly."""
    rng = np.random.default_rng(1)
    prior, inside = world.prior, []
    root = np.linalg.cholesky(prior.covariance)
    for _ in range(2 * world.people):
        truth = prior.mean + root @ rng.normal(size=prior.size)
        asked = rng.choice(len(world.questions), size=10, replace=False)
        low, high = posterior([draw_choice(truth, world.questions[i], rng) for i in asked], prior).interval(0.9)
        inside.append(((low <= truth) & (truth <= high)).mean())
    value, low, high = interval(inside)
    return [Figure("coverage of 90% intervals", value, low, high, "0.87 to 0.93", 0.87 <= value <= 0.93)]


# People who read labels


def calibration(world: World) -> list[Figure]:
    """Expected calibration error, ten bins, of the likeliest option after five choices; and the two priors."""
    rng = np.random.default_rng(2)
    taxonomy = world.train.taxonomy
    pairs: list[list[tuple[float, bool]]] = []
    losses = []
    for number in range(2 * world.people):
        person = make_person("consistent", f"p{number}", taxonomy, rng)
        order = rng.permutation(len(world.dilemmas))
        seen = [observed(world, person, i, step_, rng) for step_, i in enumerate(order[:5])]
        learnt, flat = posterior(seen, world.prior), posterior(seen, Belief.flat(len(taxonomy)))
        own, lost = [], []
        for i in order[5:25]:
            option = person.choose(world.dilemmas[i], 5, taxonomy, rng)
            probability = predict_gaussian(learnt, world.questions[i])
            own.append((float(probability.max()), int(np.argmax(probability)) == option))
            lost.append(np.log(probability[option] / predict_gaussian(flat, world.questions[i])[option]))
        pairs.append(own)
        losses.append(float(np.mean(lost)))

    def error(rows: Any) -> float:
        flat_pairs = np.array([pair for row in rows for pair in pairs[int(row)]])
        bins = np.minimum((flat_pairs[:, 0] * 10).astype(int), 9)
        gaps = [abs((flat_pairs[bins == b, 0] - flat_pairs[bins == b, 1]).sum()) for b in np.unique(bins)]
        return float(sum(gaps) / len(flat_pairs))

    value, low, high = interval(list(range(len(pairs))), error)
    gain = interval(losses)
    return [
        Figure("calibration error of predicted choices after 5", value, low, high, "<= 0.06", value <= 0.06),
        Figure("nats a choice gained by the population prior over a flat one, after 5", *gain, "reported", None),
    ]


def flips(world: World) -> list[Figure]:
    """Choices until the belief turns round after a flip at the 20th; alarms over 100 steady choices."""
    rng = np.random.default_rng(3)
    taxonomy = world.train.taxonomy
    found = []
    for name, model in (("drifting", Drifting(world.prior)), ("gaussian", Gaussian(world.prior))):
        turned = [_turn(world, model, number, rng) for number in range(world.people)]
        value, low, high = interval(turned, np.median)
        bar, holds = ("median <= 6", value <= 6) if name == "drifting" else ("reported", None)
        found.append(Figure(f"choices to turn round after a flip at the 20th, {name}", value, low, high, bar, holds))
    alarms, steady = [], Drifting(world.prior)
    for number in range(world.people):
        person, state, alarm = make_person("consistent", f"p{number}", taxonomy, rng), steady.prior(), False
        for choice in range(100):
            seen = observed(world, person, int(rng.integers(len(world.dilemmas))), choice, rng)
            state = steady.update(state, seen)
            alarm |= steady.belief(state).changed > 0
        alarms.append(float(alarm))
    value, low, high = interval(alarms)
    return [*found, Figure("false alarms on 100 steady choices", value, low, high, "<= 0.05", value <= 0.05)]


def _turn(world: World, model: UserModel[Any], number: int, rng: np.random.Generator, most: int = 30) -> int:
    """The choice after the flip at which the mean is on the new side for good (for three choices); `most` if never."""
    taxonomy = world.train.taxonomy
    axis = number % len(taxonomy)
    pair = taxonomy.pairs[axis]
    person = make_person("consistent", f"p{number}", taxonomy, rng)
    person = replace(person, flips={pair.name: 20})
    after = -1 if person.sides[pair.name] == pair.positive.name else 1
    state, held = model.prior(), 0
    about = world.about(pair.name)
    for choice in range(20 + most):
        state = model.update(state, observed(world, person, int(rng.choice(about)), choice, rng))
        if choice >= 20:
            held = held + 1 if np.sign(model.belief(state).mean[axis]) == after else 0
            if held == 3:
                return choice - 20 - 1
    return most


def scenes(world: World) -> list[Figure]:
    """What telling scenes apart gains on people of opposite sides in two scenes, 10 choices in each."""
    rng = np.random.default_rng(4)
    taxonomy = world.train.taxonomy
    gains = []
    for number in range(world.people):
        pair = taxonomy.pairs[number % len(taxonomy)]
        by_scene: dict[str, list[int]] = {}
        for i in rng.permutation(world.about(pair.name)):
            by_scene.setdefault(world.dilemmas[i].scene, []).append(int(i))
        two = sorted((s for s in by_scene if s and len(by_scene[s]) >= 12), key=lambda s: -len(by_scene[s]))[:2]
        if len(two) < 2:
            continue
        sides = {scene: pole.name for scene, pole in zip(two, rng.permutation(np.array(pair.poles)), strict=True)}
        person = make_person("consistent", f"p{number}", taxonomy, rng)
        person = replace(person, in_scene={(scene, pair.name): pole for scene, pole in sides.items()})
        asked = rng.permutation([i for scene in two for i in by_scene[scene][:10]])
        seen = [observed(world, person, int(i), n, rng) for n, i in enumerate(asked)]
        right = []
        for model in (Contextual(world.prior), Gaussian(world.prior)):
            state = model.fit(seen)  # type: ignore[attr-defined]
            picks = [
                int(np.argmax(model.predict(state, world.questions[i]))) in world.dilemmas[i].gold(sides[scene])  # type: ignore[attr-defined]
                for scene in two
                for i in by_scene[scene][10:]
            ]
            right.append(np.mean(picks))
        gains.append(100 * (right[0] - right[1]))
    what, bar = "points that contextual gains over gaussian, opposite sides in two scenes", ">= 15"
    if len(gains) < 10:
        return [Figure(f"{what}: too few dilemmas a scene", None, None, None, bar, None)]
    value, low, high = interval(gains)
    return [Figure(what, value, low, high, bar, value >= 15)]


def asking(world: World) -> list[Figure]:
    """Questions until every side is 0.8 probable: information gain against random and the most uncertain pair."""
    rng = np.random.default_rng(5)
    taxonomy = world.train.taxonomy
    names = [pair.name for pair in taxonomy]
    strategies = {
        "gain": most_informative,
        "random": at_random(rng),
        "uncertain pair": most_uncertain_pair(names, rng),
    }
    counts: dict[str, list[float]] = {name: [] for name in strategies}
    right: dict[str, list[float]] = {name: [] for name in strategies}
    for number in range(max(20, world.people // 3)):
        person = make_person("consistent", f"p{number}", taxonomy, rng)
        truth = np.array([1 if person.sides[p.name] == p.positive.name else -1 for p in taxonomy])
        for name, strategy in strategies.items():
            belief, left = world.prior, list(range(len(world.dilemmas)))
            while certain(belief) < 0.8 and len(world.dilemmas) - len(left) < 80 and left:
                picked = strategy(belief, [world.questions[i] for i in left])
                belief = step(belief, observed(world, person, left.pop(picked), 0, rng))
            counts[name].append(len(world.dilemmas) - len(left))
            right[name].append(float((np.sign(belief.mean) == truth).mean()))
    found = []
    for name in ("random", "uncertain pair"):
        rows = np.array([counts["gain"], counts[name]]).T
        value, low, high = interval(rows, lambda sample: sample[:, 0].mean() / sample[:, 1].mean())  # type: ignore[arg-type]
        bar, holds = ("<= 0.7", value <= 0.7) if name == "random" else ("reported", None)
        found.append(Figure(f"questions to certainty, information gain over {name}", value, low, high, bar, holds))
    for name in strategies:
        what = f"share of sides right at that certainty, {name}"
        found.append(Figure(what, *interval(right[name]), "reported", None))
    return found


# Cost


def speed(_: World) -> list[Figure]:
    """One update of six value pairs and three options; a million people in a batch; bytes a person."""
    rng = np.random.default_rng(6)
    belief, seen = Belief.flat(6), Observation(Question(rng.normal(size=(3, 6)), np.zeros(3)), 1)
    times = []
    for _ in range(3000):
        start = time.perf_counter()
        step(belief, seen)
        times.append((time.perf_counter() - start) * 1e6)
    low, value, high = (float(q) for q in np.quantile(times, [0.025, 0.5, 0.975]))
    size = len(belief.pack())
    rows, total, start = 1024, 1_000_000, time.perf_counter()
    mean, covariance = np.zeros((rows, 6)), np.tile(np.eye(6), (rows, 1, 1))
    shown = Contrast(rng.normal(size=(rows, 2, 6)), np.zeros((rows, 2)), np.ones(rows))
    for _ in range(0, total, rows):
        filter_rows(mean, covariance, shown, grid="rough")
    batch = time.perf_counter() - start
    return [
        Figure("one update, K = 6, microseconds (median; 95% of runs)", value, low, high, "<= 100", value <= 100),
        Figure("a million people in a batch, one core, seconds", batch, None, None, "<= 60", batch <= 60),
        Figure("bytes a person", float(size), None, None, "< 500", size < 500),
    ]


def history(world: World) -> list[Figure]:
    """The paper's experiment after three choices."""
    config = HistoryConfig(histories=(3,), people=world.people, seeds=3)
    results = run_history(world.train, world.test, world.trainer, config)
    found = []
    for row in results["summary"]:
        if row["metric"] == "relative_gain" and row["method"] in ("belief", "belief_text_only", "mixed_belief"):
            plain = row["method"] == "belief" and row["noise"] == 0
            holds = row["mean"] >= 0.4476 and row["ci_low"] > 0.35 if plain else None
            what = f"relative gain over single-preference models after 3 choices, {row['method']}, noise {row['noise']}"
            bar = ">= 0.4476, lower end > 0.35" if plain else "reported"
            found.append(Figure(what, row["mean"], row["ci_low"], row["ci_high"], bar, holds))
    return found


PARTS: tuple[Callable[[World], list[Figure]], ...] = (
    quadrature,
    choix_oracle,
    kickscore_oracle,
    coverage,
    calibration,
    flips,
    scenes,
    asking,
    speed,
    history,
)


def build(train: str, test: str | None, people: int, model: str) -> World:
    """Train the scorer, read the test dilemmas, learn the prior."""
    import torch

    from counterpoint.models.encoder import EncoderScorer
    from counterpoint.training.fit import fit
    from counterpoint.training.objective import OBJECTIVES
    from counterpoint.training.settings import FitConfig

    torch.set_num_threads(1)
    data = load(train)
    taxonomy = data.taxonomy
    if test is None:
        order = np.random.default_rng(0).permutation(len(data))
        first, second = (tuple(data.dilemmas[i] for i in half) for half in np.array_split(order, 2))
        training, testing = data.subset(first), data.subset(second)
    else:
        training, testing = data, load(test, taxonomy=taxonomy)
    base = EncoderScorer.untrained(taxonomy)

    def trainer(name: str, dilemmas: Sequence[Dilemma], seed: int) -> Any:
        scorer = base.fresh()
        fit(
            scorer, dilemmas, taxonomy, OBJECTIVES.get(name), seed=seed, config=FitConfig(finetune=model == "finetuned")
        )
        return scorer

    prior = learn_priors(training, trainer, 150, 0).usual
    both = [d for d in testing.dilemmas if all(d.gold(pole.name) for pole in taxonomy.by_name[d.value_pair].poles)]
    questions = Evidence(trainer("pft", training.dilemmas, 0), taxonomy).questions(both)
    return World(training, testing, both, questions, prior, trainer, people)


def main() -> None:
    """Measure everything and write the list."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--train", default="crossroads")
    parser.add_argument("--test")
    parser.add_argument("--people", type=int, default=120)
    parser.add_argument("--model", choices=["frozen", "finetuned"], default="frozen")
    parser.add_argument("--skip", nargs="*", default=[], help="parts to leave out")
    arguments = parser.parse_args()
    world = build(arguments.train, arguments.test, arguments.people, arguments.model)
    figures: list[Figure] = []
    for part in PARTS:
        if part.__name__ in arguments.skip:
            continue
        start = time.perf_counter()
        for figure in part(world):
            figures.append(figure)
            print(figure, file=sys.stderr)
        print(f"{part.__name__}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
        arguments.json.write_text(json.dumps([f._asdict() for f in figures], indent=1) + "\n")


if __name__ == "__main__":
    main()
