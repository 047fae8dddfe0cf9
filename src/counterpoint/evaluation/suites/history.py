"""How well a model serves somebody after seeing a few of their choices: the PFT paper's experiment (arXiv 2604.12479).

A person stands on one pole of one value pair. They make `history` choices on dilemmas about it; then the model answers
other dilemmas about it for them. Alignment is the share of those in which the option it puts first serves their side.
Dilemmas of the history and of the questions come from the test file, so no model was trained on either.

Two things vary, training and how the history is read:
    belief                    PFT, a Gaussian belief: the proposal
    belief_flat_prior         the same without a prior learnt from a population
    belief_text_only          the same without using which value pair a dilemma is written about
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
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from counterpoint import __version__
from counterpoint.data.split import scenario_key
from counterpoint.errors import BadInputError
from counterpoint.evaluation.foresight import foresee_people
from counterpoint.evaluation.history import counting
from counterpoint.evaluation.history.answering import OBJECTIVES, Picks, answer, make_reader
from counterpoint.evaluation.history.counting import Answers, Array, Condition
from counterpoint.evaluation.history.labels import LABELS, PROPOSAL, RIVAL
from counterpoint.evaluation.history.visits import (
    Priors,
    Trainer,
    Visitor,
    Within,
    draw_visitors,
    gold_options,
    learn_priors,
    lived,
    usable_dilemmas,
)
from counterpoint.evaluation.power import Plan
from counterpoint.evaluation.progress import Report, Stage
from counterpoint.runlog import Parts
from counterpoint.types import DataSet, Dilemma
from counterpoint.users.belief import Belief
from counterpoint.users.evidence import Evidence

METHODS = tuple(LABELS)


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
    """Number of choices after which noisy people are looked at, and which the report puts first."""
    questions: int = 40
    """Questions asked of a person at most."""
    newcomers: int = 150
    """Simulated people on training dilemmas from whom the prior is learnt."""
    resamples: int = 2000
    """Bootstrap samples."""


class Visit(NamedTuple):
    """What one seed asks of whom."""

    seed: int
    test: list[Dilemma]
    visitors: list[Visitor]


def run_history(
    train: DataSet,
    test: DataSet,
    trainer: Trainer,
    config: HistoryConfig,
    *,
    folder: Parts | None = None,
    report: Report | None = None,
) -> dict[str, Any]:
    """The whole experiment, in the form of `results.json`.

    Args:
        train: what scorers and the prior are trained on.
        test: dilemmas that people choose in and are asked about.
        trainer: trains a scorer.
        config: the settings.
        folder: keeps what every trained scorer answered, so that a run that was stopped goes on there.
        report: told of progress.

    Raises:
        BadInputError: a setting can't work, or a value pair has too few test dilemmas with both poles.
    """
    began = time.perf_counter()
    check(config)
    usable = usable_dilemmas(test, train.taxonomy, least=max(config.histories) + 1)
    found: dict[Condition, list[Array]] = {}
    cells = []
    for seed in range(config.seeds):
        visit = _visit(usable, train, config, seed)
        cells.append([visitor.cell for visitor in visit.visitors])
        for condition, right in _one_seed(train, visit, trainer, config, folder, report or (lambda _: None)).items():
            found.setdefault(condition, []).append(right)
    scenarios = np.unique([scenario_key(d) for d in usable], return_inverse=True)[1]
    seeds = np.repeat(np.arange(config.seeds), [len(part) for part in cells])
    table = {
        condition: Answers(np.concatenate(parts), np.concatenate(cells), seeds, scenarios)
        for condition, parts in sorted(found.items(), key=lambda item: METHODS.index(item[0].method))
    }
    names = {name: label.label for name, label in LABELS.items()}
    sizes = {"train": len(train), "test": len(test), "usable": len(usable)}
    if report:
        report(Stage("resampling for intervals", 0.97))
    return {
        "schema": "counterpoint.results/1",
        "command": "evaluate",
        "version": __version__,
        "config": {"suite": "history", **asdict(config)},
        "data": {"name": test.name, **sizes, "sha256": test.digest},
        "rows": counting.rows(table, train.taxonomy),
        "summary": counting.summarise(table, RIVAL, resamples=config.resamples),
        "paired": counting.pair_up(table, PROPOSAL, names, resamples=config.resamples),
        "power": foresee_history(config)._asdict(),
        "seconds": {"total": round(time.perf_counter() - began, 1)},
    }


def foresee_history(config: HistoryConfig) -> Plan:
    """What the comparison of the proposal with every other method can show, under all conditions at once."""
    conditions = len(config.histories) + sum(noise > 0 for noise in config.noises)
    found = foresee_people(config.people * config.seeds, conditions * (len(METHODS) - 1))
    assert found is not None  # there are always rivals
    return found


def check(config: HistoryConfig) -> None:
    """Refuse settings that can't work."""
    for name in ("people", "seeds", "questions", "newcomers"):
        if getattr(config, name) < 1:
            raise BadInputError(f"{name} must be at least 1 (got {getattr(config, name)})")
    if config.resamples < 100:
        raise BadInputError(f"resamples must be at least 100 (got {config.resamples})")
    histories = config.histories
    if not histories or len(set(histories)) != len(histories) or min(histories) < 1:
        raise BadInputError(f"histories must be different whole numbers from 1 (got {', '.join(map(str, histories))})")
    if 0.0 not in config.noises or len(set(config.noises)) != len(config.noises):
        raise BadInputError("noises must be different and hold 0, people who always choose their side")
    if not all(0 <= noise <= 1 for noise in config.noises):
        raise BadInputError(f"noises must lie between 0 and 1 (got {', '.join(map(str, config.noises))})")


