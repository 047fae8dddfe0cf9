"""`compare`: train every method with every seed, ask all of them the same dilemmas, and say honestly what differs.

A run is a folder (see docs/data.md). Each finished (method, seed) is kept as a part, so that a run that was stopped
goes on where it was; the same command with other settings or data is refused rather than mixed in.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from counterpoint import __version__
from counterpoint.config import to_toml
from counterpoint.data.loading import load
from counterpoint.data.order import shuffle_options
from counterpoint.data.split import check_no_leak, scenario_key, split
from counterpoint.errors import BadInputError
from counterpoint.evaluation import rules
from counterpoint.evaluation.answers import ask, ask_rule, order_effect
from counterpoint.evaluation.compare_config import ENCODER, CompareConfig, check
from counterpoint.evaluation.foresight import foresee, told
from counterpoint.evaluation.generated import ask_in_words
from counterpoint.evaluation.method_labels import label_methods
from counterpoint.evaluation.metrics import Answer
from counterpoint.evaluation.power import Plan
from counterpoint.evaluation.progress import Report, Stage
from counterpoint.evaluation.tables import Cell, Evaluation, rounded
from counterpoint.models.scorer import Scorer
from counterpoint.runlog import RunFolder
from counterpoint.training.learner import Learner
from counterpoint.training.settings import Point
from counterpoint.types import DataSet, Dilemma, Taxonomy, content_hash

SCHEMA = "counterpoint.results/1"
RULE, RULE_PUBLISHED = "rule", "rule_published_order"
RULES = (RULE, RULE_PUBLISHED)


class Parts(NamedTuple):
    """What one seed trains and tests on, options in that seed's order for training."""

    train: tuple[Dilemma, ...]
    test: tuple[Dilemma, ...]


def compare(
    config: CompareConfig,
    out: Path,
    *,
    keep_good: bool = False,
    pilot: Path | None = None,
    announce: Callable[[Plan], None] | None = None,
    report: Report | None = None,
) -> dict[str, Any]:
    """Run the comparison and write its folder; returns what `results.json` holds.

    `announce` is told before anything is trained what differences the comparison can show, by the spread that the run
    `pilot` had or an assumed one.

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
    tested = len({scenario_key(dilemma) for part in parts for dilemma in part.test})
    power = foresee(tested, len(config.methods) + len(RULES), pilot=pilot)
    if announce and power:
        announce(power)
    with run_folder(config, out, train, test) as folder:
        cells, curves = _run_cells(config, folder, train, parts, tell)
        tell(Stage("resampling for intervals and p-values", 0.97))
        everything = (*train.dilemmas, *(test.dilemmas if test else ()))
        results = _results(config, train, test, parts, cells, curves)
        results["power"] = told(power)
        results["seconds"] = {"total": round(time.perf_counter() - started, 1)}
        _write(folder, results, cells, everything)
        folder.log("finished", results["seconds"])
    tell(Stage("done", 1.0))
    return results


def learner_of(config: CompareConfig, taxonomy: Taxonomy, *, like: Learner | None = None) -> Learner:
    """What `config.model` names; a learner of the same model lends its weights, so that they are loaded once."""
    if config.model == ENCODER:
        from counterpoint.training.learners.encoder import EncoderLearner

        kin = like if isinstance(like, EncoderLearner) else None
        return EncoderLearner(taxonomy, config=config.encoder, settings=config.fit, like=kin)
    from counterpoint.training.learners.lm import LmLearner

    return LmLearner(config.model, config.lm, language=like.language if isinstance(like, LmLearner) else None)


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


def content(data: DataSet) -> list[object]:
    """What must be the same for finished parts to be taken over: ids, and all that is read or decides a split."""
    return [
        [d.id, d.value_pair, d.scenario, d.question, [[o.text, o.pole, o.explanation] for o in d.options]]
        for d in data.dilemmas
    ]


@contextmanager
def run_folder(config: CompareConfig, out: Path, train: DataSet, test: DataSet | None) -> Iterator[RunFolder]:
    """The run's folder, locked while it is written to."""
    decides = asdict(dataclasses.replace(config, save="none", data="", test=None, seeds=0, methods=()))
    taxonomy = [asdict(pair) for pair in train.taxonomy]
    identity = content_hash(decides, taxonomy, content(train), content(test) if test else None)
    folder = RunFolder(out, identity, to_toml(config))
    try:
        yield folder
    finally:
        folder.close()


