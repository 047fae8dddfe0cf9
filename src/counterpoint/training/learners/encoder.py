"""The small sentence encoder (`encoder`): a head in seconds, or the encoder itself in minutes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from counterpoint.models.encoder import EncoderConfig, EncoderScorer
from counterpoint.models.text_encoder import TextEncoder
from counterpoint.training.fit import fit
from counterpoint.training.learner import BASE, Progress, Trained
from counterpoint.training.objective import OBJECTIVES
from counterpoint.training.settings import FitConfig, Report
from counterpoint.training.situating import strengths
from counterpoint.types import Dilemma, Taxonomy


class EncoderLearner:
    """Objectives on the encoder; all of them share its frozen weights and the cache of its features."""

    def __init__(
        self,
        taxonomy: Taxonomy,
        *,
        config: EncoderConfig | None = None,
        settings: FitConfig | None = None,
        like: EncoderLearner | None = None,
    ) -> None:
        """`like` lends its frozen encoder, and what it found out about dilemmas where it sees them alike."""
        text_encoder = like.untrained.text_encoder if like else TextEncoder.load()
        self.untrained: EncoderScorer = EncoderScorer(text_encoder, taxonomy.poles, config)
        self.settings = settings or FitConfig()
        self._situated: tuple[Sequence[Dilemma], dict[str, float]] | None = None
        if like and (like.untrained.poles, like.untrained.config) == (self.untrained.poles, self.untrained.config):
            self._situated = like._situated

    def prepare(self, dilemmas: Sequence[Dilemma], progress: Progress) -> None:
        """Fill the cache of frozen features."""
        total = sum(1 + len(dilemma.options) for dilemma in dilemmas)
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
        situated = self._strengths(dilemmas, taxonomy)
        settings = self.settings
        points = fit(
            scorer, dilemmas, taxonomy, objective, config=settings, seed=seed, report=report, situated=situated
        )
        return Trained(scorer, points)

    def _strengths(self, dilemmas: Sequence[Dilemma], taxonomy: Taxonomy) -> dict[str, float]:
        """Which value pairs' options depend on their scenario: the same for all methods on the same dilemmas."""
        if self._situated is None or self._situated[0] != dilemmas:
            scorer = self.untrained.fresh()
            scorer.standardise(dilemmas)
            self._situated = dilemmas, strengths(scorer, dilemmas, taxonomy)
        return self._situated[1]
