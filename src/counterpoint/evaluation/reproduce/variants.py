"""Ablations: settings tried one at a time around the default. Which there are depends on the kind of model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from counterpoint.errors import UnknownNameError
from counterpoint.evaluation.compare_config import ENCODER, CompareConfig

DEFAULT = "default"


@dataclass(frozen=True)
class Deviation:
    """The default but for one factor; with no factor, the default."""

    factor: str
    value: str

    @property
    def name(self) -> str:
        """`factor=value`, or `default`."""
        return f"{self.factor}={self.value}" if self.factor else DEFAULT


@dataclass(frozen=True)
class Variant(Deviation):
    """One of PFT's trainings."""

    settings: CompareConfig
    share: float = 1.0
    """Of the training dilemmas."""


def variants(base: CompareConfig, *, factors: Sequence[str] | None, most: int) -> list[Variant]:
    """At most so many settings of each factor (all that apply where none are named), the default not among them.

    Raises:
        UnknownNameError: no such factor for this model.
    """
    found = {factor: rows[:most] for factor, rows in _of(base).items()}
    for factor in factors or ():
        if factor not in found:
            raise UnknownNameError("ablation", factor, tuple(found))
    return [variant for factor in (found if factors is None else factors) for variant in found[factor]]


def _of(base: CompareConfig) -> dict[str, list[Variant]]:
    """Everything there is, by factor; the more telling value first."""
    common = {
        "weights": [
            _varied(base, "weights", f"{plus:g}:{minus:g}", weights=(plus, minus))
            for plus, minus in ((1.5, 0.5), (0.5, 1.5))
        ],
        "training_size": [Variant("training_size", f"{share:.0%}", base, share) for share in (0.25, 0.5)],
    }
    return {**(_of_encoder(base) if base.model == ENCODER else _of_lm(base)), **common}


def _of_encoder(base: CompareConfig) -> dict[str, list[Variant]]:
    fit = base.fit
    if fit.finetune:
        return {
            "learning_rate": [
                _varied(base, "learning_rate", f"{rate:.3g}", learning_rate=rate)
                for rate in (3 * fit.learning_rate, fit.learning_rate / 3)
            ],
            "epochs": [_varied(base, "epochs", str(n), epochs=n) for n in _epochs(fit.epochs)],
        }
    iterations = fit.head_iterations
    return {  # a convex problem solved to its optimum has no learning rate and no epochs; these limit it instead
        "head_precision": [
            _varied(base, "head_precision", f"{p:g}", head_precision=p)
            for p in (4 * fit.head_precision, fit.head_precision / 4)
        ],
        "head_iterations": [
            _varied(base, "head_iterations", str(n), head_iterations=n)
            for n in (max(1, iterations // 12), max(1, iterations // 4))
        ],
    }


def _of_lm(base: CompareConfig) -> dict[str, list[Variant]]:
    training = base.lm.training
    other = "pole_first" if training.layout == "scenario_first" else "scenario_first"
    found = {
        "learning_rate": [
            _varied(base, "learning_rate", f"{rate:.3g}", learning_rate=rate)
            for rate in (training.learning_rate / 3, 3 * training.learning_rate)
        ],
        "epochs": [_varied(base, "epochs", str(n), epochs=n) for n in _epochs(training.epochs)],
        "layout": [_varied(base, "layout", other, layout=other)],
    }
    return found if training.steps is None else {k: v for k, v in found.items() if k != "epochs"}


def _epochs(default: int) -> list[int]:
    return [n for n in (1, 2 * default) if n != default]


def _varied(base: CompareConfig, factor: str, value: str, **changes: Any) -> Variant:
    if base.model == ENCODER:
        return Variant(factor, value, replace(base, fit=replace(base.fit, **changes)))
    training = replace(base.lm.training, **changes)
    return Variant(factor, value, replace(base, lm=replace(base.lm, training=training)))
