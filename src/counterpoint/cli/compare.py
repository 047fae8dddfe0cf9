"""`counterpoint compare`: train and compare methods, with a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from counterpoint.cli.progress import progress_bar
from counterpoint.cli.told import tell
from counterpoint.config import resolve
from counterpoint.evaluation.power import Plan

SHOWN = (
    ("acc_one", "Acc_one", "share of dilemmas where the option chosen is on the side asked for"),
    ("acc_all", "Acc_all", "how well the whole set of options on that side is found; any wrong one counts 0"),
    ("ece", "ECE", "how far its confidence is off; lower is better"),
)


def compare(
    data: Annotated[str | None, typer.Option(help="A file, a folder or 'crossroads'; trained on.")] = None,
    test: Annotated[str | None, typer.Option(help="Test dilemmas; without it every seed splits the data anew.")] = None,
    taxonomy: Annotated[str | None, typer.Option(help="vcd, bqd, preference or a TOML file.")] = None,
    model: Annotated[
        str | None, typer.Option(help="The scorer: encoder, or lm: and a hub id, a folder or tiny.")
    ] = None,
    finetune: Annotated[
        bool | None,
        typer.Option(
            "--finetune/--frozen",
            help="Train a larger encoder's upper layers too: 2 s a dilemma, method and seed on a core.",
        ),
    ] = None,
    methods: Annotated[str | None, typer.Option(help="Comma-separated; all where not given.")] = None,
    seeds: Annotated[int | None, typer.Option(help="How many seeds.")] = None,
    out: Annotated[Path, typer.Option(help="The run's folder. A run that was stopped goes on in it.")] = Path(
        "runs/compare"
    ),
    config: Annotated[Path | None, typer.Option(help="TOML with the same settings.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="A setting, such as fit.epochs=3.")] = None,
    pilot: Annotated[
        Path | None, typer.Option(help="An earlier run's folder: what can be shown is foretold from its spread.")
    ] = None,
    keep_good: Annotated[bool, typer.Option("--keep-good", help="Leave bad records out instead of stopping.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print results.json's summary and nothing else.")] = False,
) -> None:
    """Train every method with every seed, ask all of them the same unseen dilemmas, and report what differs.

    Example: counterpoint compare --data train.json --test test.json --methods pft,sft_mixed,base --seeds 5 --out
    runs/vcd
    """
    from counterpoint.evaluation.compare import compare as run
    from counterpoint.evaluation.compare_config import CompareConfig, presets

    flags: dict[str, Any] = {"data": data, "test": test, "taxonomy": taxonomy, "model": model, "seeds": seeds}
    if methods is not None:
        flags["methods"] = [name.strip() for name in methods.split(",") if name.strip()]
    if finetune is not None:
        flags["fit"] = {"finetune": finetune}
    settings = resolve(CompareConfig, file=config, sets=set_ or (), flags=flags, presets=presets)
    with progress_bar(quiet=as_json) as report:
        results = run(settings, out, keep_good=keep_good, pilot=pilot, announce=announcer(quiet=as_json), report=report)
    summary = {key: results[key] for key in ("data", "summary", "paired", "seconds")}
    where = {"Report": out / "report.html", "Numbers": out / "results.json"}
    tell(summary, partial(print_results, results), as_json=as_json, **where)


def announcer(*, quiet: bool) -> Callable[[Plan], None]:
    """Says on standard error, before a run starts, what it can show."""

    def announce(plan: Plan) -> None:
        if not quiet:
            Console(stderr=True).print(plan.sentence, highlight=False, soft_wrap=True)

    return announce


def print_results(results: Mapping[str, Any], console: Console) -> None:
    """The main table with its words explained, and what the tests say of PFT."""
    from counterpoint.evaluation.method_labels import label_methods

    rows = {(row["method"], row["metric"]): row for row in results["summary"]}
    labels = label_methods(list(dict.fromkeys(row["method"] for row in results["summary"])))
    table = Table(title=f"{results['data']['name']}: {results['data']['test']} unseen dilemmas", title_justify="left")
    table.add_column("method")
    for _, name, _ in SHOWN:
        table.add_column(f"{name} (95% interval)", justify="right")
    for method, label in labels.items():
        table.add_row(label.label, *(estimate(rows.get((method, metric))) for metric, _, _ in SHOWN))
    table.add_row("chance", f"{results['rules']['chance']:.3f}", "", "")
    console.print(table)
    for _, name, meaning in SHOWN:
        console.print(f"  {name}: {meaning}", highlight=False, style="dim")
    for row in results["paired"]:
        if "pft" in (row["a"], row["b"]) and row["metric"] == "acc_one" and row["p_holm"] is not None:
            console.print(f"  {row['verdict']} (Acc_one, corrected p = {row['p_holm']:.3g})", highlight=False)


def estimate(row: Mapping[str, Any] | None) -> str:
    """A mean with its interval, or a dash where it is undefined."""
    if row is None or row["mean"] is None:
        return "-"
    if row["ci_low"] is None:
        return f"{row['mean']:.3f}"
    return f"{row['mean']:.3f} ({row['ci_low']:.3f} to {row['ci_high']:.3f})"
