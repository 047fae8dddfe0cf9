"""How well a model serves somebody after seeing a few of their choices: the PFT paper's experiment (arXiv 2604.12479).

A person stands on one pole of one value pair. They make `history` choices on dilemmas about it; then the model answers
other dilemmas about it for them. Alignment is the share of those in which the option it puts first serves their side.
Dilemmas of the history and of the questions come from the test file, so no model was trained on either.

Two things vary, training and how the history is read:
    belief                    PFT, a Gaussian belief: the proposal
    belief_text_only          the same, without using which value pair a dilemma is written about
    in_context                PFT, the history in the prompt
    mixed                     SFT on both poles as separate examples, the history in the prompt
    mixed_belief              the same, a Gaussian belief
    single_preference         SFT on one pole, its instruction and the history in the prompt; one such model for each
                              pole, everybody served by either: the mean of the two
    single_preference_belief  the same two, a Gaussian belief
    pooled                    PFT, what people at large would do
The paper's comparison is `belief` with `single_preference`; the `_belief` rows say how much of it is due to the belief.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from counterpoint.errors import BadInputError
from counterpoint.evaluation.stats import Interval, sign_flip_test
from counterpoint.models.scorer import Scorer
from counterpoint.types import DataSet, Dilemma, Pole, Taxonomy
from counterpoint.users.belief import Belief
from counterpoint.users.evidence import Evidence
from counterpoint.users.laplace import integrate, stack
from counterpoint.users.likelihood import stages
from counterpoint.users.model import Observation, Question, predict_gaussian
from counterpoint.users.models.in_context import history_pole
from counterpoint.users.population import fit_population
from counterpoint.users.simulate import Person, live, make_person

Array = NDArray[np.float64]
Trainer = Callable[[str, Sequence[Dilemma], int], Scorer]
"""From an objective's name, dilemmas and a seed to a trained scorer."""

METHODS = (
    "belief",
    "belief_text_only",
    "in_context",
    "mixed",
    "mixed_belief",
    "single_preference",
    "single_preference_belief",
    "pooled",
)
PROPOSAL, RIVAL = "belief", "single_preference"
_SINGLE = ("sft_positive", "sft_negative")


@dataclass(frozen=True)
class HistoryConfig:
    """The experiment's settings."""

    histories: tuple[int, ...] = (1, 3, 5, 10)
    """Numbers of choices seen."""
    people: int = 120
    """People a seed, spread evenly over the poles of all value pairs."""
    seeds: int = 5
    """Each trains anew and draws new people, histories and questions."""
    noises: tuple[float, ...] = (0.0, 0.1, 0.2)
    """Probabilities of choosing at random in the history; above 0 only after `noisy_history` choices."""
    noisy_history: int = 3
    """Number of choices after which noisy people are looked at."""
    questions: int = 40
    """Questions asked of a person at most."""
    newcomers: int = 150
    """Simulated people on training dilemmas from whom the prior is learnt."""
    resamples: int = 2000
    """Bootstrap samples."""


class Visitor(NamedTuple):
    """A person, where they stand, and indices into the test dilemmas: what they did first and what is asked then."""

    person: Person
    cell: int
    history: tuple[int, ...]
    questions: tuple[int, ...]


class Answers(NamedTuple):
    """What one method answered under one condition, all seeds together. Axes: `person`, `dilemma`.

    Attributes:
        right: `[person, dilemma]`, 1 where the first option serves the person's side; NaN where not asked. For methods
            that are two models, their mean.
        cell: `[person]`, index of the pole they stand on.
        seed: `[person]`.
    """

    right: Array
    cell: NDArray[np.intp]
    seed: NDArray[np.intp]


Condition = tuple[str, int, float]
"""Method, number of choices, noise."""


def run_history(train: DataSet, test: DataSet, trainer: Trainer, config: HistoryConfig) -> dict[str, Any]:
    """The whole experiment, in the form of `results.json`.

    Raises:
        BadInputError: a value pair has too few test dilemmas with both poles for the longest history.
    """
    began = time.perf_counter()
    taxonomy = train.taxonomy
    usable = _usable(test, taxonomy, max(config.histories) + 1)
    found: dict[Condition, list[tuple[Array, NDArray[np.intp]]]] = {}
    for seed in range(config.seeds):
        for condition, answers in _one_seed(train, usable, trainer, config, seed).items():
            found.setdefault(condition, []).append(answers)
    table = {
        condition: Answers(
            np.concatenate([right for right, _ in parts]),
            np.concatenate([cell for _, cell in parts]),
            np.concatenate([np.full(len(cell), seed) for seed, (_, cell) in enumerate(parts)]),
        )
        for condition, parts in found.items()
    }
    return {
        "schema": "counterpoint.results/1",
        "command": "evaluate",
        "config": {"suite": "history", **asdict(config)},
        "data": {"train": len(train), "test": len(test), "sha256": test.digest},
        "rows": _rows(table, taxonomy),
        "summary": _summary(table, config),
        "paired": _paired(table, config),
        "seconds": {"total": time.perf_counter() - began},
    }


