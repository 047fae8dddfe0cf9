"""What personalising costs: the same questions with and without steering, for every method and strength.

    neutral_changed   neutral questions whose answer is another one than the base's
    neutral_right     neutral questions answered rightly
    two_choice        two-choice questions (TruthfulQA) in which the right answer is the likelier
    agrees_wrong      wrong opinions of a user that are agreed with: agreement for its own sake
    agrees_right      right ones: what must not be lost by agreeing less
    surprise          nats a token of replies under the unsteered model; its exponential is their perplexity
    length            words of replies to open questions, over the base's

Every figure is beside the base's on the same samples; intervals are over samples. Gains are measured elsewhere
(`compare`, `benchmarks/steering.py`); this is the price.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from counterpoint import __version__
from counterpoint.errors import BadInputError
from counterpoint.evaluation.harm import counting
from counterpoint.evaluation.harm.answering import outcomes
from counterpoint.evaluation.harm.samples import Sample
from counterpoint.evaluation.harm.store import Condition, Store
from counterpoint.evaluation.power import Plan
from counterpoint.evaluation.progress import Report, Stage
from counterpoint.runlog import RunFolder
from counterpoint.steering.asking import BASE
from counterpoint.steering.engine import Engine
from counterpoint.steering.method import METHODS
from counterpoint.types import content_hash

if TYPE_CHECKING:
    from counterpoint.evaluation.harm.interchange import Tasks

SAMPLES = "samples.jsonl"
"""Where a run keeps what was answered."""
CHANGED = "changed.json"
"""Neutral answers that changed, for the report."""


@dataclass(frozen=True)
class HarmConfig:
    """The suite's settings."""

    methods: tuple[str, ...] = ("instruction", "mixture")
    """Ways of steering to be looked at, beside the base."""
    strengths: tuple[float, ...] = (1.0,)
    """Log-odds; as the methods' own units where a method has no dial."""
    two_choice: int = 200
    """Two-choice questions at most, spread over the file."""
    open: int = 24
    """Open questions at most."""
    batch: int = 32
    """Samples answered together, and kept on disk together."""
    resamples: int = 2000
    """Bootstrap samples."""
    tasks: tuple[str, ...] = ()
    """Tasks of the language model evaluation harness to be run too; needs the extra `interchange`."""
    task_limit: int = 100
    """Questions of each task at most."""


def check(config: HarmConfig) -> None:
    """Refuse settings that can't work, before anything long begins.

    Raises:
        BadInputError: which setting, its value, and what it must be.
        UnknownNameError: there is no such method.
    """
    for method in config.methods:
        for name in method.split("+"):
            METHODS.get(name.strip())
    if not config.methods or len(set(config.methods)) < len(config.methods):
        raise BadInputError(f"methods are {config.methods}; expected at least one, each once")
    usable = all(math.isfinite(s) and s > 0 for s in config.strengths)
    if not config.strengths or not usable or len(set(config.strengths)) < len(config.strengths):
        raise BadInputError(f"strengths are {config.strengths}; expected different numbers above 0")
    for name, least in {"two_choice": 0, "open": 0, "batch": 1, "resamples": 100, "task_limit": 1}.items():
        if getattr(config, name) < least:
            raise BadInputError(f"{name} must be at least {least} (got {getattr(config, name)})")


def conditions(config: HarmConfig) -> list[Condition]:
    """The base, then every method at every strength."""
    return [Condition(BASE, 0.0), *(Condition(m, s) for m in config.methods for s in config.strengths)]


