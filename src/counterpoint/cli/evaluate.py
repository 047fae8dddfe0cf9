"""`counterpoint evaluate`: run a benchmark suite on a model."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from counterpoint.cli.progress import progress_bar
from counterpoint.config import resolve, to_toml
from counterpoint.data import check_no_leak, load
from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.evaluation.history.counting import GAIN, METRIC
from counterpoint.evaluation.history.labels import FLAT, LABELS, PROPOSAL, RIVAL
from counterpoint.evaluation.history.report import write_history_report
from counterpoint.evaluation.history.visits import Trainer, Within
from counterpoint.evaluation.progress import Stage
from counterpoint.evaluation.suites.history import HistoryConfig, run_history
from counterpoint.models.scorer import Scorer
from counterpoint.runlog import RunFolder
from counterpoint.types import DataSet, Dilemma, content_hash

T = TypeVar("T")


class Suite(StrEnum):
    """The suites there are."""

    HISTORY = "history"
    HARM = "harm"
    DIAL = "dial"
    VCD = "vcd"
    BQD = "bqd"
    PREFEVAL = "prefeval"
    CONFLICT = "conflict"


CHOICES = (Suite.VCD, Suite.BQD, Suite.PREFEVAL, Suite.CONFLICT)
"""Suites whose samples are options to choose from."""


def evaluate(
    suite: Annotated[
        Suite,
        typer.Option(
            help="history: how well somebody is served after a few of their choices. "
            "harm: what steering does to answers that it should leave alone. "
            "dial: how far methods' strengths go; saves a dial each. "
            "vcd: dilemmas for either side. bqd: behaviours for either side. prefeval: replies that fit a preference. "
            "conflict: both sides of a dilemma at once."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The run's folder.")],
    data: Annotated[
        str | None,
        typer.Option(
            help="history: dilemmas to train on, a file, a folder or 'crossroads'. "
            "harm: two-choice TruthfulQA, a file; lm:tiny needs none. dial: dilemmas to measure on. "
            "Others: what is asked, or a folder with train/ and test/."
        ),
    ] = None,
    test: Annotated[
        str | None,
        typer.Option(
            help="history: dilemmas that people choose in and are asked about. "
            "harm: dilemmas that are put as open questions, 'crossroads' by default. dial: others to check on. "
            "vcd, bqd, conflict: what is asked, --data being what is trained on."
        ),
    ] = None,
    train: Annotated[
        str | None,
        typer.Option(help="vcd, bqd, prefeval, conflict: what to train on; for the encoder 'crossroads' by default."),
    ] = None,
    taxonomy: Annotated[str | None, typer.Option(help="vcd, bqd, preference or a TOML file.")] = None,
    model: Annotated[
        str,
        typer.Option(
            help="history: encoder. harm, dial: lm: and a hub id, a folder, or tiny. "
            "Others: encoder, lm:..., or a folder of a saved scorer."
        ),
    ] = "encoder",
    finetune: Annotated[bool, typer.Option("--finetune/--frozen", help="Train the encoder too.")] = False,
    histories: Annotated[str | None, typer.Option(help="history: numbers of choices seen, comma-separated.")] = None,
    people: Annotated[int | None, typer.Option(help="history: people a seed.")] = None,
    seeds: Annotated[int | None, typer.Option(help="All but harm, dial: how many seeds.")] = None,
    methods: Annotated[
        str | None,
        typer.Option(
            help="harm, dial: ways of steering, comma-separated. vcd, bqd, prefeval, conflict: base, pft, ..."
        ),
    ] = None,
    strengths: Annotated[str | None, typer.Option(help="harm: strengths in log-odds, comma-separated.")] = None,
    material: Annotated[
        list[str] | None, typer.Option(help="harm, dial: METHOD=FOLDER, what a method was trained or given.")
    ] = None,
    dial: Annotated[
        list[Path] | None, typer.Option(help="harm: a method's dial; those beside the model are found.")
    ] = None,
    task: Annotated[
        list[str] | None, typer.Option(help="harm: a task of lm-evaluation-harness; may be given several times.")
    ] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="A setting, such as questions=60.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON and nothing else.")] = False,
) -> None:
    """Run a benchmark suite; a run that was stopped goes on in its folder.

    Example: counterpoint evaluate --suite history --data train.json --test test.json --histories 1,3 --out runs/h

    Example: counterpoint evaluate --suite harm --model lm:tiny --methods mixture,instruction --out runs/harm

    Example: counterpoint evaluate --suite bqd --data bqd --out runs/bqd
    """
    if suite in CHOICES:
        from counterpoint.cli.evaluate_choices import Asked, evaluate_choices

        told: dict[str, object] = {
            "model": model,
            "seeds": seeds,
            "methods": _listed(methods, str, "--methods", "names"),
        }
        told |= {"fit": {"finetune": True}} if finetune else {}
        asked = Asked(data, train, test, taxonomy)
        evaluate_choices(suite.value, asked, out, sets=set_ or (), flags=told, as_json=as_json)
        return
    if train is not None:
        raise BadInputError(f"--suite {suite} has no --train; --data is what it trains or measures on")
    if suite is not Suite.HISTORY:
        from counterpoint.cli.evaluate_dial import evaluate_dial
        from counterpoint.cli.evaluate_harm import Asking, evaluate_harm

        asking = Asking(model, data, test, taxonomy, tuple(material or ()), tuple(dial or ()))
        named = _listed(methods, str, "--methods", "names")
        if suite is Suite.DIAL:
            evaluate_dial(asking, out, sets=set_ or (), flags={"methods": named}, as_json=as_json)
            return
        numbers = _listed(strengths, float, "--strengths", "numbers, such as 0.5,1,2")
        flags: dict[str, object] = {"methods": named, "strengths": numbers, "tasks": task}
        evaluate_harm(asking, out, sets=set_ or (), flags=flags, as_json=as_json)
        return
    if data is None or test is None:
        raise BadInputError(f"--suite history needs {'--data' if data is None else '--test'}, a file of dilemmas")
    flags = {"people": people, "seeds": seeds, "histories": _listed(histories, int, "--histories", _WHOLE)}
    config = resolve(HistoryConfig, sets=set_ or (), flags=flags)
    _evaluate_history(config, data, test, out, taxonomy=taxonomy, model=model, finetune=finetune, as_json=as_json)


_WHOLE = "whole numbers, such as 1,3,5,10"


def _evaluate_history(
    config: HistoryConfig,
    data: str,
    test: str,
    out: Path,
    *,
    taxonomy: str | None,
    model: str,
    finetune: bool,
    as_json: bool,
) -> None:
    if model != "encoder":
        raise UnknownNameError("model", model, ("encoder",))
    train = load(data, taxonomy=taxonomy)
    asked = load(test, taxonomy=taxonomy or train.taxonomy)
    check_no_leak(train.dilemmas, asked.dilemmas)
    # what decides a part's numbers; more seeds may be added to a run
    told = asdict(replace(config, seeds=0, resamples=0))
    taxonomy_told = [asdict(pair) for pair in train.taxonomy]
    identity = content_hash(Suite.HISTORY.value, finetune, told, taxonomy_told, *map(_content, (train, asked)))
    folder = RunFolder(out, identity, to_toml(config))
    try:
        with progress_bar(quiet=as_json) as report:
            trainer = encoder_trainer(train, finetune)
            results = run_history(train, asked, trainer, config, folder=folder, report=report)
            results["config"] |= {"data": data, "test": test, "model": model, "finetune": finetune}
            folder.write_json("results.json", results)
            write_history_report(out)
            report(Stage("done", 1.0))
        folder.log("finished", results["seconds"])
    finally:
        folder.close()
    if as_json:
        typer.echo(json.dumps(results["summary"]))
    else:
        print_summary(results, Console())
        where = f"\nReport: {out / 'report.html'}   Numbers: {out / 'results.json'}"
        Console().print(where, soft_wrap=True, highlight=False)


def _content(data: DataSet) -> list[object]:
    """In the file's order, which decides what is drawn."""
    return [[d.id, d.value_pair, d.scenario, d.question, [[o.text, o.pole] for o in d.options]] for d in data.dilemmas]