# One seed


def _one_seed(
    train: DataSet, usable: Sequence[Dilemma], trainer: Trainer, config: HistoryConfig, seed: int
) -> dict[Condition, tuple[Array, NDArray[np.intp]]]:
    rng = np.random.default_rng([seed, 7])
    taxonomy = train.taxonomy
    test = [d.reordered(tuple(int(i) for i in rng.permutation(len(d.options)))) for d in usable]
    priors = learn_priors(train, trainer, config.newcomers, seed)
    scorers = {name: trainer(name, train.dilemmas, seed) for name in ("pft", "sft_mixed", *_SINGLE)}
    questions = {name: Evidence(scorer, taxonomy).questions(test) for name, scorer in scorers.items()}
    questions["text_only"] = Evidence(scorers["pft"], taxonomy, elsewhere=1.0).questions(test)
    visitors = _visitors(test, taxonomy, config, rng)
    cells = np.array([visitor.cell for visitor in visitors])
    gold = [_gold(test, taxonomy, pole) for pole in taxonomy.poles]
    found: dict[Condition, tuple[Array, NDArray[np.intp]]] = {}
    for noise in config.noises:
        noisy = [v._replace(person=replace(v.person, noise=noise)) for v in visitors]
        chosen = [_lived(v, test, taxonomy, np.random.default_rng([seed, i, 11])) for i, v in enumerate(noisy)]
        for length in config.histories:
            if noise > 0 and length != config.noisy_history:
                continue
            histories = [picks[:length] for picks in chosen]
            picks = _answers(visitors, histories, test, scorers, questions, priors)
            for method, models in picks.items():
                right = np.mean([_right(visitors, model, gold, len(test)) for model in models], axis=0)
                found[method, length, noise] = (right, cells)
    return found


class Priors(NamedTuple):
    """Newcomers' beliefs, for evidence as usual and for evidence from texts alone."""

    usual: Belief
    text_only: Belief


def learn_priors(train: DataSet, trainer: Trainer, newcomers: int, seed: int) -> Priors:
    """Where people are, from simulated ones on training dilemmas; their evidence is from a scorer that never saw these.

    The scorer is trained on one half and read on the other, since evidence is stronger on what was trained on.
    """
    rng = np.random.default_rng([seed, 13])
    taxonomy = train.taxonomy
    first, second = np.array_split(rng.permutation(len(train)), 2)
    scorer = trainer("pft", [train.dilemmas[i] for i in first], seed)
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


