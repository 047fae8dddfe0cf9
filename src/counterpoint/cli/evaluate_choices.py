"""`counterpoint evaluate --suite vcd|bqd|prefeval|conflict`: options to choose from, for either side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from counterpoint.cli.compare import announcer
from counterpoint.cli.evaluate_data import split_in_two
from counterpoint.cli.evaluate_options import Options, listed
from counterpoint.cli.progress import progress_bar
from counterpoint.cli.told import estimate, tell
from counterpoint.config import resolve, to_toml
from counterpoint.data import check_no_leak, load
from counterpoint.data.split import scenario_key
from counterpoint.errors import BadInputError
from counterpoint.evaluation.compare_config import ENCODER
from counterpoint.evaluation.foresight import foresee
from counterpoint.evaluation.method_labels import label_methods
from counterpoint.evaluation.suite import Suite
from counterpoint.evaluation.suite_models import SuiteConfig, contenders, identity, presets
from counterpoint.evaluation.suite_run import run_suite
from counterpoint.evaluation.suites.bqd import Bqd, Parts, read_bqd
from counterpoint.evaluation.suites.conflict import Conflict
from counterpoint.evaluation.suites.prefeval import read_prefeval
from counterpoint.evaluation.suites.vcd import Vcd, blind
from counterpoint.evaluation.tables import Cell
from counterpoint.runlog import RunFolder
from counterpoint.types import DataSet, content_hash

TRAINED_ON = "crossroads"
"""What the encoder is trained on where nothing is said; where that is what is asked, it is split by scenario."""
SPLIT_SEED = 0
"""Of that split."""
TEST_FRACTION = 0.2
"""Share of the scenarios that is then asked."""
SHOWN: Mapping[str, tuple[str, ...]] = {
    "vcd": ("acc_one", "acc_all", "order_effect", "ece"),
    "bqd": ("acc_one", "order_effect", "ece"),
    "prefeval": ("accuracy_explicit", "accuracy_choice", "accuracy_persona", "order_effect"),
    "conflict": ("paired_accuracy", "insensitivity", "swapped"),
}
"""Metrics that are printed."""


class Material(NamedTuple):
    """A suite with its data, and what contenders are trained on."""

    suite: Suite
    train: DataSet | None
    trained_on: str


def run(options: Options) -> None:
    """Run the suite, write its folder, print its table.

    Raises:
        BadInputError: an option or the data can't work.
    """
    flags: dict[str, object] = {
        "model": options.model,
        "seeds": options.seeds,
        "methods": listed(options.methods, str, "--methods", "names"),
    }
    flags |= {"fit": {"finetune": options.finetune}} if options.finetune is not None else {}
    config = resolve(SuiteConfig, sets=options.sets, flags=flags, presets=presets)
    with progress_bar(quiet=options.as_json) as report:
        material = read_material(options, config)
        people = contenders(config, material.train, options.out)
        told = content_hash(options.suite, material.suite.digest, identity(config, material.train))
        folder = RunFolder(options.out, told, to_toml(config))
        try:
            asked = {name: getattr(options, name) for name in ("data", "train", "test", "taxonomy")}
            said = {**asdict(config), **asked, "trained_on": material.trained_on}
            size = len(material.train) if material.train else 0
            power = foresee(len({scenario_key(d) for d in material.suite.samples}), len(people) + _blind(material))
            if power:
                announcer(quiet=options.as_json)(power)
            results = run_suite(
                material.suite,
                people,
                seeds=config.seeds,
                folder=folder,
                config=said,
                trained_on=size,
                power=power,
                report=report,
            )
        finally:
            folder.close()
    tell(
        results["summary"],
        partial(print_choices, results),
        as_json=options.as_json,
        Numbers=options.out / "results.json",
    )


def read_material(asked: Options, config: SuiteConfig) -> Material:
    """The suite's data and what to train on: what is said, else the data's `train/`, else for the encoder Crossroads.

    Raises:
        BadInputError: data are missing or wrong, or a scenario is both trained on and asked.
    """
    name = asked.suite
    if asked.data is None and asked.test is None:
        raise BadInputError(f"--suite {name} needs --data, what is asked")
    if asked.test is not None and asked.data is not None and asked.train is not None:
        raise BadInputError("give --data with --train, or --train with --test: three at once say what is asked twice")
    what = asked.test or str(asked.data)
    train_name = asked.train or (asked.data if asked.test else None)
    suite, own = read_suite(name, what, asked.taxonomy)
    saved = config.model != ENCODER and not config.model.startswith("lm:")
    if saved and train_name:
        raise BadInputError(f"{config.model}: a saved scorer is asked as it is; leave out --train")
    trained_on = "" if saved else train_name or (f"{what}/train" if own else "")
    train = None if saved else own if train_name is None else _training(name, train_name, asked.taxonomy)
    if train is None and config.model == ENCODER and config.methods != ("base",):
        if what == TRAINED_ON and isinstance(suite, Vcd | Conflict):
            parts = split_in_two(suite.data, what, seed=SPLIT_SEED, test_fraction=TEST_FRACTION)
            suite, train, trained_on = replace(suite, data=parts.test), parts.train, parts.said
        else:
            train, trained_on = load(TRAINED_ON), TRAINED_ON
    if train is not None and isinstance(suite, Vcd | Conflict):
        check_no_leak(train.dilemmas, suite.samples)
        suite = replace(suite, train=train)
    return Material(suite, train, trained_on)


def read_suite(name: str, what: str, taxonomy: str | None) -> tuple[Suite, DataSet | None]:
    """The suite over the data, and the training part that lies beside them."""
    if name == "prefeval":
        return read_prefeval(what), None
    if name == "bqd":
        parts = read_bqd(what, taxonomy=taxonomy or "bqd")
        return Bqd(parts.test), parts.train
    parts = dilemma_parts(what, taxonomy)
    return (Vcd if name == "vcd" else Conflict)(parts.test), parts.train


def dilemma_parts(what: str, taxonomy: str | None) -> Parts:
    """Dilemmas of any format; a folder with train/ and test/ is both."""
    folder = Path(what)
    if not (folder / "test").is_dir():
        return Parts(None, load(what, taxonomy=taxonomy))
    train = load(folder / "train", taxonomy=taxonomy) if (folder / "train").is_dir() else None
    return Parts(train, load(folder / "test", taxonomy=taxonomy or (train.taxonomy if train else None)))


def _training(name: str, path: str, taxonomy: str | None) -> DataSet:
    """For `bqd` behaviours, if the path holds such; else any dilemmas."""
    folder = Path(path)
    if name == "bqd" and folder.is_dir() and any(p.is_dir() for p in folder.iterdir()):
        parts = read_bqd(path, taxonomy=taxonomy or "bqd")
        return parts.train or parts.test
    return load(path, taxonomy=taxonomy if name != "bqd" else None)


def _blind(material: Material) -> int:
    """How many rules that read nothing stand beside the models."""
    if not isinstance(material.suite, Vcd | Conflict):
        return 0
    return len(blind([Cell("", 0, (), ())], material.train, material.suite.samples))


def print_choices(results: Mapping[str, Any], console: Console) -> None:
    """Methods by metrics with intervals, behaviours beside them where there are, chance, verdicts and failures."""
    rows = {(row["method"], row["metric"]): row for row in results["summary"]}
    metrics = [m for m in SHOWN[results["suite"]] if any(metric == m for _, metric in rows)]
    labels = {name: label.label for name, label in label_methods([m for m, _ in rows]).items()}
    table = Table(title=f"Suite {results['suite']}", title_justify="left")
    table.add_column("method")
    for metric in metrics:
        table.add_column(metric, justify="right", overflow="fold")
    for method in dict.fromkeys(m for m, _ in rows):
        table.add_row(labels[method], *(estimate(rows.get((method, metric)), digits=3) for metric in metrics))
    console.print(table)
    if "per_behaviour" in results:
        console.print(_behaviours(results["per_behaviour"], labels))
    console.print(f"  chance: {_chance(results['chance'])}; 95% intervals over scenarios", style="dim", highlight=False)
    if "rules" in results:
        rules = ", ".join(f"{name} option {value:.2f}" for name, value in results["rules"].items())
        console.print(f"  rules that read nothing: {rules}", style="dim", highlight=False)
    first = next(iter(labels))
    for row in (row for row in results["paired"] if row["metric"] in metrics and first in (row["a"], row["b"])):
        p = "" if row["p_holm"] is None else f" (corrected p = {row['p_holm']:.3g})"
        console.print(f"  {row['metric']}: {row['verdict']}{p}", highlight=False)
    if results["failures"]:
        failure = results["failures"][0]
        console.print(
            f"  {len(results['failures'])} samples failed and are in no mean; the first: "
            f"{failure['method']}, {failure['sample']}: {failure['error']}",
            highlight=False,
        )
    console.print(f"  trained on: {results['config']['trained_on'] or 'nothing'}", style="dim", highlight=False)


def _behaviours(rows: Sequence[Mapping[str, Any]], labels: Mapping[str, str]) -> Table:
    """Acc_one of every behaviour by method, both sides with equal say."""
    found = {(row["value_pair"], row["method"]): row for row in rows}
    table = Table("behaviour", *(labels[m] for m in dict.fromkeys(row["method"] for row in rows)))
    for pair in dict.fromkeys(row["value_pair"] for row in rows):
        table.add_row(pair, *(estimate(row, digits=3) for (behaviour, _), row in found.items() if behaviour == pair))
    return table


def _chance(chance: float | Mapping[str, float | None]) -> str:
    """One number, or the mean of a number a pole; the measures of `conflict` apart."""
    if isinstance(chance, float):
        return f"{chance:.2f}"
    if "insensitivity" in chance:
        return ", ".join(f"{name} {value:.2f}" for name, value in chance.items() if value is not None)
    known = [value for value in chance.values() if value is not None]
    return f"{sum(known) / len(known):.2f}" if known else "-"
