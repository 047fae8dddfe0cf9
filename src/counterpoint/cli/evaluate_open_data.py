"""What the suites of open questions ask, and what judge and contenders learn from: no scenario has two uses."""

from __future__ import annotations

from typing import NamedTuple

from counterpoint.cli.evaluate_choices import dilemma_parts
from counterpoint.cli.evaluate_data import split_in_two
from counterpoint.cli.evaluate_options import Options
from counterpoint.data import check_no_leak, load, split
from counterpoint.errors import BadInputError
from counterpoint.evaluation.compare_config import ENCODER, LM
from counterpoint.evaluation.suites.bqd import read_bqd
from counterpoint.evaluation.suites.open_ended import OpenConfig
from counterpoint.training.learner import BASE
from counterpoint.types import DataSet, Dilemma

VCD, BQD = "vcd_open", "bqd_open"


class Material(NamedTuple):
    """Dilemmas by what they are for."""

    asked: DataSet
    labelled: DataSet | None
    """What a pole judge is trained and measured on."""
    train: DataSet | None
    """What contenders are trained on."""
    said: str
    proved_on: tuple[Dilemma, ...] = ()
    """What the judge is proved on, where what is asked has no options."""


class _Questions(NamedTuple):
    asked: DataSet
    own: DataSet | None
    """The training part that lies beside."""
    proved_on: tuple[Dilemma, ...] = ()


def read_material(options: Options, config: OpenConfig) -> Material:
    """What is asked, and labels: of `--train`, of the data's `train/`, or of a part of the data split by scenario.

    Where both a judge and contenders learn from labels, each gets half of the scenarios.

    Raises:
        BadInputError: data are missing or wrong, a scenario has two uses, or the model can't write what is asked for.
    """
    if options.data is None and options.test is None:
        raise BadInputError(f"--suite {options.suite} needs --data, what is asked")
    what = options.test or str(options.data)
    asked, source, proved_on = _behaviours(options, config, what) if options.suite == BQD else _dilemmas(options, what)
    judged = ENCODER in (config.judge.who, *config.also)
    trains = _trains(config, options, source)
    name = f"{what}/train"
    if options.train or (options.test and options.data):
        name = options.train or str(options.data)
        source = _labels(name, options, asked)
    if not (judged or trains):
        said = f"asked {min(len(asked), config.questions)}, no labels needed"
        return Material(asked, None, None, said, proved_on)
    if source is None:
        if options.suite == BQD:
            raise BadInputError(
                f"{what}: a judge and models learn from A/B questions, and there is no train/ beside; give them with "
                "--train, or ask lm:... or URL#MODEL as they are, with --judge lm:... or URL#MODEL"
            )
        both = split_in_two(asked, what, seed=config.split_seed, test_fraction=config.test_fraction)
        source, asked, name = both.train, both.test, f"{what} split by scenario with seed {config.split_seed}"
    check_no_leak(source.dilemmas, (*asked.dilemmas, *proved_on))
    labelled, train = source if judged else None, source if trains else None
    if judged and trains:
        halves = split(source, (0.5, 0.0, 0.5), config.split_seed)
        labelled, train = halves.train, halves.test
    shown = min(len(asked), config.questions)
    sizes = f"asked {shown}, judge {len(labelled or ())}, trained on {len(train or ())}"
    return Material(asked, labelled, train, f"labels from {name}: {sizes}", proved_on)


def _dilemmas(options: Options, what: str) -> _Questions:
    parts = dilemma_parts(what, options.taxonomy)
    return _Questions(parts.test, parts.train)


def _behaviours(options: Options, config: OpenConfig, what: str) -> _Questions:
    """Open questions as dilemmas without options; the A/B questions beside them are what a judge is proved on."""
    if config.model == ENCODER:
        raise BadInputError(
            "--suite bqd_open takes a model that writes: --model lm:... or URL#MODEL. The encoder picks options, and "
            "these questions have none; --suite bqd asks it the A/B questions"
        )
    if config.shown == "options":
        raise BadInputError("shown is 'options': the questions of --suite bqd_open have none to show")
    parts = read_bqd(what, taxonomy=options.taxonomy or "bqd")
    asked = tuple(Dilemma(q.id, q.value_pair, q.prompt, (), source=q.source) for q in parts.test.open_questions)
    if not asked or not parts.test.dilemmas:
        raise BadInputError(
            f"{what}: {len(asked)} open and {len(parts.test)} A/B questions; both are needed, because a judge is "
            "proved on A/B questions of the same behaviours"
        )
    return _Questions(parts.test.subset(asked), parts.train, parts.test.dilemmas)


def _labels(name: str, options: Options, asked: DataSet) -> DataSet:
    if options.suite != BQD:
        return load(name, taxonomy=options.taxonomy or asked.taxonomy)
    parts = read_bqd(name, taxonomy=asked.taxonomy)
    return parts.train or parts.test


def _trains(config: OpenConfig, options: Options, own: DataSet | None) -> bool:
    """Whether a contender is trained here."""
    if config.methods:
        return set(config.methods) != {BASE}
    given = bool(options.train or own or (options.test and options.data))
    return config.model == ENCODER or (config.model.startswith(LM) and given)