def _visit(usable: Sequence[Dilemma], train: DataSet, config: HistoryConfig, seed: int) -> Visit:
    """This seed's order of options, people, histories and questions."""
    rng = np.random.default_rng([seed, 7])
    test = [d.reordered(tuple(int(i) for i in rng.permutation(len(d.options)))) for d in usable]
    longest, questions = max(config.histories), config.questions
    visitors = draw_visitors(test, train.taxonomy, rng, people=config.people, longest=longest, questions=questions)
    return Visit(seed, test, visitors)


def _one_seed(
    train: DataSet, visit: Visit, trainer: Trainer, config: HistoryConfig, folder: Parts | None, report: Report
) -> dict[Condition, Array]:
    """`[person, dilemma]` under every condition: the mean of the models that a method is made of."""
    jobs = ("prior", *OBJECTIVES)

    def within(job: str) -> Within:
        def tell(what: str, share: float) -> None:
            done = (visit.seed + (jobs.index(job) + share) / len(jobs)) / config.seeds
            report(Stage(f"seed {visit.seed + 1} of {config.seeds}: {what}", 0.95 * done))

        tell("learning the prior" if job == "prior" else f"training {job}", 0.0)
        return tell

    def learn() -> list[Any]:
        learnt = learn_priors(train, trainer, config.newcomers, visit.seed, within("prior"))
        return [[belief.mean.tolist(), belief.covariance.tolist()] for belief in learnt]

    kept = _kept(folder, f"prior-seed{visit.seed}", learn)
    priors = Priors(*(Belief(np.array(mean), np.array(covariance)) for mean, covariance in kept))
    found: dict[Condition, list[Array]] = {}
    for objective in OBJECTIVES:
        ask = partial(_ask, objective, train, visit, trainer, config, priors, within)
        for *condition, right in _kept(folder, f"{objective}-seed{visit.seed}", ask):
            found.setdefault(Condition(*condition), []).append(_spread(visit, right))
    return {condition: np.mean(models, axis=0) for condition, models in found.items()}


def _kept(folder: Parts | None, name: str, make: Callable[[], list[Any]]) -> list[Any]:
    """A finished part of an earlier run, or a new one, which is kept."""
    part: list[Any] | None = folder.part(name) if folder else None
    if part is None:
        began = time.perf_counter()
        part = make()
        if folder:
            folder.save_part(name, part)
            folder.log("part", {"name": name, "seconds": round(time.perf_counter() - began, 1)})
    return part


def _ask(
    objective: str,
    train: DataSet,
    visit: Visit,
    trainer: Trainer,
    config: HistoryConfig,
    priors: Priors,
    within: Callable[[str], Within],
) -> list[list[Any]]:
    """Train one scorer and ask it everything: (method, history, noise, `[person][question]` right or not)."""
    tell = within(objective)
    scorer = trainer(objective, train.dilemmas, visit.seed, tell)
    tell(f"asking {objective}", 0.8)
    reader = make_reader(objective, scorer, visit.test, Evidence(scorer, train.taxonomy, identity=objective))
    gold = [gold_options(visit.test, train.taxonomy, pole) for pole in train.taxonomy.poles]
    part: list[list[Any]] = []
    for noise in config.noises:
        rngs = [np.random.default_rng([visit.seed, number, 11]) for number in range(len(visit.visitors))]
        pairs = zip(visit.visitors, rngs, strict=True)
        whole = [lived(v, visit.test, train.taxonomy, rng, noise=noise) for v, rng in pairs]
        for length in config.histories:
            if noise > 0 and length != config.noisy_history:
                continue
            for method, picks in answer(reader, visit.visitors, [h[:length] for h in whole], priors).items():
                part.append([method, length, noise, _right(visit, picks, gold)])
    return part


def _right(visit: Visit, picks: Picks, gold: Sequence[Sequence[set[int]]]) -> list[list[int]]:
    """1 where the first option serves the person's side: `[person][question]`."""
    pairs = zip(visit.visitors, picks, strict=True)
    return [[int(o in gold[v.cell][i]) for i, o in zip(v.questions, row, strict=True)] for v, row in pairs]


def _spread(visit: Visit, right: Sequence[Sequence[int]]) -> Array:
    """`[person][question]` as `[person, dilemma]`, NaN where not asked."""
    spread = np.full((len(visit.visitors), len(visit.test)), np.nan)
    for row, (visitor, own) in enumerate(zip(visit.visitors, right, strict=True)):
        spread[row, list(visitor.questions)] = own
    return spread
