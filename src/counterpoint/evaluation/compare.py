"""`compare`: train every method with every seed, ask all of them the same dilemmas, and say honestly what differs.

A run is a folder (see docs/data.md). Each finished (method, seed) is kept as a part, so that a run that was stopped
goes on where it was; the same command with other settings or data is refused rather than mixed in.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from counterpoint import __version__
from counterpoint.config import to_toml
from counterpoint.data.loading import load
from counterpoint.data.order import shuffle_options
from counterpoint.data.split import check_no_leak, scenario_key, split
from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.evaluation import rules
from counterpoint.evaluation.answers import ask, ask_rule, order_effect
from counterpoint.evaluation.method_labels import label_methods
from counterpoint.evaluation.metrics import Answer
from counterpoint.evaluation.progress import Report, Stage
from counterpoint.evaluation.tables import Cell, Evaluation, rounded
from counterpoint.models.encoder import EncoderConfig, EncoderScorer
from counterpoint.runlog import RunFolder
from counterpoint.training.fit import fit
from counterpoint.training.objective import OBJECTIVES
from counterpoint.training.settings import FitConfig, Point
from counterpoint.types import DataSet, Dilemma, content_hash

SCHEMA = "counterpoint.results/1"
BASE = "base"
RULE, RULE_PUBLISHED = "rule", "rule_published_order"
METHODS = ("pft", "sft_positive", "sft_negative", "sft_mixed", "dpo_positive", "dpo_negative", "dpo_mixed", BASE)


@dataclass(frozen=True)
class CompareConfig:
    """Everything that decides a comparison's numbers."""

    data: str = "crossroads"
    """A file, a folder, or the name of a built-in data set; trained on, and tested on where `test` is not given."""
    test: str | None = None
    """Where the test dilemmas are; without it each seed splits `data` anew."""
    taxonomy: str | None = None
    """Built-in name or TOML file; the data's own where not given."""
    model: str = "encoder"
    """The scorer."""
    methods: tuple[str, ...] = METHODS
    """`base` and objectives."""
    seeds: int = 5
    """Seeds 0 to seeds - 1: of the split, the options' order and the training."""
    test_fraction: float = 0.2
    """Share of the scenarios that each split tests on."""
    save: Literal["first", "all", "none"] = "first"
    """Which seeds' trained scorers are kept in the run's folder."""
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    fit: FitConfig = field(default_factory=FitConfig)


class Parts(NamedTuple):
    """What one seed trains and tests on, options in that seed's order for training."""

    train: tuple[Dilemma, ...]
    test: tuple[Dilemma, ...]


def compare(
    config: CompareConfig, out: Path, *, keep_good: bool = False, report: Report | None = None
) -> dict[str, Any]:
    """Run the comparison and write its folder; returns what `results.json` holds.

    Raises:
        BadInputError: settings or data are wrong, or `out` holds another run.
        UnknownNameError: there is no such method or model.
    """
    started = time.perf_counter()
    tell = report or (lambda _: None)
    check(config)
    tell(Stage("reading the data", 0.0))
    train = load(config.data, taxonomy=config.taxonomy, keep_good=keep_good)
    test = load(config.test, taxonomy=config.taxonomy or train.taxonomy, keep_good=keep_good) if config.test else None
    parts = [parts_of(train, test, config, seed) for seed in range(config.seeds)]
    with run_folder(config, out, train, test) as folder:
        cells, curves = _run_cells(config, folder, train, parts, tell)
        tell(Stage("resampling for intervals and p-values", 0.97))
        everything = (*train.dilemmas, *(test.dilemmas if test else ()))
        results = _results(config, train, test, parts, cells, curves)
        results["seconds"] = {"total": round(time.perf_counter() - started, 1)}
        _write(folder, results, cells, everything)
        folder.log("finished", results["seconds"])
    tell(Stage("done", 1.0))
    return results


def check(config: CompareConfig) -> None:
    """Refuse settings that can't work, before anything long begins."""
    for method in config.methods:
        if method != BASE and method not in OBJECTIVES.names():
            raise UnknownNameError("method", method, (BASE, *OBJECTIVES.names()))
    if len(set(config.methods)) != len(config.methods) or not config.methods:
        raise BadInputError(
            f"methods must be given once each, at least one (got {', '.join(config.methods) or 'none'})"
        )
    if config.model != EncoderScorer.name:
        raise UnknownNameError("model", config.model, (EncoderScorer.name,))
    if config.seeds < 1:
        raise BadInputError(f"seeds must be at least 1 (got {config.seeds})")
    if not 0 < config.test_fraction < 1:
        raise BadInputError(f"test_fraction must lie between 0 and 1 (got {config.test_fraction})")
    _check_fit(config.fit)


