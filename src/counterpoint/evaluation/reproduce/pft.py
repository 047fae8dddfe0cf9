"""`reproduce pft`: the whole table of the PFT paper (arXiv 2604.12479) as one run, with what its reviewers asked for.

Every seed divides the data by scenario into 80% training, 10% validation and 10% test. Every method is trained and
asked the test part once. Ablations of PFT, one factor at a time, are asked the validation part; the setting that does
best there is trained again as `pft_tuned` and asked the test part. A family that nothing was trained on is asked too,
and people are served after 1, 3, 5 and 10 of their choices.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from counterpoint import __version__
from counterpoint.config import to_toml
from counterpoint.evaluation.compare import RULES, SCHEMA, content
from counterpoint.evaluation.power import plan
from counterpoint.evaluation.progress import Report, Stage
from counterpoint.evaluation.reproduce import pft_tables
from counterpoint.evaluation.reproduce.cells import Clock, Forecast, run_jobs
from counterpoint.evaluation.reproduce.costs import known, seconds_of
from counterpoint.evaluation.reproduce.open_answers import read_open_answers
from counterpoint.evaluation.reproduce.papers import pft_figures, pft_set_up
from counterpoint.evaluation.reproduce.pft_config import PftConfig, check_pft
from counterpoint.evaluation.reproduce.pft_jobs import Jobs, choose, plan_jobs, tuned_jobs
from counterpoint.evaluation.reproduce.pft_material import Lives, Material, read_material
from counterpoint.evaluation.reproduce.report import write_reproduction
from counterpoint.evaluation.reproduce.variants import Variant
from counterpoint.evaluation.reproduce.workshop import Workshop
from counterpoint.evaluation.suites.history import HistoryConfig, run_history
from counterpoint.runlog import Parts, RunFolder
from counterpoint.types import content_hash

HISTORY_CELLS = 5
"""Trainings a seed of the history experiment: the prior's, PFT, SFT on both poles and on either."""


def reproduce_pft(
    config: PftConfig,
    out: Path,
    *,
    dry_run: bool = False,
    announce: Callable[[Forecast], None] | None = None,
    report: Report | None = None,
) -> dict[str, Any] | None:
    """Run it all and write the run's folder; returns what `results.json` holds, or None for a dry run.

    Args:
        config: the settings.
        out: the run's folder. The same command goes on where an earlier one was stopped.
        dry_run: only announce what would be done.
        announce: told what will be done, before it is.
        report: told of progress.

    Raises:
        BadInputError: settings or data are wrong, or `out` holds another run.
        UnknownNameError: there is no such method, model or ablation.
    """
    began = time.perf_counter()
    check_pft(config)
    answers = read_open_answers(config.open_answers, model=config.model)
    material = read_material(config)
    workshop = Workshop(_everything(material), out / "training")
    jobs, tried = plan_jobs(config, material, workshop)
    forecast = _forecast(config, material, jobs, tried)
    if announce:
        announce(forecast)
    if dry_run:
        return None
    folder = RunFolder(out, _identity(config, material), to_toml(config))
    try:
        results = _run(config, material, workshop, jobs, tried, forecast, folder, report or (lambda _: None))
        results["paper"] = {
            "figures": pft_figures(results, results["history"], config, answers),
            "set_up": pft_set_up(config, material, answers),
        }
        results["seconds"] = {"total": round(time.perf_counter() - began, 1)}
        folder.write_json("results.json", results)
        write_reproduction(out)
        workshop.sweep()
        folder.log("finished", results["seconds"])
    finally:
        folder.close()
    if report:
        report(Stage("done", 1.0))
    return results


def _run(
    config: PftConfig,
    material: Material,
    workshop: Workshop,
    jobs: Jobs,
    tried: list[Variant],
    forecast: Forecast,
    folder: RunFolder,
    report: Report,
) -> dict[str, Any]:
    """All cells, then all tables."""
    settings = config.training
    of_history = _history_seconds(config, material.lives)
    of_tuned = len(material.folds) * _tuned_seconds(config, material) if tried else 0.0
    total = sum(job.cell.seconds for job in jobs.by_key.values()) + of_history + of_tuned
    clock = Clock(report, total, known=known(settings))
    found = run_jobs(list(jobs.by_key.values()), folder, clock)
    choice: dict[int, str] = {}
    if tried:
        choice = choose(jobs, found, tried, config.seeds)
        more = tuned_jobs(config, material, workshop, tried, choice)
        found |= run_jobs(list(more.by_key.values()), folder, clock)
        jobs.by_key |= more.by_key
    history = _history(config, material.lives, workshop, folder, clock) if material.lives else None
    report(Stage("resampling for intervals and p-values", 0.98))
    tables = pft_tables.tables(config, material, jobs, found, tried, choice)
    folder.write_lines("predictions.jsonl", pft_tables.predictions(jobs, found))
    asked = {d.id: d for fold in material.folds for d in fold.test}
    folder.write_lines("dilemmas.jsonl", (asdict(dilemma) for dilemma in asked.values()))
    return {
        "schema": SCHEMA,
        "command": "reproduce",
        "reproduces": "pft",
        "version": __version__,
        "config": asdict(config),
        "data": {
            "name": material.data.name,
            "train": len(material.folds[0].train),
            "validation": len(material.folds[0].validation),
            "test": len(material.folds[0].test),
            "sha256": content_hash(material.data.digest, material.held_out.digest if material.held_out else ""),
        },
        "plan": {"cells": dict(forecast.cells), "at_most": forecast.at_most},
        "power": forecast.power._asdict(),
        **tables,
        "history": history,
    }


