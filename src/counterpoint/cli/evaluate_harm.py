"""`counterpoint evaluate --suite harm`: from options to an engine, a run and its report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Console
from rich.table import Table

from counterpoint.cli.answer_setup import Where
from counterpoint.cli.compare import announcer
from counterpoint.cli.evaluate_options import Options, listed
from counterpoint.cli.progress import progress_bar
from counterpoint.cli.told import estimate, tell
from counterpoint.config import resolve, to_toml
from counterpoint.data import load
from counterpoint.data.taxonomy import taxonomy as find_taxonomy
from counterpoint.data.toy import NAME as TOY
from counterpoint.errors import BadInputError
from counterpoint.evaluation.progress import Stage
from counterpoint.runlog import RunFolder
from counterpoint.types import content_hash

if TYPE_CHECKING:
    from counterpoint.evaluation.harm.samples import Sample
    from counterpoint.evaluation.suites.harm import HarmConfig
    from counterpoint.steering.engine import Engine

TINY = "lm:tiny"


class Asking(NamedTuple):
    """Who is asked what, as the options say it."""

    model: str
    data: str | None
    test: str | None
    taxonomy: str | None
    materials: tuple[str, ...] = ()
    """METHOD=FOLDER each."""
    dials: tuple[Path, ...] = ()
    """Files; those beside the model where none is given."""


def run(options: Options) -> None:
    """Run the suite, write its numbers and report, print its table.

    Raises:
        BadInputError: an option can't work.
    """
    from counterpoint.evaluation.suites.harm import HarmConfig, check, run_harm

    flags: dict[str, object] = {
        "methods": listed(options.methods, str, "--methods", "names"),
        "strengths": listed(options.strengths, float, "--strengths", "numbers, such as 0.5,1,2"),
        "tasks": list(options.task) or None,
    }
    config = resolve(HarmConfig, sets=options.sets, flags=flags)
    check(config)
    asking, out = asking_of(options), options.out
    with progress_bar(quiet=options.as_json) as report:
        report(Stage(f"loading {asking.model}", 0.0))
        engine, toy = open_engine(asking)
        samples = _samples(asking, config, engine, toy=toy)
        folder = RunFolder(out, _identity(asking, config, engine), to_toml(config))
        try:
            results = run_harm(
                engine, samples, config, folder=folder, announce=announcer(quiet=options.as_json), report=report
            )
            results["config"] |= {"data": asking.data or "", "test": asking.test or "", "model": asking.model}
            folder.write_json("results.json", results)
            report(Stage("done", 1.0))
            folder.log("finished", results["seconds"])
        finally:
            folder.close()
    tell(results["summary"], partial(print_harm, results), as_json=options.as_json, Numbers=out / "results.json")


def asking_of(options: Options) -> Asking:
    """Who is asked what."""
    return Asking(options.model, options.data, options.test, options.taxonomy, options.material, options.dial)


def open_engine(asking: Asking) -> tuple[Engine, bool]:
    """The model with its methods' materials and dials, and whether it knows the toy world alone.

    Raises:
        BadInputError: it is no language model in process, or a material or dial doesn't fit.
    """
    from counterpoint.steering.engine import Engine

    if not asking.model.startswith("lm:"):
        raise BadInputError(f"--model {asking.model!r}: language models are steered; expected lm:...")
    toy = asking.model == TINY or _base(asking.model) == TINY
    pairs = find_taxonomy(asking.taxonomy or (TOY if toy else "vcd"))
    engine = Where(asking.model, None, asking.materials, asking.dials).open(pairs)
    assert isinstance(engine, Engine)
    return engine, toy


def _base(model: str) -> str:
    """The base that an adapter's folder names, if it is one."""
    try:
        record = json.loads((Path(model.removeprefix("lm:")) / "language_model.json").read_text(encoding="utf-8"))
        return str(record["base"])
    except (OSError, KeyError, TypeError, ValueError):
        return ""


def _samples(asking: Asking, config: HarmConfig, engine: Engine, *, toy: bool) -> tuple[Sample, ...]:
    from counterpoint.evaluation.harm.samples import english
    from counterpoint.evaluation.harm.toy import toy as toy_samples
    from counterpoint.evaluation.harm.truthfulqa import read_two_choice

    questions = _spread(read_two_choice(Path(asking.data)) if asking.data else (), config.two_choice)
    if toy:  # it knows few English words, and is asked about them only where they are given
        own = toy_samples(two_choice=0 if questions else config.two_choice, openly=0 if asking.test else config.open)
        rows = load(asking.test, taxonomy=engine.taxonomy).dilemmas if asking.test else ()
        given = english(engine.taxonomy, questions, _spread(rows, config.open))
        return (*own, *(sample for sample in given if sample.kind in ("two_choice", "open")))
    dilemmas = load(asking.test or "crossroads", taxonomy=engine.taxonomy).dilemmas
    return english(engine.taxonomy, questions, _spread(dilemmas, config.open))


def _spread(rows: Sequence[Any], most: int) -> list[Any]:
    """At most so many, evenly over the file."""
    if len(rows) <= most:
        return list(rows)
    return [rows[i * len(rows) // most] for i in range(most)]


def _identity(asking: Asking, config: HarmConfig, engine: Engine) -> str:
    """What decides an answer; methods and strengths may be added to a run."""
    from counterpoint.steering.calibration import identity_of
    from counterpoint.steering.dial import MethodDial

    told = asdict(replace(config, methods=("",), strengths=(1.0,), two_choice=0, open=0, batch=1, resamples=100))
    dials = {name: asdict(dial) for name, dial in sorted(engine.dials.items()) if isinstance(dial, MethodDial)}
    return content_hash("harm", identity_of(engine.language), told, sorted(asking.materials), dials)


def print_harm(results: Mapping[str, Any], console: Console) -> None:
    """Every metric by method and strength, and what differs from the base."""
    from counterpoint.evaluation.harm.counting import METRICS

    rows = results["summary"]
    found = {(r["metric"], r["method"], r["strength"]): r for r in rows}
    paired = {(r["metric"], r["a"], r["strength"]): r for r in results["paired"]}
    conditions = list(dict.fromkeys((r["method"], r["strength"]) for r in rows))
    metrics = list(dict.fromkeys(r["metric"] for r in rows))
    table = Table(title="What steering does to what it should leave alone", title_justify="left")
    table.add_column("")
    for metric in metrics:
        table.add_column(METRICS[metric].title if metric in METRICS else metric, justify="right", overflow="fold")
    for method, strength in conditions:
        cells = []
        for metric in metrics:
            p = paired.get((metric, method, strength), {}).get("p_holm")
            mark = " *" if p is not None and p < 0.05 else ""
            cells.append(estimate(found.get((metric, method, strength)), digits=3, mark=mark))
        table.add_row(f"{method} {strength:g}" if strength else method, *cells)
    console.print(table)
    console.print("  95% intervals over questions; * differs from the base (corrected p < 0.05)", style="dim")
