"""A causal language model (`lm:...`): LoRA adapters by every objective, and what can be done without training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from counterpoint.errors import BadInputError
from counterpoint.models.caa_fit import fit_caa
from counterpoint.models.icl import IclScorer
from counterpoint.models.language_model import LanguageModel
from counterpoint.models.lm_scorer import LmReading, LmScorer
from counterpoint.models.prompts import PromptConfig
from counterpoint.training.learner import BASE, Progress, Trained
from counterpoint.training.lm.config import CAA, ICL, LmConfig
from counterpoint.training.lm.train import train_lm
from counterpoint.training.objective import OBJECTIVES
from counterpoint.training.settings import Report
from counterpoint.types import Dilemma, Taxonomy


class LmLearner:
    """One model in memory; methods take turns on it, each with an adapter, vectors or prompts of its own."""

    def __init__(self, model: str, config: LmConfig | None = None, *, language: LanguageModel | None = None) -> None:
        self.config = config or LmConfig()
        self.language = language or LanguageModel.load(model, quantisation=self.config.quantisation)
        if language is None and self.language.has_adapter:
            raise BadInputError(
                f"{model}: has an adapter already, and methods must start from the same model. Give the base, "
                f"{self.language.describe()['base']}"
            )

    def prepare(self, dilemmas: Sequence[Dilemma], progress: Progress, *, asked: Sequence[Dilemma] = ()) -> None:
        """Nothing: what methods share is the prefix of a prompt, within one pass."""

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
        """An adapter, vectors or examples in place of what the method before had."""
        self.language.remove_adapter()
        if method == BASE:
            return Trained(self._scorer(), [], saves=False)
        if method == ICL:
            shown = replace(self.config.icl, seed=self.config.icl.seed + seed)
            return Trained(IclScorer(self._scorer(), dilemmas, shown), [], saves=False)
        if method == CAA:
            return Trained(fit_caa(self._scorer(), dilemmas, taxonomy, config=self.config.caa, seed=seed), [])
        objective, settings = OBJECTIVES.get(method), self.config.training
        points = train_lm(self.language, dilemmas, taxonomy, objective, settings, seed=seed, out=folder, report=report)
        return Trained(self._scorer(), points)

    def _scorer(self) -> LmScorer:
        """The model as it is now; where it is to write, letters still say what it finds likely."""
        training, reading = self.config.training, self.config.reading
        kind = "letters" if reading == "generation" else reading
        return LmScorer(self.language, LmReading(kind=kind, form=training.form), PromptConfig(layout=training.layout))