def _check_fit(fit: FitConfig) -> None:
    least = {
        "members": 1,
        "epochs": 1,
        "batch_size": 1,
        "head_iterations": 1,
        "calibration_folds": 0,
        "weight_decay": 0,
    }
    above_0 = dict.fromkeys(("head_precision", "learning_rate", "head_learning_rate", "clip"), 0)
    for name, bound in {**least, **above_0}.items():
        value = getattr(fit, name)
        if not (math.isfinite(value) and (value > bound if name in above_0 else value >= bound)):
            raise BadInputError(
                f"fit.{name} must be {'above' if name in above_0 else 'at least'} {bound} (got {value})"
            )
    if fit.calibration_folds == 1:
        raise BadInputError(
            "fit.calibration_folds must be 0 (none) or at least 2 (got 1): one fold leaves no training data"
        )


def parts_of(train: DataSet, test: DataSet | None, config: CompareConfig, seed: int) -> Parts:
    """Train and test dilemmas of one seed; no scenario is in both."""
    if test is None:
        splits = split(train, (1 - config.test_fraction, 0.0, config.test_fraction), seed)
        trained, tested = splits.train.dilemmas, splits.test.dilemmas
    else:
        trained, tested = train.dilemmas, test.dilemmas
        check_no_leak(trained, tested)
    if not trained or not tested:
        raise BadInputError(
            f"{len(trained)} dilemmas to train and {len(tested)} to test on; expected at least 1 of each"
        )
    return Parts(tuple(shuffle_options(dilemma, seed) for dilemma in trained), tested)


def _identity(data: DataSet) -> list[object]:
    """What must be the same for finished parts to be taken over: ids, and all that is read or decides a split."""
    return [[d.id, d.value_pair, d.scenario, [[o.text, o.pole] for o in d.options]] for d in data.dilemmas]


@contextmanager
def run_folder(config: CompareConfig, out: Path, train: DataSet, test: DataSet | None) -> Iterator[RunFolder]:
    """The run's folder, locked while it is written to."""
    told = asdict(dataclasses.replace(config, save="none", data="", test=None, seeds=0, methods=()))
    taxonomy = [asdict(pair) for pair in train.taxonomy]
    identity = content_hash(told, taxonomy, _identity(train), _identity(test) if test else None)
    folder = RunFolder(out, identity, to_toml(config))
    try:
        yield folder
    finally:
        folder.close()


def _run_cells(
    config: CompareConfig, folder: RunFolder, train: DataSet, parts: Sequence[Parts], tell: Report
) -> tuple[list[Cell], list[dict[str, Any]]]:
    """Every (method, seed), taken over from an earlier run where it is finished, and the rules that read nothing."""
    untrained = EncoderScorer.untrained(train.taxonomy, config=config.encoder)
    _embed(untrained, parts, tell)
    cells: list[Cell] = []
    curves: list[dict[str, Any]] = []
    jobs = [(method, seed) for seed in range(config.seeds) for method in config.methods]
    for number, (method, seed) in enumerate(jobs):

        def within(share: float, what: str, number: int = number, method: str = method, seed: int = seed) -> None:
            tell(Stage(f"{what} {method}, seed {seed}", 0.1 + 0.85 * (number + share) / len(jobs)))

        part = folder.part(f"{method}-seed{seed}")
        if part is None:
            part = _run_cell(config, folder, train, parts[seed], method, seed, untrained.fresh(), within)
        cells.append(_cell_from(part))
        curves.append({"method": method, "seed": seed, "points": part["curve"]})
    for seed, (trained, tested) in enumerate(parts):
        cells += rule_cells(train, trained, tested, seed)
    order = {method: i for i, method in enumerate((*config.methods, RULE, RULE_PUBLISHED))}
    cells.sort(key=lambda cell: (order[cell.method], cell.seed))
    return cells, [curve for curve in curves if curve["points"]]


def _embed(scorer: EncoderScorer, parts: Sequence[Parts], tell: Report) -> None:
    """Fill the cache of features first, with progress of its own."""
    dilemmas = list({d.id: d for part in parts for d in (*part.train, *part.test)}.values())
    total = sum(len(dilemma.options) for dilemma in dilemmas)
    done = 0

    def count(texts: int) -> None:
        nonlocal done
        done += texts
        tell(Stage(f"reading option {done} of at most {total}", 0.1 * done / total))

    scorer.embed(dilemmas, progress=count)


