"""Two parts for suites that train or measure on dilemmas and ask others: as they are named, or a split of one file."""

from __future__ import annotations

from typing import NamedTuple

from counterpoint.cli.evaluate_options import Options
from counterpoint.data import check_no_leak, load, split
from counterpoint.errors import BadInputError
from counterpoint.types import DataSet, Taxonomy


class Parts(NamedTuple):
    """What is trained or measured on, and what is asked: no scenario is in both."""

    train: DataSet
    test: DataSet
    said: str
    """How they came about, for people and records."""


def two_parts(options: Options, *, seed: int, test_fraction: float, taxonomy: Taxonomy | None = None) -> Parts:
    """`--data` and `--test`; where there is no `--test`, `--data` split by scenario.

    Args:
        options: what was said.
        seed: of the split.
        test_fraction: of the scenarios, above 0 and below 1.
        taxonomy: of the data, where it is known before they are read.

    Raises:
        BadInputError: there are no data, a part is empty, or a scenario is in both.
    """
    if options.data is None:
        raise BadInputError(f"--suite {options.suite} needs --data, a file of dilemmas, a folder or 'crossroads'")
    data = load(options.data, taxonomy=taxonomy or options.taxonomy)
    if options.test is not None:
        test = load(options.test, taxonomy=taxonomy or options.taxonomy or data.taxonomy)
        check_no_leak(data.dilemmas, test.dilemmas)
        return Parts(data, test, f"{options.data} is trained on ({len(data)}), {options.test} asked ({len(test)})")
    return split_in_two(data, options.data, seed=seed, test_fraction=test_fraction)


def split_in_two(data: DataSet, name: str, *, seed: int, test_fraction: float) -> Parts:
    """One data set by scenario, value pair by value pair.

    Raises:
        BadInputError: the fraction is no share, or a part is empty.
    """
    if not 0 < test_fraction < 1:
        raise BadInputError(f"test_fraction must be above 0 and below 1 (got {test_fraction})")
    parts = split(data, (1 - test_fraction, 0.0, test_fraction), seed)
    if not len(parts.train) or not len(parts.test):
        raise BadInputError(f"{name}: {len(data)} dilemmas are too few to split; give --test, others to ask")
    said = f"{name} split by scenario with seed {seed}: trained on {len(parts.train)}, asked {len(parts.test)}"
    return Parts(parts.train, parts.test, said)


def content(data: DataSet) -> list[object]:
    """All that is read of a data set, in the file's order, which decides what is drawn."""
    return [[d.id, d.value_pair, d.scenario, d.question, [[o.text, o.pole] for o in d.options]] for d in data.dilemmas]
