"""The small sentence encoder (`encoder`): a head in seconds, or the encoder itself in minutes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from counterpoint.models.encoder import EncoderConfig, EncoderScorer
from counterpoint.training.fit import fit
from counterpoint.training.learner import BASE, Progress, Trained
from counterpoint.training.objective import OBJECTIVES
from counterpoint.training.settings import FitConfig, Report
from counterpoint.types import Dilemma, Taxonomy


class EncoderLearner:
    """Objectives on the encoder; all of them share its frozen weights and the cache of its features."""

    def __init__(self, taxonomy: Taxonomy, *, config: EncoderConfig | None = None, settings: FitConfig | None = None):
        self.untrained = EncoderScorer.untrained(taxonomy, config=config)
        self.settings = settings or FitConfig()

    def prepare(self, dilemmas: Sequence[Dilemma], progress: Progress) -> None:
        """Fill the cache of frozen features."""
        total = sum(len(dilemma.options) for dilemma in dilemmas)
        done = 0

        def count(texts: int) -> None:
            nonlocal done
            done += texts
            progress(done, total)

        self.untrained.embed(dilemmas, progress=count)

    def train(
        self,
        method: str,
        dilemmas: Sequence[Dilemma],
        taxonomy: Taxonomy,
        *,
        seed: int,
        folder: Path,  # noqa: ARG002  minutes at most: it starts again
        report: Report | None = None,
    ) -> Trained:
        """A scorer of its own for every method."""
        scorer = self.untrained.fresh()
        if method == BASE:
            return Trained(scorer, [], saves=False)
        objective = OBJECTIVES.get(method)
        points = fit(scorer, dilemmas, taxonomy, objective, config=self.settings, seed=seed, report=report)
        return Trained(scorer, points)
