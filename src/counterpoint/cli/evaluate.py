"""`counterpoint evaluate`: run a benchmark suite on a model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from counterpoint.cli.progress import progress_bar
from counterpoint.config import resolve, to_toml
from counterpoint.data import check_no_leak, load
from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.evaluation.progress import Report, Stage
from counterpoint.evaluation.suites.history import HistoryConfig, Trainer, run_history
from counterpoint.models.scorer import Scorer
from counterpoint.runlog import RunFolder
from counterpoint.types import DataSet, Dilemma, content_hash


class Suite(StrEnum):
    """The suites there are."""

    HISTORY = "history"


def evaluate(
    suite: Annotated[Suite, typer.Option(help="history: how well somebody is served after a few of their choices.")],
    data: Annotated[str, typer.Option(help="Dilemmas to train on: a file, a folder or 'crossroads'.")],
    test: Annotated[str, typer.Option(help="Dilemmas that people choose in and are asked about.")],
    out: Annotated[Path, typer.Option(help="The run's folder.")],
    taxonomy: Annotated[str | None, typer.Option(help="vcd, bqd, preference or a TOML file.")] = None,
    model: Annotated[str, typer.Option(help="The scorer: encoder.")] = "encoder",
    finetune: Annotated[bool, typer.Option("--finetune/--frozen", help="Train the encoder too.")] = False,
    histories: Annotated[str | None, typer.Option(help="Numbers of choices seen, comma-separated.")] = None,
    people: Annotated[int | None, typer.Option(help="People a seed.")] = None,
    seeds: Annotated[int | None, typer.Option(help="How many seeds.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="A setting, such as questions=60.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON and nothing else.")] = False,
) -> None:
    """Run a benchmark suite and write results.json.

    Example: counterpoint evaluate --suite history --data train.json --test test.json --histories 1,3 --out runs/h
    """
    if model != "encoder":
        raise UnknownNameError("model", model, ("encoder",))
    flags = {"people": people, "seeds": seeds, "histories": _numbers(histories)}
    config = resolve(HistoryConfig, sets=set_ or (), flags=flags)
    train = load(data, taxonomy=taxonomy)
    asked = load(test, taxonomy=taxonomy or train.taxonomy)
    check_no_leak(train.dilemmas, asked.dilemmas)
    identity = content_hash(suite.value, finetune, asdict(config), train.digest, asked.digest)
    folder = RunFolder(out, identity, to_toml(config))
    try:
        with progress_bar(quiet=as_json) as report:
            results = run_history(train, asked, encoder_trainer(train, config.seeds, finetune, report), config)
        results["config"] |= {"data": data, "test": test, "model": model, "finetune": finetune}
        folder.write_json("results.json", results)
    finally:
        folder.close()
    if as_json:
        typer.echo(json.dumps(results["summary"]))
    else:
        print_summary(results["summary"], Console())
        typer.echo(f"\nNumbers: {out / 'results.json'}")


def _numbers(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise BadInputError(f"--histories {text!r}: expected whole numbers, such as 1,3,5,10") from None


def encoder_trainer(train: DataSet, seeds: int, finetune: bool, report: Report) -> Trainer:
    """Trains encoder scorers for a suite, telling where it is; each seed trains a few objectives."""
    from counterpoint.models.encoder import EncoderScorer
    from counterpoint.training.fit import fit
    from counterpoint.training.objective import OBJECTIVES
    from counterpoint.training.settings import FitConfig

    untrained = EncoderScorer.untrained(train.taxonomy)

    def trainer(objective: str, dilemmas: Sequence[Dilemma], seed: int) -> Scorer:
        report(Stage(f"seed {seed + 1} of {seeds}: {objective}", seed / seeds))
        scorer = untrained.fresh()
        fit(scorer, dilemmas, train.taxonomy, OBJECTIVES.get(objective), config=FitConfig(finetune=finetune), seed=seed)
        return scorer

    return trainer


def print_summary(summary: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Every row of a suite's summary."""
    columns = [key for key in summary[0] if key not in ("ci_low", "ci_high")]
    table = Table(*columns, "95% interval")
    for row in summary:
        interval = f"{row['ci_low']:.3f} to {row['ci_high']:.3f}" if row.get("ci_low") is not None else "-"
        shown = (f"{row[key]:.3f}" if isinstance(row[key], float) else str(row[key]) for key in columns)
        table.add_row(*shown, interval)
    console.print(table)