def _run_cells(
    config: CompareConfig, folder: RunFolder, train: DataSet, parts: Sequence[Parts], tell: Report
) -> tuple[list[Cell], list[dict[str, Any]]]:
    """Every (method, seed), taken over from an earlier run where it is finished, and the rules that read nothing."""
    tell(Stage(f"loading {config.model}", 0.0))
    learner = learner_of(config, train.taxonomy)
    _prepare(learner, parts, tell)
    cells: list[Cell] = []
    curves: list[dict[str, Any]] = []
    jobs = [(method, seed) for seed in range(config.seeds) for method in config.methods]
    for number, (method, seed) in enumerate(jobs):

        def within(share: float, what: str, number: int = number, method: str = method, seed: int = seed) -> None:
            tell(Stage(f"{what} {method}, seed {seed}", 0.1 + 0.85 * (number + share) / len(jobs)))

        part = folder.part(f"{method}-seed{seed}")
        if part is None:
            part = _run_cell(config, folder, train, parts[seed], method, seed, learner, within)
        cells.append(cell_from(part))
        curves.append({"method": method, "seed": seed, "points": part["curve"]})
    for seed, (trained, tested) in enumerate(parts):
        cells += rule_cells(train, trained, tested, seed)
    order = {method: i for i, method in enumerate((*config.methods, *RULES))}
    cells.sort(key=lambda cell: (order[cell.method], cell.seed))
    return cells, [curve for curve in curves if curve["points"]]


def _prepare(learner: Learner, parts: Sequence[Parts], tell: Report) -> None:
    """What all methods share, first, with progress of its own."""
    trained = {d.id: d for part in parts for d in part.train}
    asked = [d for d in {d.id: d for part in parts for d in part.test}.values() if d.id not in trained]

    def progress(done: int, total: int) -> None:
        tell(Stage(f"reading text {done} of at most {total}", 0.1 * done / max(1, total)))

    learner.prepare(list(trained.values()), progress, asked=asked)


def _run_cell(
    config: CompareConfig,
    folder: RunFolder,
    train: DataSet,
    parts: Parts,
    method: str,
    seed: int,
    learner: Learner,
    within: Callable[[float, str], None],
) -> dict[str, Any]:
    """Train one method with one seed, ask it everything in two orders, keep the part."""
    started = time.perf_counter()
    name = f"{method}-seed{seed}"

    def training(point: Point, total: int) -> None:
        within(0.8 * point.step / total, f"training (loss {point.loss:.3f})")

    scorer, points, saves = learner.train(
        method, parts.train, train.taxonomy, seed=seed, folder=folder.path / "training" / name, report=training
    )
    within(0.8, "testing")
    answers = ask_as_set(config, scorer, parts.test, train.taxonomy, seed)
    again = ask_as_set(config, scorer, parts.test, train.taxonomy, seed + ANOTHER_ORDER)
    if saves and (config.save == "all" or (config.save == "first" and seed == 0)):
        scorer.save(folder.path / "scorers" / name)
    part = {
        "method": method,
        "seed": seed,
        "answers": [asdict(answer) for answer in answers],
        "changed": order_effect(answers, again),
        "curve": [{"step": p.step, "epoch": round(p.epoch, 4), "loss": round(p.loss, 6)} for p in points],
    }
    folder.save_part(name, part)
    seconds = round(time.perf_counter() - started, 1)
    folder.log("cell", {"method": method, "seed": seed, "steps": len(points), "seconds": seconds})
    return part


def ask_as_set(
    config: CompareConfig, scorer: Scorer, dilemmas: Sequence[Dilemma], taxonomy: Taxonomy, order_seed: int
) -> list[Answer]:
    """The scorer's answers, read as the configuration says."""
    if config.model != ENCODER and config.lm.reading == "generation":
        from counterpoint.models.lm_speaker import speaker_of

        speaker = speaker_of(scorer, config.lm.decoding)
        return ask_in_words(speaker, dilemmas, taxonomy, order_seed=order_seed)
    return ask(scorer, dilemmas, taxonomy, order_seed=order_seed)


ANOTHER_ORDER = 1_000_003
"""Added to a seed, draws the second order that the order effect is measured with."""


def cell_from(part: Mapping[str, Any]) -> Cell:
    return Cell(part["method"], part["seed"], tuple(map(answer_from, part["answers"])), tuple(part["changed"]))


def answer_from(record: Mapping[str, Any]) -> Answer:
    """A stored answer."""
    fields: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in record.items()}
    return Answer(**fields)


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
    from counterpoint.evaluation.reports.writing import report_run

    asked = {answer.dilemma for cell in cells for answer in cell.answers}
    lines = (
        {"method": cell.method, "seed": cell.seed, **asdict(answer)}
        for cell in cells
        if cell.method not in RULES
        for answer in cell.answers
    )
    folder.write_lines("predictions.jsonl", lines)
    folder.write_lines("dilemmas.jsonl", (asdict(dilemma) for dilemma in dilemmas if dilemma.id in asked))
    folder.write_json("results.json", results)
    report_run(folder.path)
