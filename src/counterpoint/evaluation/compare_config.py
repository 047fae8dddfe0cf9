"""The settings of `compare`, and which of them make no sense."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.models.encoder import EncoderConfig
from counterpoint.training.learner import BASE
from counterpoint.training.lm.config import CAA, ICL, LmConfig, check_lm
from counterpoint.training.lm.settings import defaults_for
from counterpoint.training.objective import OBJECTIVES, check_weights
from counterpoint.training.settings import FitConfig

ENCODER, LM = "encoder", "lm:"
METHODS = ("pft", "sft_positive", "sft_negative", "sft_mixed", "dpo_positive", "dpo_negative", "dpo_mixed", BASE)


@dataclass(frozen=True)
class CompareConfig:
    """Everything that decides a comparison's numbers."""

    data: str = "crossroads"
    """A file, a folder, or the name of a built-in data set; trained on, and tested on where `test` is not given."""
    test: str | None = None
    """Where the test dilemmas are; without it each seed splits `data` anew."""
    taxonomy: str | None = None
    """Built-in name or TOML file; the data's own where not given."""
    model: str = ENCODER
    """The scorer: `encoder`, or `lm:` and a hub id, a folder or `tiny`."""
    methods: tuple[str, ...] = METHODS
    """`base`, objectives, and for a language model `icl` and `caa`."""
    seeds: int = 5
    """Seeds 0 to seeds - 1: of the split, the options' order and the training."""
    test_fraction: float = 0.2
    """Share of the scenarios that each split tests on."""
    save: Literal["first", "all", "none"] = "first"
    """Which seeds' trained scorers are kept in the run's folder."""
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    """What the encoder sees."""
    fit: FitConfig = field(default_factory=FitConfig)
    """How the encoder is trained."""
    lm: LmConfig = field(default_factory=LmConfig)
    """How a language model is trained, asked and read."""


def presets(said: Mapping[str, Any]) -> dict[str, Any]:
    """Defaults of `CompareConfig` that depend on the model."""
    model = str(said.get("model", ENCODER))
    if not model.startswith(LM):
        return {}
    return {"methods": (*METHODS, ICL, CAA), "lm": {"training": asdict(defaults_for(model))}}


def check(config: CompareConfig) -> None:
    """Refuse settings that can't work, before anything long begins."""
    known = methods_of(config.model)
    for method in config.methods:
        if method not in known:
            raise UnknownNameError("method", method, known)
    if len(set(config.methods)) != len(config.methods) or not config.methods:
        raise BadInputError(
            f"methods must be given once each, at least one (got {', '.join(config.methods) or 'none'})"
        )
    if config.seeds < 1:
        raise BadInputError(f"seeds must be at least 1 (got {config.seeds})")
    if not 0 < config.test_fraction < 1:
        raise BadInputError(f"test_fraction must lie between 0 and 1 (got {config.test_fraction})")
    if config.model == ENCODER:
        _check_fit(config.fit)
    else:
        check_lm(config.lm)


def methods_of(model: str) -> tuple[str, ...]:
    """The methods that a model can be prepared by.

    Raises:
        UnknownNameError: there is no such kind of model.
    """
    if model == ENCODER:
        return (BASE, *OBJECTIVES.names())
    if model.startswith(LM):
        return (BASE, ICL, CAA, *OBJECTIVES.names())
    raise UnknownNameError("model", model, (ENCODER, f"{LM}<hub id or folder>", f"{LM}tiny"))


def _check_fit(fit: FitConfig) -> None:
    least = {
        "members": 1,
        "context_tokens": 0,
        "layers": 1,
        "epochs": 1,
        "batch_size": 1,
        "head_iterations": 1,
        "calibration_folds": 0,
        "weight_decay": 0,
    }
    above_0 = dict.fromkeys(("head_precision", "learning_rate", "head_learning_rate", "clip"), 0)
    for name, bound in {**least, **above_0}.items():
        value = getattr(fit, name)
        if not (math.isfinite(value) and (value > bound if name in above_0 else value >= bound)):
            raise BadInputError(
                f"fit.{name} must be {'above' if name in above_0 else 'at least'} {bound} (got {value})"
            )
    check_weights(fit.weights, "fit.weights")
    if fit.calibration_folds == 1:
        raise BadInputError(
            "fit.calibration_folds must be 0 (none) or at least 2 (got 1): one fold leaves no training data"
        )
