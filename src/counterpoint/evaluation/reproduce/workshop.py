"""Trains and asks. One model in memory serves every setting and taxonomy of a run."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from counterpoint.evaluation.answers import order_effect
from counterpoint.evaluation.compare import ANOTHER_ORDER, ask_as_set, learner_of
from counterpoint.evaluation.compare_config import CompareConfig
from counterpoint.evaluation.history.visits import Trainer
from counterpoint.evaluation.reproduce.cells import Within
from counterpoint.models.scorer import Scorer
from counterpoint.training.learner import Learner, Trained
from counterpoint.training.settings import Point
from counterpoint.types import Dilemma, Taxonomy, content_hash


class Workshop:
    """Makes scorers; `everything` is read once, before the first training. Unfinished training is kept in `folder`."""

    def __init__(self, everything: Sequence[Dilemma], folder: Path) -> None:
        self.everything, self.folder = everything, folder
        self._learner: Learner | None = None
        self._made_for = ""

    def train(
        self,
        settings: CompareConfig,
        method: str,
        dilemmas: Sequence[Dilemma],
        taxonomy: Taxonomy,
        *,
        seed: int,
        within: Within,
    ) -> Trained:
        """A scorer, good until the next is made, with its training curve."""
        learner = self._learner_for(settings, taxonomy, within)
        where = self._where(settings, method, dilemmas, taxonomy, seed)

        def training(point: Point, total: int) -> None:
            within(f"training (loss {point.loss:.3f})", 0.05 + 0.75 * min(1.0, point.step / max(1, total)))

        return learner.train(method, dilemmas, taxonomy, seed=seed, folder=where, report=training)

    def trainer(self, settings: CompareConfig, taxonomy: Taxonomy) -> Trainer:
        """In the form that the history experiment wants."""

        def trainer(objective: str, dilemmas: Sequence[Dilemma], seed: int, within: Within) -> Scorer:
            return self.train(settings, objective, dilemmas, taxonomy, seed=seed, within=within).scorer

        return trainer

    def sweep(self) -> None:
        """Remove what is kept of unfinished training: what it was for is finished."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _learner_for(self, settings: CompareConfig, taxonomy: Taxonomy, within: Within) -> Learner:
        wanted = content_hash(asdict(settings), [asdict(pair) for pair in taxonomy])
        if self._learner is None:
            within(f"loading {settings.model}", 0.0)
            self._learner = learner_of(settings, taxonomy)
            self._learner.prepare(self.everything, lambda done, total: within(f"reading text {done} of {total}", 0.0))
        elif wanted != self._made_for:
            self._learner = learner_of(settings, taxonomy, like=self._learner)
        self._made_for = wanted
        return self._learner

    def _where(
        self, settings: CompareConfig, method: str, dilemmas: Sequence[Dilemma], taxonomy: Taxonomy, seed: int
    ) -> Path:
        """A folder of this training's own."""
        told = [asdict(settings), method, [d.id for d in dilemmas], [pair.name for pair in taxonomy], seed]
        return self.folder / content_hash(*told)[:20]


def asked(
    settings: CompareConfig, scorer: Scorer, dilemmas: Sequence[Dilemma], taxonomy: Taxonomy, seed: int
) -> dict[str, Any]:
    """Answers in the seed's order of options."""
    return {"answers": [asdict(a) for a in ask_as_set(settings, scorer, dilemmas, taxonomy, seed)]}


def asked_twice(
    settings: CompareConfig, scorer: Scorer, dilemmas: Sequence[Dilemma], taxonomy: Taxonomy, seed: int
) -> dict[str, Any]:
    """The same, and which answers change in another order."""
    answers = ask_as_set(settings, scorer, dilemmas, taxonomy, seed)
    again = ask_as_set(settings, scorer, dilemmas, taxonomy, seed + ANOTHER_ORDER)
    return {"answers": [asdict(a) for a in answers], "changed": order_effect(answers, again)}
