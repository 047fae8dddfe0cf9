"""`counterpoint reproduce pft | aloe`: a whole paper as one run that can be stopped and goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from counterpoint.cli.compare import estimate
from counterpoint.cli.progress import progress_bar
from counterpoint.cli.told import tell
from counterpoint.config import resolve
from counterpoint.errors import BadInputError
from counterpoint.evaluation.reproduce.cells import Forecast

app = typer.Typer(
    help="Reproduce a paper: its whole table as one resumable run, with intervals, ablations and other families.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

NONE = "none"


@app.command()
def pft(
    out: Annotated[Path, typer.Option(help="The run's folder. A run that was stopped goes on in it.")],
    model: Annotated[str | None, typer.Option(help="encoder, or lm: and a hub id, a folder or tiny.")] = None,
    data: Annotated[
        str | None, typer.Option(help="Dilemmas: a file, a folder, crossroads (default) or toy (for lm:tiny).")
    ] = None,
    held_out: Annotated[
        str | None,
        typer.Option(help="Another family, such as BQD; without it every value pair is left out in turn."),
    ] = None,
    taxonomy: Annotated[str | None, typer.Option(help="vcd, bqd, preference or a TOML file.")] = None,
    methods: Annotated[str | None, typer.Option(help="Comma-separated; all where not given.")] = None,
    seeds: Annotated[int | None, typer.Option(help="How many seeds: 5, or 3 for language models.")] = None,
    histories: Annotated[str | None, typer.Option(help="Numbers of choices seen, or 'none'.")] = None,
    ablations: Annotated[
        str | None, typer.Option(help="Factors varied one at a time, comma-separated, or 'none'; all where not given.")
    ] = None,
    finetune: Annotated[bool | None, typer.Option("--finetune/--frozen", help="Train the encoder too.")] = None,
    open_: Annotated[
        str | None,
        typer.Option("--open", help="Folder of a vcd_open run with this model: its score stands beside the paper's."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="One seed, one setting a factor, histories of 1 and 3, 24 people.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what would be done, how long it takes and what it can show; do nothing."),
    ] = False,
    config: Annotated[Path | None, typer.Option(help="TOML with the same settings.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="A setting, such as history.people=60.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the tables as JSON and nothing else.")] = False,
) -> None:
    """Preference-Paired Fine-Tuning (arXiv 2604.12479): methods, ablations, another family, people's histories.

    Example: counterpoint reproduce pft --model encoder --out runs/pft

    Example: counterpoint reproduce pft --model lm:tiny --quick --out runs/pft-tiny
    """
    from counterpoint.evaluation.reproduce.pft import reproduce_pft
    from counterpoint.evaluation.reproduce.pft_config import PARTS, QUICK, PftConfig, presets

    flags: dict[str, Any] = {"model": model, "data": data, "held_out": held_out, "taxonomy": taxonomy, "seeds": seeds}
    flags |= {"methods": _listed(methods), "open_answers": open_}
    parts = set(PARTS)
    if ablations == NONE:
        parts.discard("ablations")
    else:
        flags["ablations"] = _listed(ablations)
    if histories == NONE:
        parts.discard("history")
    elif histories is not None:
        flags["history"] = {"histories": _whole(histories)}
    if parts != set(PARTS):
        flags["parts"] = [part for part in PARTS if part in parts]
    if finetune is not None:
        flags["fit"] = {"finetune": finetune}

    def defaults(said: Mapping[str, Any]) -> dict[str, Any]:
        return {**presets(said), **(QUICK if quick else {})}

    settings = resolve(PftConfig, file=config, sets=set_ or (), flags=flags, presets=defaults)
    announce = _Announcer(dry_run=dry_run, as_json=as_json)
    with progress_bar(quiet=as_json or dry_run) as report:
        results = reproduce_pft(settings, out, dry_run=dry_run, announce=announce, report=report)
    if results is None:
        announce.as_json()
        return
    keys = ("data", "summary", "paired", "paper", "power", "seconds")
    summary = {key: results[key] for key in keys}
    tell(summary, partial(print_pft, results), as_json=as_json, **_files(out))


@app.command()
def aloe(
    out: Annotated[Path, typer.Option(help="The run's folder. A run that was stopped goes on in it.")],
    model: Annotated[str | None, typer.Option(help="lm: and a hub id, a folder or tiny.")] = None,
    data: Annotated[
        str | None, typer.Option(help="Conversations of 'counterpoint author conversations', or toy (default).")
    ] = None,
    people: Annotated[
        str | None, typer.Option(help="Held-out people: personas, or a folder of descriptions. The toy has its own.")
    ] = None,
    chats: Annotated[str | None, typer.Option(help="General chat data, mixed into SFT.")] = None,
    seeds: Annotated[int | None, typer.Option(help="How many seeds of training.")] = None,
    turns: Annotated[int | None, typer.Option(help="Of a talk; 10 as in the paper.")] = None,
    cases: Annotated[int | None, typer.Option(help="How many people talk.")] = None,
    ablations: Annotated[
        str | None, typer.Option(help="stage, turns, training_size, ratio; or 'none'. All where not given.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="One seed, one setting a factor, 400 conversations, 40 cases.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; do nothing.")] = False,
    config: Annotated[Path | None, typer.Option(help="TOML with the same settings.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A setting, such as asking.judge.who=URL#MODEL.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the tables as JSON and nothing else.")] = False,
) -> None:
    """ALOE (arXiv 2410.03642): alignment by turn of the base, after SFT, and after SFT and DPO, with ablations.

    Example: counterpoint reproduce aloe --model lm:tiny --quick --out runs/aloe
    """
    from counterpoint.cli.reproduce_aloe import asking
    from counterpoint.evaluation.reproduce.aloe import reproduce_aloe
    from counterpoint.evaluation.reproduce.aloe_config import QUICK, AloePaperConfig, presets

    flags: dict[str, Any] = {"model": model, "data": data, "people": people, "chats": chats, "seeds": seeds}
    flags["ablations"] = [] if ablations == NONE else _listed(ablations)
    flags["asking"] = {name: value for name, value in (("turns", turns), ("cases", cases)) if value is not None} or None

    def defaults(said: Mapping[str, Any]) -> dict[str, Any]:
        return {**presets(said), **(QUICK if quick else {})}

    settings = resolve(AloePaperConfig, file=config, sets=set_ or (), flags=flags, presets=defaults)
    announce = _Announcer(dry_run=dry_run, as_json=as_json)
    with progress_bar(quiet=as_json or dry_run) as report:
        results = reproduce_aloe(
            settings, out, None if dry_run else partial(asking, settings), announce=announce, report=report
        )
    if results is None:
        announce.as_json()
        return
    keys = ("data", "summary", "paired", "relative", "paper", "power", "seconds")
    summary = {key: results[key] for key in keys}
    shown = {**results, "config": {**results["config"], "turns": settings.asking.turns}}
    tell(summary, partial(_print_aloe, shown), as_json=as_json, **_files(out))


class _Announcer:
    """Says what will be done: on standard error before a run, on standard output for a dry run."""

    def __init__(self, *, dry_run: bool, as_json: bool) -> None:
        self.dry_run, self.quiet = dry_run, as_json
        self.said: Forecast | None = None

    def __call__(self, forecast: Forecast) -> None:
        self.said = forecast
        if not self.quiet:
            for sentence in forecast.sentences:
                Console(stderr=not self.dry_run).print(sentence, highlight=False, soft_wrap=True)

    def as_json(self) -> None:
        """A dry run for programs."""
        if self.quiet and self.said is not None:
            told = self.said
            found = {"cells": dict(told.cells), "at_most": told.at_most, "seconds": told.seconds}
            typer.echo(json.dumps({**found, "power": told.power._asdict()}))


def _files(out: Path) -> dict[str, Path]:
    return {"Report": out / "report.html", "Numbers": out / "results.json"}


def _print_aloe(results: Mapping[str, Any], console: Console) -> None:
    from counterpoint.cli.evaluate_aloe import print_aloe

    print_aloe(results, console)
    print_paper(results["paper"]["figures"], console)


def print_pft(results: Mapping[str, Any], console: Console) -> None:
    """The main table, the paper's figures beside ours, and what the tests say of PFT."""
    from counterpoint.evaluation.method_labels import label_methods

    rows = {(row["method"], row["metric"]): row for row in results["summary"]}
    other = {row["method"]: row for row in (results["held_out"] or {}).get("summary", []) if row["metric"] == "acc_one"}
    table = Table(title=f"PFT on {results['data']['name']}, test parts", title_justify="left")
    for name in ("method", "Acc_one (95% interval)", "Acc_all", *(["another family, Acc_one"] if other else [])):
        table.add_column(name, justify="left" if name == "method" else "right")
    for method, label in label_methods(dict.fromkeys(method for method, _ in rows)).items():
        cells = [estimate(rows[method, metric]) for metric in ("acc_one", "acc_all")]
        table.add_row(label.label, *cells, *([estimate(other.get(method))] if other else []))
    console.print(table)
    print_paper(results["paper"]["figures"], console)
    for row in results["paired"]:
        if row["metric"] == "acc_one" and row["p_holm"] is not None:
            console.print(f"  {row['verdict']} (Acc_one, corrected p = {row['p_holm']:.3g})", highlight=False)


def print_paper(figures: list[Mapping[str, Any]], console: Console) -> None:
    """The paper's figures beside ours."""
    table = Table("what", title="The paper beside this run", title_justify="left")
    for name in ("paper", "ours (95% interval)"):
        table.add_column(name, justify="right")
    for row in figures:
        plain = row["unit"] in ("of 10", "number")
        mean, low, high, paper = (
            None if row[key] is None else f"{row[key]:.3g}" if plain else f"{100 * row[key]:.4g}%"
            for key in ("ours", "ci_low", "ci_high", "paper")
        )
        inside = f" ({low} to {high})" if low is not None else ""
        table.add_row(row["what"], paper or "-", f"{mean}{inside}" if mean is not None else "not measured")
    console.print(table)


def _listed(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def _whole(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise BadInputError(f"--histories {text!r}: expected whole numbers, such as 1,3,5,10, or none") from None
