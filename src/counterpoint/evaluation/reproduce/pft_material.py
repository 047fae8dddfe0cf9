"""What `reproduce pft` trains on and asks: divisions by scenario with named seeds, and dilemmas from elsewhere."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from counterpoint.data.loading import load
from counterpoint.data.order import shuffle_options
from counterpoint.data.split import check_no_leak, scenario_key, split
from counterpoint.data.taxonomy import taxonomy as find_taxonomy
from counterpoint.errors import BadInputError
from counterpoint.evaluation.history.visits import usable_dilemmas
from counterpoint.evaluation.reproduce.pft_config import PftConfig
from counterpoint.evaluation.suites.bqd import read_bqd
from counterpoint.types import DataSet, Dilemma, Taxonomy

FRACTIONS = (0.8, 0.1, 0.1)
"""Training, validation (settings are chosen on it) and test (asked once by each method)."""

LEAST_ASKED = 5
"""Dilemmas of a value pair that somebody is asked about after the longest history, at least."""


class Fold(NamedTuple):
    """One seed's parts, which share no scenario; training options in that seed's order."""

    seed: int
    train: tuple[Dilemma, ...]
    validation: tuple[Dilemma, ...]
    test: tuple[Dilemma, ...]


class LeftOut(NamedTuple):
    """A value pair that nothing is trained on, in one seed."""

    seed: int
    value_pair: str
    taxonomy: Taxonomy
    """Of what is trained on."""
    train: tuple[Dilemma, ...]
    asked: tuple[Dilemma, ...]


class Lives(NamedTuple):
    """The history experiment's own division."""

    train: DataSet
    test: DataSet
    share: float
    """Of the scenarios that people choose in and are asked about."""


@dataclass(frozen=True)
class Material:
    """Everything that is read."""

    data: DataSet
    folds: tuple[Fold, ...]
    held_out: DataSet | None = None
    left_out: tuple[LeftOut, ...] = ()
    lives: Lives | None = None

    @property
    def tested(self) -> int:
        """Different scenarios that are tested in some seed."""
        return len({scenario_key(d) for fold in self.folds for d in fold.test})


def read_material(config: PftConfig) -> Material:
    """Load and divide.

    Raises:
        BadInputError: data are missing or wrong, too few, or asked and trained on at once.
    """
    data = load(config.data, taxonomy=config.taxonomy)
    folds = tuple(_fold(data, seed, config.split_seed) for seed in range(config.seeds))
    held_out: DataSet | None = None
    left_out: tuple[LeftOut, ...] = ()
    if "held_out" in config.parts and config.held_out is not None:
        held_out = _another_family(config.held_out)
        check_no_leak(data.dilemmas, held_out.dilemmas)
    elif "held_out" in config.parts and len(data.taxonomy) > 1:
        left_out = tuple(
            found for fold in folds for pair in data.taxonomy if (found := _left_out(data, fold, pair.name))
        )
    lives = _lives(data, max(config.history.histories), config.split_seed) if "history" in config.parts else None
    return Material(data, folds, held_out, left_out, lives)


def _fold(data: DataSet, seed: int, split_seed: int) -> Fold:
    parts = [part.dilemmas for part in split(data, FRACTIONS, seed=split_seed + seed)]
    if not all(parts):
        sizes = ", ".join(str(len(part)) for part in parts)
        raise BadInputError(
            f"{len(data)} dilemmas are too few: training, validation and test get {sizes}; expected at least 1 each"
        )
    train, validation, test = parts
    return Fold(seed, tuple(shuffle_options(d, seed) for d in train), validation, test)


def _another_family(path: str) -> DataSet:
    """Behaviours as published, else any dilemmas; the test part of a folder that has one, called as the folder is."""
    folder = Path(path)
    behaviours = find_taxonomy("bqd")
    if folder.is_dir() and any(p.is_dir() and p.name in behaviours.by_name for p in folder.rglob("*")):
        return replace(read_bqd(path, taxonomy=behaviours).test, name=folder.resolve().name)
    if (folder / "test").is_dir():
        return replace(load(folder / "test"), name=folder.resolve().name)
    return load(path)


def _left_out(data: DataSet, fold: Fold, pair: str) -> LeftOut | None:
    """Trained on the fold's other pairs, asked every dilemma about this one; None where the data have none."""
    asked = tuple(d for d in data.dilemmas if d.value_pair == pair)
    known = {scenario_key(d) for d in asked}
    train = tuple(d for d in fold.train if d.value_pair != pair and scenario_key(d) not in known)
    others = Taxonomy(data.taxonomy.name, tuple(p for p in data.taxonomy if p.name != pair))
    return LeftOut(fold.seed, pair, others, train, asked) if asked and train else None


def _lives(data: DataSet, longest: int, seed: int) -> Lives:
    """The smallest share, from a fifth to a half, that gives everybody a history and something to be asked."""
    needed = longest + LEAST_ASKED
    for twentieths in range(4, 11):
        share = twentieths / 20
        parts = split(data, (1 - share, 0.0, share), seed=seed)
        both = [
            d for d in parts.test.dilemmas if all(d.gold(p.name) for p in data.taxonomy.by_name[d.value_pair].poles)
        ]
        counts = Counter(d.value_pair for d in both)
        if min((counts[d.value_pair] for d in parts.test.dilemmas), default=0) >= needed:
            break
    usable_dilemmas(parts.test, data.taxonomy, least=longest + 1)
    return Lives(parts.train, parts.test, share)
