"""What `--model` says, as contenders of a suite: the encoder, a language model, or a scorer saved in a folder.

encoder    PFT on the training dilemmas beside the untrained encoder (zero-shot)
lm:...     untrained; with training dilemmas PFT beside it
a folder   as it is (`saved`)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from counterpoint.data.order import shuffle_options
from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.evaluation.compare import learner_of
from counterpoint.evaluation.compare_config import ENCODER, LM, CompareConfig, check
from counterpoint.evaluation.suite_run import Contender, Within
from counterpoint.models.encoder import EncoderConfig
from counterpoint.models.scorer import Scorer
from counterpoint.training.learner import BASE, Learner
from counterpoint.training.lm.config import LmConfig
from counterpoint.training.lm.settings import defaults_for
from counterpoint.training.settings import FitConfig, Point
from counterpoint.types import DataSet, content_hash

SAVED = "saved"
"""The method of a scorer that was trained before."""


@dataclass(frozen=True)
class SuiteConfig:
    """What decides a suite's numbers beside its data."""

    model: str = ENCODER
    """`encoder`, `lm:` and a hub id, a folder or `tiny`, or a folder with a saved scorer."""
    methods: tuple[str, ...] = ()
    """How the model is prepared: `base`, objectives, and for a language model `icl` and `caa`; where there are none,
    `pft` and `base`, or what needs no training where nothing is given to train on."""
    seeds: int = 3
    """Seeds 0 to seeds - 1: of the training and of the options' order."""
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    """What the encoder sees."""
    fit: FitConfig = field(default_factory=FitConfig)
    """How the encoder is trained."""
    lm: LmConfig = field(default_factory=LmConfig)
    """How a language model is trained, asked and read."""


def presets(said: Mapping[str, Any]) -> dict[str, Any]:
    """Defaults of `SuiteConfig` that depend on the model."""
    model = str(said.get("model", ENCODER))
    return {"lm": {"training": asdict(defaults_for(model))}} if model.startswith(LM) else {}


def contenders(config: SuiteConfig, train: DataSet | None, folder: Path) -> list[Contender]:
    """Who is asked; models are loaded when the first question is.

    Args:
        config: model and methods.
        train: dilemmas to train on; needed for every method but `base`.
        folder: the run's, where unfinished training is kept.

    Raises:
        BadInputError: settings that can't work, or nothing to train on.
        UnknownNameError: there is no such model or method.
    """
    if config.seeds < 1:
        raise BadInputError(f"seeds must be at least 1 (got {config.seeds})")
    if config.model != ENCODER and not config.model.startswith(LM):
        return [_saved(config)]
    methods = config.methods or (("pft", BASE) if train else (BASE,))
    settings = CompareConfig(
        model=config.model, methods=methods, seeds=config.seeds, encoder=config.encoder, fit=config.fit, lm=config.lm
    )
    check(settings)
    if config.model.startswith(LM) and config.lm.reading == "generation":
        raise BadInputError("suites read log-probabilities; lm.reading must be letters, answers or answers_per_token")
    if train is None and set(methods) != {BASE}:
        raise BadInputError(f"methods {', '.join(methods)} need --train, dilemmas to train on")
    workshop = _Workshop(settings, train, folder)
    return [Contender(method, workshop.maker(method)) for method in methods]


def identity(config: SuiteConfig, train: DataSet | None) -> str:
    """What must be the same for a run's answers to be taken over; more seeds and methods may be added."""
    scorer = Path(config.model) / "scorer.json"
    saved = scorer.read_text(encoding="utf-8") if scorer.is_file() else ""
    rows = (
        [[d.id, d.digest, [[o.text, o.pole, o.explanation] for o in d.options]] for d in train.dilemmas]
        if train
        else []
    )
    return content_hash(asdict(replace(config, seeds=0, methods=())), saved, rows)


class _Workshop:
    """One learner for all methods, made when first needed."""

    def __init__(self, settings: CompareConfig, train: DataSet | None, folder: Path) -> None:
        self.settings, self.train, self.folder = settings, train, folder
        self._learner: Learner | None = None

    def maker(self, method: str) -> Any:
        """Trains by this method."""

        def make(seed: int, within: Within) -> Scorer:
            return self._make(method, seed, within)

        return make

    def _make(self, method: str, seed: int, within: Within) -> Scorer:
        from counterpoint.data.taxonomy import taxonomy

        known = self.train.taxonomy if self.train else taxonomy("vcd")
        dilemmas = [shuffle_options(d, seed) for d in self.train.dilemmas] if self.train else []
        if self._learner is None:
            within(f"loading {self.settings.model}", 0.0)
            self._learner = learner_of(self.settings, known)
            self._learner.prepare(
                dilemmas, lambda done, total: within(f"reading {done} of {total}", 0.3 * done / total)
            )

        def training(point: Point, total: int) -> None:
            within(f"training (loss {point.loss:.3f})", 0.3 + 0.5 * min(1.0, point.step / total))

        where = self.folder / "training" / f"{method}-seed{seed}"
        return self._learner.train(method, dilemmas, known, seed=seed, folder=where, report=training).scorer


def _saved(config: SuiteConfig) -> Contender:
    path = Path(config.model)
    if not path.is_dir():
        raise UnknownNameError(
            "model", config.model, (ENCODER, f"{LM}<hub id or folder>", "a folder of a saved scorer")
        )
    if not (path / "scorer.json").is_file():
        raise BadInputError(f"{path}: not a saved scorer (no scorer.json)")
    if config.methods not in ((), (SAVED,)):
        raise BadInputError(f"{path}: a saved scorer is asked as it is; leave out --methods")
    loaded: list[Scorer] = []

    def make(_: int, within: Within) -> Scorer:
        from counterpoint.models.saved import load_scorer

        if not loaded:
            within(f"loading {path}", 0.0)
            loaded.append(load_scorer(path))
        return loaded[0]

    return Contender(SAVED, make)
