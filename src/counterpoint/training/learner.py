"""The contract of learners: what `--model` names, a model together with every method that can prepare it.

`compare` and `evaluate` train through it, so that they know methods and scorers but no model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from counterpoint.models.scorer import Scorer
from counterpoint.training.settings import Point, Report
from counterpoint.types import Dilemma, Taxonomy

BASE = "base"
"""The method that trains nothing."""

Progress = Callable[[int, int], None]
"""Told how much is done, and of how much."""


class Trained(NamedTuple):
    """What a method made of the model."""

    scorer: Scorer
    """Good until the learner trains again: methods may share weights."""
    curve: list[Point]
    """Losses of the training, none where there was none."""
    saves: bool = True
    """Whether the scorer holds anything trained that is worth keeping."""


class Learner(Protocol):
    """A model and what can be done with it."""

    def prepare(self, dilemmas: Sequence[Dilemma], progress: Progress, *, asked: Sequence[Dilemma] = ()) -> None:
        """Do once what every method would do again, such as reading all texts; `asked` are never trained on."""
        ...

    def train(
        self,
        method: str,
        dilemmas: Sequence[Dilemma],
        taxonomy: Taxonomy,
        *,
        seed: int,
        folder: Path,
        report: Report | None = None,
    ) -> Trained:
        """Train the untouched model by a method. A run that was stopped goes on from what it left in `folder`."""
        ...