def _listed(text: str | None, kind: Callable[[str], T], option: str, expected: str) -> list[T] | None:
    """The parts of a comma-separated list."""
    if text is None:
        return None
    try:
        return [kind(part.strip()) for part in text.split(",")]
    except ValueError:
        raise BadInputError(f"{option} {text!r}: expected {expected}") from None


def encoder_trainer(train: DataSet, finetune: bool) -> Trainer:
    """Trains encoder scorers for a suite."""
    from counterpoint.models.encoder import EncoderScorer
    from counterpoint.training.fit import fit
    from counterpoint.training.objective import OBJECTIVES
    from counterpoint.training.settings import FitConfig, Point

    untrained = EncoderScorer.untrained(train.taxonomy)

    def trainer(objective: str, dilemmas: Sequence[Dilemma], seed: int, within: Within) -> Scorer:
        def training(point: Point, total: int) -> None:
            within(f"training {objective} (loss {point.loss:.3f})", 0.8 * min(1.0, point.step / total))

        scorer, config = untrained.fresh(), FitConfig(finetune=finetune)
        fit(scorer, dilemmas, train.taxonomy, OBJECTIVES.get(objective), config=config, seed=seed, report=training)
        return scorer

    return trainer


def print_summary(results: Mapping[str, Any], console: Console) -> None:
    """Alignment of every method by the number of choices seen, and its gain over models of one pole."""
    config, rows = results["config"], results["summary"]
    found = {(r["metric"], r["method"], r["history"], r["noise"]): r for r in rows}
    histories = sorted({row["history"] for row in rows})
    first = config["noisy_history"] if config["noisy_history"] in histories else histories[0]
    table = Table(title="Alignment with people, by the number of their choices seen", title_justify="left")
    table.add_column("method")
    for history in histories:
        table.add_column(str(history), justify="right")
    table.add_column(f"gain after {first}", justify="right")
    for name in dict.fromkeys(row["method"] for row in rows):
        cells = [_estimate(found[METRIC, name, history, 0.0]) for history in histories]
        table.add_row(LABELS[name].label, *cells, _estimate(found.get((GAIN, name, first, 0.0))))
    console.print(table)
    console.print("  95% intervals over people and scenarios; gain over one pole in the prompt", style="dim")
    for noise in (noise for noise in config["noises"] if noise and (GAIN, PROPOSAL, first, noise) in found):
        gain = found[GAIN, PROPOSAL, first, noise]
        said = f"  choosing at random {noise:.0%} of the time: gain {_estimate(gain, ' to ')}".replace("\n", " ")
        console.print(said, highlight=False)
    for row in results["paired"]:
        if (row["history"], row["noise"]) == (first, 0.0) and row["b"] in (RIVAL, FLAT):
            console.print(f"  {row['verdict']} (corrected p = {row['p_holm']:.3g})", highlight=False)


def _estimate(row: Mapping[str, Any] | None, to: str = "-") -> str:
    """A share and, below it, its interval."""
    if row is None or row["mean"] is None:
        return "-"
    return f"{row['mean']:.2f}\n({row['ci_low']:.2f}{to}{row['ci_high']:.2f})"