def _visitors(test: Sequence[Dilemma], taxonomy: Taxonomy, config: HistoryConfig, rng: Generator) -> list[Visitor]:
    """People in turn on every pole; each has a history and questions of their own, which share no dilemma."""
    visitors = []
    for number in range(config.people):
        cell = number % len(taxonomy.poles)
        pair = taxonomy.pairs[cell // 2]
        own = {p.name: p.poles[int(rng.integers(2))].name for p in taxonomy} | {pair.name: taxonomy.poles[cell].name}
        about = rng.permutation([i for i, d in enumerate(test) if d.value_pair == pair.name])
        longest = max(config.histories)
        asked = about[longest : longest + config.questions]
        visitors.append(Visitor(Person(f"p{number}", own), cell, tuple(about[:longest]), tuple(asked)))
    return visitors


def _lived(visitor: Visitor, test: Sequence[Dilemma], taxonomy: Taxonomy, rng: Generator) -> list[tuple[int, int]]:
    """The history as (dilemma, option)."""
    dilemmas = [test[i] for i in visitor.history]
    events = live(visitor.person, dilemmas, taxonomy, rng)
    return [(i, event.groups[0][0]) for i, event in zip(visitor.history, events, strict=True)]


# Answering: for every method one or two models, each a list `[person]` of first options `[question]`

Picks = list[list[int]]


def _answers(
    visitors: Sequence[Visitor],
    histories: Sequence[Sequence[tuple[int, int]]],
    test: Sequence[Dilemma],
    scorers: Mapping[str, Scorer],
    questions: Mapping[str, Sequence[Question]],
    priors: Priors,
) -> dict[str, list[Picks]]:
    def believing(name: str) -> Picks:
        prior = priors.text_only if name == "text_only" else priors.usual
        return _by_belief(visitors, histories, questions[name], prior)

    def reading(name: str, side: int | None = None) -> Picks:
        return _by_reading(visitors, histories, test, scorers[name], side)

    return {
        "belief": [believing("pft")],
        "belief_text_only": [believing("text_only")],
        "in_context": [reading("pft")],
        "mixed": [reading("sft_mixed")],
        "mixed_belief": [believing("sft_mixed")],
        "single_preference": [reading(name, side) for side, name in enumerate(_SINGLE)],
        "single_preference_belief": [believing(name) for name in _SINGLE],
        "pooled": [_by_belief(visitors, [()] * len(visitors), questions["pft"], priors.usual)],
    }


def _by_belief(
    visitors: Sequence[Visitor],
    histories: Sequence[Sequence[tuple[int, int]]],
    questions: Sequence[Question],
    prior: Belief,
) -> Picks:
    people = [[Observation(questions[i], option) for i, option in history] for history in histories]
    beliefs = integrate(stack(people, prior.size), prior) if any(people) else None
    picks = []
    for row, visitor in enumerate(visitors):
        belief = prior if beliefs is None else Belief(beliefs.mean[row], beliefs.covariance[row])
        picks.append([int(np.argmax(predict_gaussian(belief, questions[i]))) for i in visitor.questions])
    return picks


def _by_reading(
    visitors: Sequence[Visitor],
    histories: Sequence[Sequence[tuple[int, int]]],
    test: Sequence[Dilemma],
    scorer: Scorer,
    side: int | None,
) -> Picks:
    """History in the prompt; `side` is the pole (0 positive, 1 negative) whose instruction stands before it."""
    prompts = []
    taxonomy_poles = _pole_texts(scorer)
    for visitor, history in zip(visitors, histories, strict=True):
        pole = history_pole([f"Chose: {test[i].options[option].text}" for i, option in history])
        if side is not None:
            instruction = taxonomy_poles[visitor.cell // 2 * 2 + side].description
            pole = Pole(pole.name, f"{instruction} {pole.description}")
        prompts.append(pole)
    asked = sorted({i for visitor in visitors for i in visitor.questions})
    readers = {i: [row for row, visitor in enumerate(visitors) if i in visitor.questions] for i in asked}
    scores = scorer.score([test[i] for i in asked], [[prompts[row] for row in readers[i]] for i in asked])
    first = {
        (row, i): int(np.argmax(found[place]))
        for i, found in zip(asked, scores, strict=True)
        for place, row in enumerate(readers[i])
    }
    return [[first[row, i] for i in visitor.questions] for row, visitor in enumerate(visitors)]


def _pole_texts(scorer: Scorer) -> list[Pole]:
    """The poles a scorer was trained with, positive first, pair by pair."""
    return [Pole(pole["name"], pole["description"]) for pole in scorer.describe()["poles"]]


# Counting


def _right(visitors: Sequence[Visitor], picks: Picks, gold: Sequence[Sequence[set[int]]], count: int) -> Array:
    right = np.full((len(visitors), count), np.nan)
    for row, (visitor, options) in enumerate(zip(visitors, picks, strict=True)):
        for i, option in zip(visitor.questions, options, strict=True):
            right[row, i] = option in gold[visitor.cell][i]
    return right


def _gold(test: Sequence[Dilemma], taxonomy: Taxonomy, pole: Pole) -> list[set[int]]:
    pair = taxonomy.by_pole[pole.name].name
    return [set(d.gold(pole.name)) if d.value_pair == pair else set() for d in test]


def _usable(test: DataSet, taxonomy: Taxonomy, least: int) -> list[Dilemma]:
    """Test dilemmas in which both poles can be chosen."""
    both = [d for d in test.dilemmas if all(d.gold(p.name) for p in taxonomy.by_name[d.value_pair].poles)]
    for pair in taxonomy:
        count = sum(d.value_pair == pair.name for d in both)
        if count < least:
            raise BadInputError(
                f"{count} test dilemmas about {pair.name!r} offer both poles; the longest history needs {least} "
                "at least. Give more test dilemmas or shorter --histories"
            )
    return both


def _rows(table: Mapping[Condition, Answers], taxonomy: Taxonomy) -> list[dict[str, Any]]:
    rows = []
    for (method, length, noise), answers in table.items():
        for seed in np.unique(answers.seed):
            for cell, pole in enumerate(taxonomy.poles):
                right = answers.right[(answers.seed == seed) & (answers.cell == cell)]
                known = right[~np.isnan(right)]
                rows.append(
                    {
                        "method": method,
                        "seed": int(seed),
                        "value_pair": taxonomy.pairs[cell // 2].name,
                        "pole": pole.name,
                        "metric": "alignment",
                        "history": length,
                        "noise": noise,
                        "value": float(known.mean()) if len(known) else None,
                        "n": len(known),
                    }
                )
    return rows


def pigeonhole(answers: Sequence[Answers], *, resamples: int, seed: int = 0) -> Array:
    """Mean alignment of several methods in the same bootstrap samples, `[method, resample]`; first the data's own.

    People and dilemmas are both drawn anew, each weight a product (Owen 2007, doi:10.1214/07-AOAS122): people who met
    the same dilemmas are not independent. Poles have equal say. Cautious: the interval is if anything too wide.
    """
    rng = np.random.default_rng(seed)
    people, dilemmas = answers[0].right.shape
    means = np.zeros((len(answers), resamples))
    cells = np.unique(answers[0].cell)
    for draw in range(resamples):
        of_dilemmas = rng.multinomial(dilemmas, np.full(dilemmas, 1 / dilemmas)) if draw else np.ones(dilemmas)
        of_people = np.ones(people)
        for cell in cells if draw else ():
            members = np.flatnonzero(answers[0].cell == cell)
            of_people[members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)))
        for row, answer in enumerate(answers):
            asked = ~np.isnan(answer.right)
            total = of_people * (np.where(asked, answer.right, 0.0) @ of_dilemmas)
            weight = of_people * (asked @ of_dilemmas)
            means[row, draw] = np.mean([total[answer.cell == c].sum() / weight[answer.cell == c].sum() for c in cells])
    return means


def _summary(table: Mapping[Condition, Answers], config: HistoryConfig) -> list[dict[str, Any]]:
    summary = []
    for length, noise in sorted({(length, noise) for _, length, noise in table}):
        answers = [table[method, length, noise] for method in METHODS]
        means = pigeonhole(answers, resamples=config.resamples)
        rival = means[METHODS.index(RIVAL)]
        for row, method in enumerate(METHODS):
            about = {"method": method, "history": length, "noise": noise, "seeds": config.seeds}
            summary.append({"metric": "alignment", **about, **_interval(means[row])})
            if method != RIVAL:
                gain = {"metric": "relative_gain", "over": RIVAL, **about}
                summary.append({**gain, **_interval(means[row] / rival - 1)})
    return summary


def _interval(draws: Array) -> dict[str, float]:
    interval = Interval(float(draws[0]), *(float(q) for q in np.quantile(draws[1:], [0.025, 0.975])))
    return {"mean": float(draws[0]), "ci_low": interval.low or 0.0, "ci_high": interval.high or 0.0}


def _paired(table: Mapping[Condition, Answers], config: HistoryConfig) -> list[dict[str, Any]]:
    """The proposal against every other method, by person; the p-value flips the signs of whole people."""
    paired = []
    for length, noise in sorted({(length, noise) for _, length, noise in table}):
        mine = table[PROPOSAL, length, noise]
        for method in METHODS:
            if method == PROPOSAL:
                continue
            other = table[method, length, noise]
            means = pigeonhole([mine, other], resamples=config.resamples)
            difference = np.nanmean(mine.right, axis=1) - np.nanmean(other.right, axis=1)
            cells = np.zeros((len(difference), int(mine.cell.max()) + 1))
            cells[np.arange(len(difference)), mine.cell] = 1.0
            interval = _interval(means[0] - means[1])
            interval["difference"] = interval.pop("mean")
            about = {"a": PROPOSAL, "b": method, "metric": "alignment", "history": length, "noise": noise}
            p_value = sign_flip_test(difference[:, None] * cells, cells)
            paired.append({**about, **interval, "p_value": p_value})
    return paired