def _identity(config: PftConfig, material: Material) -> str:
    """What may not change within a folder. Cells are known by all that decides them, so settings may."""
    held_out = content(material.held_out) if material.held_out else None
    pairs = [asdict(pair) for pair in material.data.taxonomy]
    return content_hash("reproduce pft", config.model, pairs, content(material.data), held_out)


def _everything(material: Material) -> list[Any]:
    """All dilemmas that any cell reads."""
    held_out = material.held_out.dilemmas if material.held_out else ()
    return [*material.data.dilemmas, *held_out]


# What is foreseen


def _forecast(config: PftConfig, material: Material, jobs: Jobs, tried: list[Variant]) -> Forecast:
    cells: dict[str, int] = {}
    for kind, _, _ in jobs.by_key:
        cells[kind] = cells.get(kind, 0) + 1
    if material.lives:
        cells["history"] = HISTORY_CELLS * config.seeds
    seconds = sum(job.cell.seconds for job in jobs.by_key.values()) + _history_seconds(config, material.lives)
    at_most = config.seeds if tried else 0
    seconds += at_most * _tuned_seconds(config, material) if tried else 0.0
    rivals = len(config.methods) - 1 + bool(tried) + len(RULES)
    return Forecast(
        cells,
        at_most,
        seconds if known(config.training) else None,
        plan(material.tested, comparisons=rivals),
    )


def _tuned_seconds(config: PftConfig, material: Material) -> float:
    fold = material.folds[0]
    return seconds_of(config.training, "pft", trained=len(fold.train), asked=2 * len(fold.test))


def _history_seconds(config: PftConfig, lives: Lives | None) -> float:
    if lives is None:
        return 0.0
    history = config.history
    asked = history.people * min(history.questions, len(lives.test)) * len(history.histories) // 4
    one = seconds_of(config.training, "pft", trained=len(lives.train), asked=len(lives.test) + asked)
    return HISTORY_CELLS * config.seeds * one


# People's histories


class _Lives(Parts):
    """Parts of the history experiment, named after all that decides them."""

    def __init__(self, folder: RunFolder, key: str) -> None:
        self.folder, self.key = folder, key

    def part(self, name: str) -> Any | None:
        return self.folder.part(f"history-{name}-{self.key}")

    def save_part(self, name: str, value: Any) -> None:
        self.folder.save_part(f"history-{name}-{self.key}", value)

    def log(self, event: str, fields: Mapping[str, Any]) -> None:
        self.folder.log(event, {"kind": "history", **fields})


def _history(config: PftConfig, lives: Lives, workshop: Workshop, folder: RunFolder, clock: Clock) -> dict[str, Any]:
    """The experiment on the division of its own; its parts are cells too."""
    settings = config.training
    wanted = replace(config.history, seeds=config.seeds)
    told = [asdict(part) for part in (settings.encoder, settings.fit, settings.lm)]
    decides = asdict(replace(wanted, seeds=0, resamples=0))
    pairs = [asdict(pair) for pair in lives.train.taxonomy]
    key = content_hash(settings.model, told, decides, pairs, content(lives.train), content(lives.test))[:20]
    seconds = _history_seconds(config, lives)

    def tell(stage: Stage) -> None:
        clock.tell("history", seconds, stage.text, stage.share)

    trainer = workshop.trainer(settings, lives.train.taxonomy)
    results = run_history(lives.train, lives.test, trainer, wanted, folder=_Lives(folder, key), report=tell)
    clock.finished(seconds, None)
    return {
        "config": _history_config(wanted),
        "data": {**results["data"], "share": lives.share},
        **{name: results[name] for name in ("rows", "summary", "paired")},
    }


def _history_config(config: HistoryConfig) -> dict[str, Any]:
    return {**asdict(config), "histories": list(config.histories), "noises": list(config.noises)}
