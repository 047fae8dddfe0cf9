"""`counterpoint evaluate --suite dial`: measure what methods' strengths do, save a dial each, check it elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from counterpoint import __version__
from counterpoint.cli.evaluate_data import two_parts
from counterpoint.cli.evaluate_harm import asking_of, open_engine
from counterpoint.cli.evaluate_options import Options, listed
from counterpoint.cli.progress import progress_bar
from counterpoint.cli.told import tell
from counterpoint.config import resolve, to_toml
from counterpoint.evaluation.progress import Report, Stage
from counterpoint.runlog import RunFolder
from counterpoint.types import DataSet, content_hash

CHECKED = (-2.0, -1.0, 1.0, 2.0)
"""Strengths at which a dial is checked."""


@dataclass(frozen=True)
class DialConfig:
    """The suite's settings; see `steering/calibration.py`."""

    methods: tuple[str, ...] = ("instruction", "mixture")
    """Ways of steering to be calibrated."""
    reach: float = 2.5
    """Log-odds up to which dials are to reach."""
    points: int = 4
    """Strengths measured on either side."""
    draws: int = 4
    """Answers to each dilemma at each strength."""
    seed: int = 0
    """Of the answers' random numbers."""
    split_seed: int = 0
    """Of the split by scenario where one set of dilemmas is given to measure on and to check on."""
    test_fraction: float = 0.5
    """Share of its scenarios that is checked on."""


def run(options: Options) -> None:
    """Calibrate every method on `--data`, check it on `--test`, write `dial-METHOD.json` into the run's folder.

    Without `--test` half of the data, by scenario, is checked on.

    Raises:
        BadInputError: an option can't work.
    """
    named = listed(options.methods, str, "--methods", "names")
    config = resolve(DialConfig, sets=options.sets, flags={"methods": named})
    asking, out, began = asking_of(options), options.out, time.perf_counter()
    with progress_bar(quiet=options.as_json) as report:
        report(Stage(f"loading {asking.model}", 0.0))
        engine, _ = open_engine(asking)
        engine.dials.clear()  # those beside the model, which are to be made anew
        parts = two_parts(options, seed=config.split_seed, test_fraction=config.test_fraction, taxonomy=engine.taxonomy)
        rows = (parts.train, parts.test)
        told = asdict(replace(config, methods=("",)))
        identity = content_hash("dial", asking.model, told, sorted(asking.materials), *(data.digest for data in rows))
        folder = RunFolder(out, identity, to_toml(config))
        try:
            summary = _measure(engine, config, rows[0], rows[1], folder, report)
            data = {"name": rows[0].name, "train": len(rows[0]), "test": len(rows[1]), "sha256": rows[1].digest}
            data["parts"] = parts.said
            said = {"model": asking.model, "data": asking.data, "test": asking.test}
            results = {
                "schema": "counterpoint.results/1",
                "version": __version__,
                "command": "evaluate",
                "suite": "dial",
                "config": {**asdict(config), **said},
                "data": data,
                "summary": summary,
                "seconds": {"total": round(time.perf_counter() - began, 1)},
            }
            folder.write_json("results.json", results)
            report(Stage("done", 1.0))
        finally:
            folder.close()
    tell(summary, partial(print_dial, summary, out), as_json=options.as_json, Numbers=out / "results.json")


def print_dial(summary: Sequence[Mapping[str, Any]], out: Path, console: Console) -> None:
    """What was asked of each method in unseen dilemmas, what it did, and where its dial lies."""
    table = Table(
        "method", "asked for", "shifted", title="Log-odds of the pole in unseen dilemmas", title_justify="left"
    )
    for row in summary:
        shifted = f"{row['mean']:+.2f} ({row['ci_low']:+.2f} to {row['ci_high']:+.2f})"
        table.add_row(row["method"], f"{row['strength']:+g}", shifted)
    console.print(table)
    console.print(f"Dials: {out}/dial-*.json. Beside a model's folder they are found.", soft_wrap=True, highlight=False)


def _measure(
    engine: Any, config: DialConfig, data: DataSet, test: DataSet, folder: RunFolder, report: Report
) -> list[dict[str, Any]]:
    from counterpoint.steering.calibration import Calibration, calibrate, checked, identity_of

    settings = Calibration(reach=config.reach, points=config.points, draws=config.draws, seed=config.seed)
    model = identity_of(engine.language)
    summary: list[dict[str, Any]] = []
    for number, method in enumerate(config.methods):
        kept = folder.part(f"checked-{method}")
        if kept is None:

            def tell(text: str, share: float, number: int = number) -> None:
                report(Stage(text, (number + 0.7 * share) / len(config.methods)))

            dial = calibrate(engine, method, data.dilemmas, model=model, settings=settings, tell=tell)
            dial.save(folder.path / f"dial-{method}.json")
            engine.dials[method] = dial
            found = checked(engine, method, test.dilemmas, CHECKED, settings=replace(settings, seed=config.seed + 1))
            del engine.dials[method]
            kept = [
                {
                    "method": method,
                    "strength": strength,
                    "metric": "log_odds_shift",
                    "mean": round(shift.mean, 6),
                    "ci_low": round(shift.low, 6),
                    "ci_high": round(shift.high, 6),
                }
                for strength, shift in found.items()
            ]
            folder.save_part(f"checked-{method}", kept)
        summary += kept
    return summary