def run_harm(
    engine: Engine,
    samples: Sequence[Sample],
    config: HarmConfig,
    *,
    folder: RunFolder | None = None,
    announce: Callable[[Plan], None] | None = None,
    report: Report | None = None,
) -> dict[str, Any]:
    """The whole suite, in the form of `results.json`.

    Args:
        engine: the model with its methods' materials and dials.
        samples: what is asked (`samples.py`, `toy.py`).
        config: the settings.
        folder: keeps every sample's outcome, so that a run that was stopped goes on after the last one.
        announce: told, before anything is asked, what the run can show of every share.
        report: told of progress.

    Raises:
        BadInputError: a setting can't work, a method lacks its material, or there is no such task.
        MissingExtraError: a task is asked for without the extra `interchange`.
    """
    began = time.perf_counter()
    check(config)
    report = report or (lambda _: None)
    for method in config.methods:
        for name in method.split("+"):
            engine.method(name.strip())
    tasks = _Tasks(engine, config, folder, report)
    power = counting.foresee_harm(samples, len(conditions(config)) - 1)
    if announce:
        for foretold in power.values():
            announce(foretold)
    store = Store(folder.path / SAMPLES if folder else None, samples)
    _answer(engine, samples, config, store, report)
    report(Stage("counting", 0.99))
    found = counting.results(store.outcomes, samples, conditions(config), resamples=config.resamples)
    if folder:
        folder.write_json(CHANGED, counting.changed_answers(store.outcomes, samples, conditions(config)[1:]))
    return {
        "schema": "counterpoint.results/1",
        "version": __version__,
        "command": "evaluate",
        "suite": "harm",
        "config": {**asdict(config), "dials": sorted(engine.dials)},
        "data": {
            "name": "harm",
            "train": 0,
            "test": len(samples),
            "sha256": content_hash(sorted(s.digest for s in samples)),
        },
        "power": {metric: foretold._asdict() for metric, foretold in power.items()},
        "rows": found["rows"],
        "summary": [*found["summary"], *tasks.rows()],
        "paired": found["paired"],
        "seconds": {"total": round(time.perf_counter() - began, 1)},
    }


def _answer(engine: Engine, samples: Sequence[Sample], config: HarmConfig, store: Store, report: Report) -> None:
    """Every sample under every condition that isn't answered yet."""
    todo = [(c, s) for c in conditions(config) for s in store.missing(c, samples)]
    done = 0
    for condition in conditions(config):
        for kind in dict.fromkeys(sample.kind for sample in samples):
            left = store.missing(condition, [sample for sample in samples if sample.kind == kind])
            for start in range(0, len(left), config.batch):
                part = left[start : start + config.batch]
                at = f" at {condition.strength:g}" if condition.strength else ""
                report(Stage(f"{condition.method}{at}: {kind.replace('_', ' ')}", 0.98 * done / len(todo)))
                store.add(condition, part, outcomes(engine, condition, part))
                done += len(part)


class _Tasks:
    """Tasks of the harness, looked up before anything long begins and asked at its end."""

    def __init__(self, engine: Engine, config: HarmConfig, folder: RunFolder | None, report: Report) -> None:
        self.engine, self.config, self.folder, self.report = engine, config, folder, report
        asked = conditions(config) if config.tasks else []
        self.kept = {c: folder.part(self._name(c)) if folder else None for c in asked}
        self.found: Tasks | None = None
        if None in self.kept.values():
            from counterpoint.evaluation.harm.interchange import find_tasks

            report(Stage(f"looking up {', '.join(config.tasks)}", 0.0))
            self.found = find_tasks(config.tasks)

    def rows(self) -> list[Mapping[str, Any]]:
        """For the summary; those of an earlier run are taken over."""
        return [
            row for condition, kept in self.kept.items() for row in (self._run(condition) if kept is None else kept)
        ]

    def _run(self, condition: Condition) -> list[dict[str, Any]]:
        from counterpoint.evaluation.harm.interchange import run_tasks

        assert self.found is not None
        self.report(Stage(f"{condition.method}: {', '.join(self.config.tasks)}", 0.99))
        rows = run_tasks(self.engine, condition, self.found, limit=self.config.task_limit)
        if self.folder:
            self.folder.save_part(self._name(condition), rows)
        return rows

    @staticmethod
    def _name(condition: Condition) -> str:
        return f"tasks-{condition.method}-{condition.strength:g}"
