"""Behaviour Question Data, A/B form (Rimsky et al. 2023, arXiv 2312.06681; PFT, arXiv 2604.12479), for either side.

    acc_one  the answer put first is the one that shows the behaviour, or the one that doesn't, as asked for

One table over all behaviours, and one row a behaviour (both sides with equal say) with its own interval. The data may
be a folder with `train/` and `test/`, a folder of behaviours, or any data set of the taxonomy `bqd`. Folders that are
no behaviour (published beside them: TruthfulQA) are left out and named.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from counterpoint.data.loading import load
from counterpoint.data.split import scenario_key
from counterpoint.data.taxonomy import taxonomy as find_taxonomy
from counterpoint.errors import BadInputError
from counterpoint.evaluation.metrics import acc_one
from counterpoint.evaluation.suite import Tables
from counterpoint.evaluation.suite_counts import Counts, Score
from counterpoint.evaluation.suites.vcd import Vcd, blind
from counterpoint.evaluation.tables import Cell
from counterpoint.types import DataSet, Taxonomy

_log = logging.getLogger(__name__)


class Parts(NamedTuple):
    """What a folder holds; `train` is None where it has no such part."""

    train: DataSet | None
    test: DataSet


@dataclass(frozen=True)
class Bqd(Vcd):
    """Two-choice questions about behaviours; open questions are counted here and asked by `bqd_open`."""

    name: str = "bqd"

    def count(self, cells: Sequence[Cell]) -> Tables:
        """The tables of `vcd`, and `per_behaviour`."""
        tables = super().count(cells)
        everybody = [*cells, *blind(cells, self.train, self.samples)]
        pairs = dict.fromkeys(d.value_pair for d in self.samples)
        found = [row for pair in pairs for row in self._rows(everybody, pair)]
        more = {**tables.more, "per_behaviour": found, "open_questions": len(self.data.open_questions)}
        return replace(tables, more=more)

    def _rows(self, cells: Sequence[Cell], pair: str) -> list[dict[str, Any]]:
        """One row a method: Acc_one of one behaviour over both sides and all seeds."""
        units = {d.id: scenario_key(d) for d in self.samples}
        scores = [
            Score(cell.method, cell.seed, a.pole, units[a.dilemma], pair, "acc_one", acc_one(a))
            for cell in cells
            for a in cell.answers
            if a.value_pair == pair
        ]
        methods, seeds = (list(dict.fromkeys(getattr(c, key) for c in cells)) for key in ("method", "seed"))
        return [{"value_pair": pair, **row} for row in Counts(scores, methods, sorted(seeds)).summary(["acc_one"])]


def read_bqd(path: str | Path, *, taxonomy: str | Taxonomy = "bqd") -> Parts:
    """The data at a path, in parts where it has them.

    Raises:
        BadInputError: nothing there is a behaviour.
        BadDataError: rows are wrong.
    """
    known = find_taxonomy(taxonomy) if isinstance(taxonomy, str) else taxonomy
    folder = Path(path)
    if (folder / "test").is_dir():
        train = folder / "train"
        return Parts(_behaviours(train, known) if train.is_dir() else None, _behaviours(folder / "test", known))
    if folder.is_dir() and folder.name not in known.by_name and any(p.is_dir() for p in folder.iterdir()):
        return Parts(None, _behaviours(folder, known))
    return Parts(None, load(path, taxonomy=known))


def _behaviours(folder: Path, known: Taxonomy) -> DataSet:
    """The behaviours of a folder, one folder each; an id begins with its behaviour."""
    folders = sorted(p for p in folder.iterdir() if p.is_dir())
    for left_out in (p.name for p in folders if p.name not in known.by_name):
        _log.warning("%s: left out %s, which is no behaviour of %s", folder, left_out, known.name)
    read = [load(p, taxonomy=known) for p in folders if p.name in known.by_name]
    dilemmas = tuple(replace(d, id=f"{d.value_pair}/{d.id}") for data in read for d in data.dilemmas)
    if not dilemmas:
        raise BadInputError(
            f"{folder}: no A/B questions of any behaviour. Expected a folder each: {', '.join(known.by_name)}"
        )
    open_questions = tuple(replace(q, id=f"{q.value_pair}/{q.id}") for data in read for q in data.open_questions)
    return DataSet(folder.name, known, dilemmas, open_questions, read[0].licence)
