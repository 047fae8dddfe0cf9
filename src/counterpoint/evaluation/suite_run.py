"""Runs a suite: proves its grader, asks every method and seed what is not answered yet, counts, writes `results.json`.

A sample that can't be answered is a failure: recorded with its message, left out of every mean, counted in every row
of the summary. Samples are kept on disk in chunks, so that a run that was stopped goes on after the last one; failures
of an earlier run are tried again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np

from counterpoint import __version__
from counterpoint.errors import BadInputError, CounterpointError
from counterpoint.evaluation.answers import order_effect
from counterpoint.evaluation.compare import ANOTHER_ORDER, SCHEMA, answer_from
from counterpoint.evaluation.foresight import told
from counterpoint.evaluation.metrics import Answer
from counterpoint.evaluation.power import Plan
from counterpoint.evaluation.progress import Report, Stage
from counterpoint.evaluation.suite import Suite, Tables, prove_grader
from counterpoint.evaluation.tables import Cell
from counterpoint.models.scorer import Scorer
from counterpoint.runlog import RunFolder
from counterpoint.types import Dilemma

CHUNK = 32
"""Samples that are kept on disk together."""

FAILURES = (CounterpointError, RuntimeError, ArithmeticError)
"""What a model may raise over one sample: too long, out of memory, not finite. Other errors stop the run."""

Within = Callable[[str, float], None]
"""Told what is being done, and which share of this method and seed is done."""


class Contender(NamedTuple):
    """Somebody to be asked."""

    method: str
    scorer: Callable[[int, Within], Scorer]
    """Makes the scorer of a seed; called only where something is left to ask."""


def run_suite(
    suite: Suite,
    contenders: Sequence[Contender],
    *,
    seeds: int,
    folder: RunFolder,
    config: Mapping[str, Any],
    trained_on: int = 0,
    power: Plan | None = None,
    report: Report | None = None,
) -> dict[str, Any]:
    """The whole suite; writes and returns `results.json`.

    Args:
        suite: what is asked.
        contenders: who is asked.
        seeds: seeds 0 to seeds - 1, of the training and of the options' order.
        folder: keeps what was answered.
        config: what the results say of the settings.
        trained_on: number of dilemmas that contenders were trained on, for the record.
        power: what was said before the run that it can show, for the record.
        report: told of progress.

    Raises:
        BadInputError: the grader fails its proof, or a method fails on every sample.
    """
    began = time.perf_counter()
    tell = report or (lambda _: None)
    tell(Stage("proving the grader", 0.0))
    prove_grader(suite)
    cells, failures = [], []
    jobs = [(contender, seed) for seed in range(seeds) for contender in contenders]
    for number, (contender, seed) in enumerate(jobs):

        def within(
            what: str, share: float, number: int = number, seed: int = seed, who: str = contender.method
        ) -> None:
            tell(Stage(f"{who}, seed {seed}: {what}", 0.95 * (number + share) / len(jobs)))

        cell, failed = gather(suite, contender, seed, folder, within)
        cells.append(cell)
        failures += [{"method": contender.method, "seed": seed, **failure} for failure in failed]
    tell(Stage("resampling for intervals and p-values", 0.96))
    order = {contender.method: i for i, contender in enumerate(contenders)}
    tables = suite.count(sorted(cells, key=lambda cell: (order[cell.method], cell.seed)))
    results = {
        "schema": SCHEMA,
        "command": "evaluate",
        "version": __version__,
        "suite": suite.name,
        "config": dict(config),
        "data": {"train": trained_on, "test": len(suite.samples), "sha256": suite.digest},
        "power": told(power),
        **_counted(tables, failures),
        "seconds": {"total": round(time.perf_counter() - began, 1)},
    }
    folder.write_lines("predictions.jsonl", _lines(cells))
    folder.write_lines("dilemmas.jsonl", (asdict(sample) for sample in suite.samples))
    folder.write_json("results.json", results)
    folder.log("finished", results["seconds"])
    tell(Stage("done", 1.0))
    return results


def gather(
    suite: Suite, contender: Contender, seed: int, folder: RunFolder, within: Within
) -> tuple[Cell, list[dict[str, str]]]:
    """One method's and seed's answers, those of an earlier run taken over; and its failures."""
    scorer: Scorer | None = None
    answers: list[Answer] = []
    changed: list[float] = []
    failed: list[dict[str, str]] = []
    for start in range(0, len(suite.samples), CHUNK):
        chunk = suite.samples[start : start + CHUNK]
        name = f"{contender.method}-seed{seed}-{start}"
        part = folder.part(name)
        if part is None or part["failed"]:
            scorer = scorer or contender.scorer(seed, within)
            within("asking", 0.8 + 0.2 * start / len(suite.samples))
            part = _ask(suite, scorer, chunk, seed)
            folder.save_part(name, part)
        answers += map(answer_from, part["answers"])
        changed += part["changed"]
        failed += part["failed"]
    if not answers:
        raise BadInputError(
            f"{contender.method}: none of {len(failed)} samples could be answered. The first: {failed[0]['error']}"
        )
    return Cell(contender.method, seed, tuple(answers), tuple(changed)), failed


def _ask(suite: Suite, scorer: Scorer, chunk: Sequence[Dilemma], seed: int) -> dict[str, Any]:
    """A chunk in two orders of options; where that fails, sample by sample, so that one failure costs no other."""
    try:
        answers, changed = _both_orders(suite, scorer, chunk, seed)
        return {"answers": [asdict(a) for a in answers], "changed": changed, "failed": []}
    except FAILURES as error:
        if len(chunk) == 1:
            failure = {"sample": chunk[0].id, "error": f"{type(error).__name__}: {error}"}
            return {"answers": [], "changed": [], "failed": [failure]}
    parts = [_ask(suite, scorer, [sample], seed) for sample in chunk]
    return {key: [item for part in parts for item in part[key]] for key in ("answers", "changed", "failed")}


def _both_orders(suite: Suite, scorer: Scorer, chunk: Sequence[Dilemma], seed: int) -> tuple[list[Answer], list[float]]:
    answers = suite.ask(scorer, chunk, order_seed=seed)
    again = suite.ask(scorer, chunk, order_seed=seed + ANOTHER_ORDER)
    if not all(np.isfinite(answer.log_probs).all() for answer in (*answers, *again)):
        raise ArithmeticError("log-probabilities are not finite")
    return answers, order_effect(answers, again)


def _counted(tables: Tables, failures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The tables, with each method's failures in every row of its summary."""
    lost = {row["method"]: 0 for row in tables.summary}
    for failure in failures:
        lost[failure["method"]] += 1
    summary = [{**row, "failed": lost[row["method"]]} for row in tables.summary]
    return {
        "rows": tables.rows,
        "summary": summary,
        "paired": tables.paired,
        **tables.more,
        "failures": list(failures),
    }


def _lines(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    return [
        {"method": c.method, "seed": c.seed, **asdict(answer), "order_changed": bool(changed)}
        for c in cells
        for answer, changed in zip(c.answers, c.changed, strict=True)
    ]