def _run_cell(
    config: CompareConfig,
    folder: RunFolder,
    train: DataSet,
    parts: Parts,
    method: str,
    seed: int,
    scorer: EncoderScorer,
    within: Callable[[float, str], None],
) -> dict[str, Any]:
    """Train one method with one seed, ask it everything in two orders, keep the part."""
    started = time.perf_counter()
    points: list[Point] = []
    if method != BASE:

        def training(point: Point, total: int) -> None:
            within(0.8 * point.step / total, f"training (loss {point.loss:.3f})")

        points = fit(
            scorer, parts.train, train.taxonomy, OBJECTIVES.get(method), config=config.fit, seed=seed, report=training
        )
    within(0.9, "testing")
    answers = ask(scorer, parts.test, train.taxonomy, order_seed=seed)
    again = ask(scorer, parts.test, train.taxonomy, order_seed=seed + ANOTHER_ORDER)
    if method != BASE and (config.save == "all" or (config.save == "first" and seed == 0)):
        scorer.save(folder.path / "scorers" / f"{method}-seed{seed}")
    part = {
        "method": method,
        "seed": seed,
        "answers": [asdict(answer) for answer in answers],
        "changed": order_effect(answers, again),
        "curve": [{"step": p.step, "epoch": round(p.epoch, 4), "loss": round(p.loss, 6)} for p in points],
    }
    folder.save_part(f"{method}-seed{seed}", part)
    seconds = round(time.perf_counter() - started, 1)
    folder.log("cell", {"method": method, "seed": seed, "steps": len(points), "seconds": seconds})
    return part


ANOTHER_ORDER = 1_000_003
"""Added to a seed, draws the second order that the order effect is measured with."""


def _cell_from(part: Mapping[str, Any]) -> Cell:
    answers = tuple(
        Answer(**{**a, "gold": tuple(a["gold"]), "log_probs": tuple(a["log_probs"]), "selected": tuple(a["selected"])})
        for a in part["answers"]
    )
    return Cell(part["method"], part["seed"], answers, tuple(part["changed"]))


def rule_cells(train: DataSet, trained: Sequence[Dilemma], tested: Sequence[Dilemma], seed: int) -> list[Cell]:
    """The best rule that reads nothing, on the shuffled order and on the file's; each chosen on training dilemmas."""
    by_id = {dilemma.id: dilemma for dilemma in train.dilemmas}
    shuffled = ask_rule(rules.best_rules(trained, train.taxonomy), tested, train.taxonomy, order_seed=seed)
    published_rules = rules.best_rules([by_id[dilemma.id] for dilemma in trained], train.taxonomy)
    published = ask_rule(published_rules, tested, train.taxonomy, order_seed=None)
    again = ask_rule(rules.best_rules(trained, train.taxonomy), tested, train.taxonomy, order_seed=seed + ANOTHER_ORDER)
    changed = tuple(order_effect(shuffled, again))
    return [
        Cell(RULE, seed, tuple(shuffled), changed),
        Cell(RULE_PUBLISHED, seed, tuple(published), (0.0,) * len(published)),
    ]


def _results(
    config: CompareConfig,
    train: DataSet,
    test: DataSet | None,
    parts: Sequence[Parts],
    cells: Sequence[Cell],
    curves: list[dict[str, Any]],
) -> dict[str, Any]:
    """The content of `results.json` but for the times."""
    tested = {dilemma.id: dilemma for part in parts for dilemma in part.test}
    evaluation = Evaluation(cells, train.taxonomy, {id_: scenario_key(d) for id_, d in tested.items()})
    labels = {name: label.label for name, label in label_methods(evaluation.methods).items()}
    chances = {pole: rules.chance(list(tested.values()), pole) for pole in evaluation.poles}
    known = [value for value in chances.values() if value is not None]
    return {
        "schema": SCHEMA,
        "command": "compare",
        "version": __version__,
        "config": asdict(config),
        "data": {
            "name": train.name,
            "train": len(parts[0].train),
            "test": len(parts[0].test),
            "sha256": content_hash(train.digest, test.digest) if test else train.digest,
        },
        "rows": evaluation.rows(),
        "summary": evaluation.summary(),
        "per_pole": evaluation.per_pole(),
        "paired": evaluation.paired(labels),
        "rules": {
            "chance": rounded(sum(known) / len(known)),
            "chance_by_pole": {pole: rounded(value) for pole, value in chances.items()},
            "best": rules.best_rules(parts[0].train, train.taxonomy),
        },
        "curves": curves,
        "calibration": evaluation.calibration(),
    }


def _write(folder: RunFolder, results: dict[str, Any], cells: Sequence[Cell], dilemmas: Sequence[Dilemma]) -> None:
    from counterpoint.evaluation.report import write_report

    asked = {answer.dilemma for cell in cells for answer in cell.answers}
    lines = (
        {"method": cell.method, "seed": cell.seed, **asdict(answer)}
        for cell in cells
        if cell.method not in (RULE, RULE_PUBLISHED)
        for answer in cell.answers
    )
    folder.write_lines("predictions.jsonl", lines)
    folder.write_lines("dilemmas.jsonl", (asdict(dilemma) for dilemma in dilemmas if dilemma.id in asked))
    folder.write_json("results.json", results)
    write_report(folder.path)
