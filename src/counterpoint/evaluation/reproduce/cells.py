"""A run as a list of cells. A cell is one training with its evaluation, known by the hash of all that decides it.

Each is stored when it is done, so that a run that was killed goes on after the last one, and gives the same results: a
part says nothing of when, where or in which order it was made.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from counterpoint.evaluation.power import Plan
from counterpoint.evaluation.progress import Report, Stage
from counterpoint.runlog import Parts
from counterpoint.types import content_hash

Within = Callable[[str, float], None]
"""Told what is being done, and which share of the cell is done."""


@dataclass(frozen=True)
class Cell:
    """One piece of work."""

    kind: str
    """What sort of training and evaluation."""
    label: str
    """What it is in words, such as `pft, seed 0`."""
    key: str
    """Hash of what decides its numbers; `part` is named after it."""
    seconds: float
    """Roughly how long it takes; what counts is the proportion between cells."""

    @property
    def part(self) -> str:
        """Its name in the run's folder."""
        return f"{self.kind}-{self.key[:20]}"


def cell_of(kind: str, label: str, decides: Sequence[object], seconds: float) -> Cell:
    """A cell, hashed."""
    return Cell(kind, label, content_hash(kind, *decides), seconds)


class Job(NamedTuple):
    """A cell and how it is done; what `do` returns is stored as JSON."""

    cell: Cell
    do: Callable[[Within], Any]


@dataclass(frozen=True)
class Forecast:
    """What is told before a run starts."""

    cells: Mapping[str, int]
    """How many, by kind."""
    at_most: int
    """More that depend on what the validation part says."""
    seconds: float | None
    """Roughly, from nothing done; None where nothing is known of the model's speed."""
    power: Plan

    @property
    def sentences(self) -> tuple[str, ...]:
        """In words."""
        number = sum(self.cells.values())
        kinds = ", ".join(f"{n} {kind}" for kind, n in self.cells.items())
        more = f", and up to {self.at_most} that depend on the validation part" if self.at_most else ""
        took = "How long is not known for this model; the first cells will tell."
        if self.seconds is not None:
            took = f"About {duration(self.seconds)} on one core of a laptop."
        return f"{number} cells ({kinds}){more}.", took, self.power.sentence


class Clock:
    """How far a run is and how long the rest takes, from what its cells took until now."""

    def __init__(self, report: Report, total: float, *, known: bool = True) -> None:
        self.report, self.total, self._known = report, max(total, 1e-9), known
        self.done = self._worked = self._took = 0.0
        """Seconds foreseen for cells that are done, for those done here, and taken by these. Where nothing is known of
        the model's speed, foreseen seconds are proportions, and nothing is told before the first cell is done."""

    def tell(self, label: str, seconds: float, what: str, share: float) -> None:
        """Where the run is within a cell."""
        ahead = self.total - self.done - seconds * share
        text = f"{label}: {what}" if what else label
        if self._worked or self._known:
            pace = self._took / self._worked if self._worked else 1.0
            text += f" (about {duration(ahead * pace)} to go)"
        self.report(Stage(text, 0.97 * (1 - ahead / self.total)))

    def finished(self, seconds: float, took: float | None) -> None:
        """A cell is done; `took` is None where an earlier run had done it."""
        self.done += seconds
        if took is not None:
            self._worked, self._took = self._worked + seconds, self._took + took


def run_jobs(jobs: Sequence[Job], folder: Parts, clock: Clock) -> dict[str, Any]:
    """Every cell's part by its key, those of an earlier run taken over; `folder` keeps them."""
    found: dict[str, Any] = {}
    for cell, do in jobs:
        part, took = folder.part(cell.part), None
        if part is None:

            def within(what: str, share: float, cell: Cell = cell) -> None:
                clock.tell(cell.label, cell.seconds, what, min(1.0, share))

            within("", 0.0)
            began = time.monotonic()
            part = json.loads(json.dumps(do(within)))  # as a resumed run reads it
            took = time.monotonic() - began
            folder.save_part(cell.part, part)
            folder.log("cell", {"kind": cell.kind, "label": cell.label, "seconds": round(took, 1)})
        found[cell.key] = part
        clock.finished(cell.seconds, took)
    return found


def duration(seconds: float) -> str:
    """Seconds in words: the two digits that matter."""
    if seconds < 90:
        return f"{max(0, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
