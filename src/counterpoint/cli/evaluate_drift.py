"""`counterpoint evaluate --suite drift`: from options to people who change, user models and their table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from counterpoint.cli.compare import announcer
from counterpoint.cli.evaluate_data import Parts, content, two_parts
from counterpoint.cli.evaluate_history import encoder_trainer
from counterpoint.cli.evaluate_options import Options, listed
from counterpoint.cli.progress import progress_bar
from counterpoint.cli.told import tell
from counterpoint.config import resolve, to_toml
from counterpoint.errors import UnknownNameError
from counterpoint.evaluation.drift.counting import ALIGNMENT, DELAY, FALSE, NOTICED, TURN
from counterpoint.evaluation.progress import Stage
from counterpoint.evaluation.suites.drift import DriftConfig, Trainer, Within, check_drift, foresee_drift, run_drift
from counterpoint.models.scorer import Scorer
from counterpoint.runlog import RunFolder
from counterpoint.types import content_hash

COLUMNS = 6
"""Moments that are printed; `results.json` has all."""


def run(options: Options) -> None:
    """Run the suite, write its folder, print its tables.

    Raises:
        BadInputError: an option or the data can't work.
        UnknownNameError: there is no such model or user model.
    """
    flags = {
        "people": options.people,
        "seeds": options.seeds,
        "methods": listed(options.methods, str, "--methods", "names"),
    }
    config = resolve(DriftConfig, sets=options.sets, flags=flags)
    check_drift(config)
    if power := foresee_drift(config):
        announcer(quiet=options.as_json)(power)
    parts = two_parts(options, seed=config.split_seed, test_fraction=config.test_fraction)
    # what decides how people are followed; more seeds, methods and conditions may be added to a run
    told = asdict(replace(config, seeds=1, resamples=100, methods=("drifting",), changes=("flip",), noises=(0.0,)))
    taxonomy_told = [asdict(pair) for pair in parts.train.taxonomy]
    scorer = (options.model, bool(options.finetune))
    identity = content_hash("drift", scorer, told, taxonomy_told, content(parts.train), content(parts.test))
    folder = RunFolder(options.out, identity, to_toml(config))
    try:
        with progress_bar(quiet=options.as_json) as report:
            results = run_drift(parts.train, parts.test, _trainer(options, parts), config, folder=folder, report=report)
            said = {"data": options.data, "test": options.test, "model": options.model}
            results["config"] |= {**said, "finetune": bool(options.finetune)}
            results["data"]["parts"] = parts.said
            folder.write_json("results.json", results)
            report(Stage("done", 1.0))
        folder.log("finished", results["seconds"])
    finally:
        folder.close()
    tell(
        results["summary"], partial(print_drift, results), as_json=options.as_json, Numbers=options.out / "results.json"
    )


def _trainer(options: Options, parts: Parts) -> Trainer:
    """An encoder trained by PFT, a new one each seed; a language model or a saved scorer as it is."""
    if options.model == "encoder":
        train = encoder_trainer(parts.train, bool(options.finetune))
        return lambda seed, within: train("pft", parts.train.dilemmas, seed, within)
    folder = Path(options.model)
    if not options.model.startswith("lm:") and not (folder / "scorer.json").is_file():
        raise UnknownNameError("model", options.model, ("encoder", "lm:<hub id, folder, tiny>", "a folder"))
    loaded: list[Scorer] = []

    def make(_: int, within: Within) -> Scorer:
        if not loaded:
            within(f"loading {options.model}", 0.0)
            loaded.append(_load(options.model))
        return loaded[0]

    return make


def _load(model: str) -> Scorer:
    if model.startswith("lm:"):
        from counterpoint.models.language_model import LanguageModel
        from counterpoint.models.lm_scorer import LmScorer

        return LmScorer(LanguageModel.load(model))
    from counterpoint.models.saved import load_scorer

    return load_scorer(Path(model))


def print_drift(results: Mapping[str, Any], console: Console) -> None:
    """For every condition alignment by choices since the change, when models turn round, and what they say of it."""
    rows = results["summary"]
    conditions = list(dict.fromkeys((row["change"], row["noise"]) for row in rows))
    for change, noise in conditions:
        own = [row for row in rows if (row["change"], row["noise"]) == (change, noise)]
        moments = _few(sorted({row["since"] for row in own if "since" in row}))
        found = {(row["method"], row["metric"], row.get("since")): row for row in own}
        table = Table(title=f"{change}, {noise:.0%} at random: alignment by choices since", title_justify="left")
        table.add_column("method")
        for moment in moments:
            table.add_column(f"{moment:+d}" if moment else "0", justify="right")
        for label in ("turns after", "noticed", "false alarms"):
            table.add_column(label, justify="right")
        for method in dict.fromkeys(row["method"] for row in own):
            cells = [_two(found.get((method, ALIGNMENT, moment))) for moment in moments]
            turn, delay = found.get((method, TURN, None)), found.get((method, DELAY, None))
            seen = found.get((method, NOTICED, None))
            noticed = _two(seen) + (f"\nafter {delay['mean']:g}" if delay and delay["n"] else "")
            table.add_row(method, *cells, _number(turn), noticed, _two(found.get((method, FALSE, None))))
        console.print(table)
    console.print(f"  {results['data']['parts']}", style="dim", highlight=False)
    for row in results["paired"]:
        said = f"{row['change']}, {row['noise']:.0%} at random: {row['verdict']} (corrected p = {row['p_holm']:.3g})"
        console.print(f"  alignment after, {said}", highlight=False)


def _few(moments: list[int]) -> list[int]:
    """At most `COLUMNS` of them, evenly, the first and the last among them: as many as a terminal is wide."""
    if len(moments) <= COLUMNS:
        return moments
    return [moments[round(i * (len(moments) - 1) / (COLUMNS - 1))] for i in range(COLUMNS)]


def _two(row: Mapping[str, Any] | None) -> str:
    return "-" if row is None or row["mean"] is None else f"{row['mean']:.2f}"


def _number(row: Mapping[str, Any] | None) -> str:
    """A median with its interval."""
    if row is None or row["mean"] is None:
        return "-"
    return f"{row['mean']:g}\n({row['ci_low']:g}-{row['ci_high']:g})"
