"""People whose leaning changes, and how user models follow them: alignment by time since the change.

A person stands on one pole of one value pair and chooses, a choice a day, in dilemmas about it. After `before` choices
they flip to the other pole, or drift to it over `span` choices, or stay as they are. Before every moment in question a
model says what they would choose in dilemmas that they never saw:

    alignment          how likely the option it puts first is on their side of the moment, by choices since the change
    alignment_after    its mean over the moments after the change
    choices_to_turn    median number of choices until the belief is on the new side for three choices in a row
    never_turned       share of people with whom that doesn't happen
    change_noticed     share of people of whom it says afterwards that something has changed (`Belief.changed`)
    choices_to_notice  median number of choices until then
    false_alarm        share of people of whom it says so before anything changed, or though nothing does

The grader is proved first: options of a person's side of the moment must be graded above the other's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from counterpoint import __version__
from counterpoint.data.split import scenario_key
from counterpoint.errors import BadInputError
from counterpoint.evaluation.compare import SCHEMA
from counterpoint.evaluation.drift import counting
from counterpoint.evaluation.drift.counting import Condition, Frame, Group
from counterpoint.evaluation.drift.following import Followed, follow
from counterpoint.evaluation.drift.lives import CHANGES, Change, Life, draw_lives, prove_alignment, usable
from counterpoint.evaluation.foresight import foresee_people, told
from counterpoint.evaluation.power import Plan
from counterpoint.evaluation.progress import Report, Stage
from counterpoint.models.scorer import Scorer
from counterpoint.runlog import RunFolder
from counterpoint.types import DataSet, Dilemma
from counterpoint.users.belief import Belief
from counterpoint.users.evidence import Evidence
from counterpoint.users.inference import make_model
from counterpoint.users.model import USER_MODELS, Question

PROPOSAL = "drifting"
"""What others are compared with, where it takes part."""
Within = Callable[[str, float], None]
Trainer = Callable[[int, Within], Scorer]
"""From a seed to the scorer that reads dilemmas."""


@dataclass(frozen=True)
class DriftConfig:
    """The experiment's settings."""

    methods: tuple[str, ...] = ("drifting", "gaussian", "contextual", "pooled")
    """User models: drifting, gaussian, contextual, pooled, in_context (which reads choices anew each time: slow)."""
    changes: tuple[Change, ...] = CHANGES
    """What happens to people: flip, drift, steady."""
    noises: tuple[float, ...] = (0.0, 0.1)
    """Probabilities of choosing at random."""
    people: int = 24
    """People a seed and condition, spread evenly over the poles."""
    seeds: int = 3
    """Each trains anew and draws new people."""
    before: int = 20
    """Choices before the change."""
    after: int = 30
    """Choices after it."""
    span: int = 20
    """Choices over which somebody drifts to the other side."""
    moments: tuple[int, ...] = (-10, 0, 1, 2, 3, 5, 8, 12, 20, 30)
    """Numbers of choices since the change at which models are asked."""
    questions: int = 10
    """Questions asked of a person at each moment at most."""
    resamples: int = 1000
    """Bootstrap samples."""
    split_seed: int = 0
    """Of the split by scenario where one set of dilemmas is given to train on and to ask about."""
    test_fraction: float = 0.5
    """Share of its scenarios that people choose in and are asked about."""


def check_drift(config: DriftConfig) -> None:
    """Refuse settings that can't work.

    Raises:
        BadInputError: which, and what is expected.
        UnknownNameError: there is no such user model.
    """
    for name in ("people", "seeds", "before", "after", "span", "questions"):
        if getattr(config, name) < 1:
            raise BadInputError(f"{name} must be at least 1 (got {getattr(config, name)})")
    if config.resamples < 100:
        raise BadInputError(f"resamples must be at least 100 (got {config.resamples})")
    for name in ("methods", "changes", "noises", "moments"):
        values = getattr(config, name)
        if not values or len(set(values)) != len(values):
            told = ", ".join(map(str, values)) or "none"
            raise BadInputError(f"{name} must be different and at least one (got {told})")
    if not all(0 <= noise <= 1 for noise in config.noises):
        raise BadInputError(f"noises must lie between 0 and 1 (got {', '.join(map(str, config.noises))})")
    if min(config.moments) < -config.before or max(config.moments) > config.after or max(config.moments) < 1:
        raise BadInputError(
            f"moments must lie between {-config.before} and {config.after}, with one at least above 0 "
            f"(got {', '.join(map(str, config.moments))})"
        )
    for name in config.methods:
        USER_MODELS.get(name)


def foresee_drift(config: DriftConfig) -> Plan | None:
    """What the comparison of one user model with every other can show, under all conditions at once."""
    conditions = len(config.changes) * len(config.noises)
    return foresee_people(config.people * config.seeds, conditions * (len(config.methods) - 1))


