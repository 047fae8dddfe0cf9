"""The sentence encoder (`encoder`): a head in seconds, or the encoder's upper layers in minutes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from counterpoint.models.encoder import EncoderConfig, EncoderScorer, base_of
from counterpoint.models.text_encoder import TextEncoder
from counterpoint.training.fit import Terms, find_terms, fit
from counterpoint.training.learner import BASE, Progress, Trained
from counterpoint.training.objective import OBJECTIVES
from counterpoint.training.settings import FitConfig, Report
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
        config, self.settings = config or EncoderConfig(), settings or FitConfig()
        self.base = base_of(config, self.settings.finetune)
        shared = like if like and like.base == self.base else None
        text_encoder = shared.untrained.text_encoder if shared else TextEncoder.load(self.base)
        self.untrained: EncoderScorer = EncoderScorer(text_encoder, taxonomy.poles, config)
        self._terms: tuple[Sequence[Dilemma], Terms] | None = None
        if shared and (shared.untrained.poles, shared.untrained.config) == (taxonomy.poles, config):
            self._terms = shared._terms

    def prepare(self, dilemmas: Sequence[Dilemma], progress: Progress, *, asked: Sequence[Dilemma] = ()) -> None:
        """Fill the cache of frozen features."""
        total = sum(1 + len(d.options) for d in dilemmas) + sum(len(d.options) for d in asked)
        done = 0

        def count(texts: int) -> None:
            nonlocal done
            done += texts
            progress(done, total)

        self.untrained.embed(dilemmas, asked=asked, progress=count)

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
        terms = self._find_terms(dilemmas, taxonomy)
        points = fit(scorer, dilemmas, taxonomy, objective, config=self.settings, seed=seed, report=report, terms=terms)
        return Trained(scorer, points)

    def _find_terms(self, dilemmas: Sequence[Dilemma], taxonomy: Taxonomy) -> Terms:
        """What is the same for all methods on the same dilemmas."""
        if self._terms is None or self._terms[0] != dilemmas:
            scorer = self.untrained.fresh()
            scorer.standardise(dilemmas)
            self._terms = dilemmas, find_terms(scorer, dilemmas, taxonomy)
        return self._terms[1]