def run_drift(
    train: DataSet,
    test: DataSet,
    trainer: Trainer,
    config: DriftConfig,
    *,
    folder: RunFolder | None = None,
    report: Report | None = None,
) -> dict[str, Any]:
    """The whole experiment, in the form of `results.json`.

    Args:
        train: what scorers are trained on.
        test: dilemmas that people choose in and are asked about.
        trainer: makes a scorer.
        config: the settings.
        folder: keeps how every model followed every condition's people, so that a run that was stopped goes on there.
        report: told of progress.

    Raises:
        BadInputError: a setting can't work, or the test has too few dilemmas.
    """
    began = time.perf_counter()
    check_drift(config)
    dilemmas = usable(test, train.taxonomy)
    found: dict[Condition, list[tuple[int, list[Life], dict[str, list[Followed]]]]] = {}
    for seed in range(config.seeds):
        run = _Seed(train, dilemmas, trainer, config, seed, folder, report or (lambda _: None))
        for condition in (Condition(change, noise) for noise in config.noises for change in config.changes):
            lives = _lives(dilemmas, train, condition, config, seed)
            prove_alignment(lives, dilemmas, [m + config.before for m in config.moments], train.taxonomy)
            found.setdefault(condition, []).append((seed, lives, run.follow(condition, lives)))
    if report:
        report(Stage("resampling for intervals", 0.95))
    groups = {condition: _joined(parts, config.methods) for condition, parts in found.items()}
    scenarios = np.unique([scenario_key(d) for d in dilemmas], return_inverse=True)[1]
    frame = Frame(train.taxonomy, scenarios, config.moments, config.before, config.after, config.resamples)
    proposal = PROPOSAL if PROPOSAL in config.methods else config.methods[0]
    return {
        "schema": SCHEMA,
        "command": "evaluate",
        "version": __version__,
        "suite": "drift",
        "config": asdict(config),
        "data": {"train": len(train), "test": len(test), "usable": len(dilemmas), "sha256": test.digest},
        "rows": counting.rows(groups, frame),
        "summary": counting.summarise(groups, frame),
        "paired": counting.pair_up(groups, proposal, {name: name for name in config.methods}, frame),
        "power": told(foresee_drift(config)),
        "failures": [],
        "seconds": {"total": round(time.perf_counter() - began, 1)},
    }


class _Seed:
    """One seed: its scorer is trained, and the test read, when first needed."""

    def __init__(
        self,
        train: DataSet,
        dilemmas: Sequence[Dilemma],
        trainer: Trainer,
        config: DriftConfig,
        seed: int,
        folder: RunFolder | None,
        report: Report,
    ) -> None:
        self.train, self.dilemmas, self.trainer, self.config = train, dilemmas, trainer, config
        self.seed, self.folder, self.report = seed, folder, report
        self._read: tuple[Evidence, list[Question]] | None = None
        self._done = 0

    def follow(self, condition: Condition, lives: Sequence[Life]) -> dict[str, list[Followed]]:
        """How every model followed these people; what an earlier run found is taken over."""
        found = {}
        for method in self.config.methods:
            name = f"{method}-{condition.change}-{condition.noise:g}-seed{self.seed}"
            part = self.folder.part(name) if self.folder else None
            if part is None:
                self._tell(f"{method}: {condition.change}, {condition.noise:.0%} at random", 0.5)
                part = [asdict(own) for own in self._followed(method, lives)]
                if self.folder:
                    self.folder.save_part(name, part)
            found[method] = [Followed(tuple(map(tuple, own["right"])), own["turned"], own["alarm"]) for own in part]
            self._done += 1
        return found

    def _followed(self, method: str, lives: Sequence[Life]) -> list[Followed]:
        evidence, questions = self._evidence()
        config, taxonomy = self.config, self.train.taxonomy
        model = make_model(method, Belief.flat(len(taxonomy)), evidence)
        return [
            follow(model, life, questions, self.dilemmas, taxonomy, before=config.before, moments=config.moments)
            for life in lives
        ]

    def _evidence(self) -> tuple[Evidence, list[Question]]:
        if self._read is None:
            scorer = self.trainer(self.seed, lambda what, share: self._tell(what, share / 2))
            evidence = Evidence(scorer, self.train.taxonomy, identity=f"drift seed {self.seed}")
            self._read = evidence, evidence.questions(self.dilemmas)
        return self._read

    def _tell(self, what: str, share: float) -> None:
        jobs = len(self.config.methods) * len(self.config.changes) * len(self.config.noises)
        done = (self.seed + (self._done + share) / jobs) / self.config.seeds
        self.report(Stage(f"seed {self.seed + 1} of {self.config.seeds}: {what}", 0.95 * min(done, 1.0)))


def _lives(
    dilemmas: Sequence[Dilemma], train: DataSet, condition: Condition, config: DriftConfig, seed: int
) -> list[Life]:
    change = next(change for change in CHANGES if change == condition.change)
    return draw_lives(
        dilemmas,
        train.taxonomy,
        change=change,
        noise=condition.noise,
        people=config.people,
        before=config.before,
        after=config.after,
        span=config.span,
        questions=config.questions,
        seed=seed,
    )


def _joined(parts: Sequence[tuple[int, list[Life], dict[str, list[Followed]]]], methods: Sequence[str]) -> Group:
    """All seeds' people, one after the other."""
    lives = [life for _, own, _ in parts for life in own]
    seeds = [seed for seed, own, _ in parts for _ in own]
    followed = {method: [one for *_, by_method in parts for one in by_method[method]] for method in methods}
    return Group(lives, seeds, followed)
