"""What the steering benchmarks share: a tuned model with everything its methods need, and dilemmas nobody was shown."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from beliefs_world import interval, share
from numpy.typing import NDArray
from scipy.special import logsumexp

from counterpoint.data.loading import load
from counterpoint.data.order import shuffle_options
from counterpoint.data.split import split
from counterpoint.data.toy import data_set
from counterpoint.models.language_model import LanguageModel
from counterpoint.steering.asking import Asked, Request
from counterpoint.steering.engine import Engine
from counterpoint.steering.likelihood import options
from counterpoint.steering.method import METHODS
from counterpoint.steering.steering import Steering
from counterpoint.training.lm.recipe import read_recipe
from counterpoint.training.lm.settings import LmTraining, is_tiny
from counterpoint.training.lm.train import train_lm
from counterpoint.training.objective import OBJECTIVES
from counterpoint.types import Dilemma, Taxonomy
from counterpoint.users.evidence import Evidence

__all__ = ["Figure", "World", "build", "interval", "share"]

FOUR = ("mixture", "instruction", "activation", "adapters")
"""Methods that change how a reply is generated, and so give every option a probability."""


LEANINGS = 0.8
"""Share of PFT's weight for degrees and several poles at once, as in `recipes/tiny.toml`."""


class Figure(NamedTuple):
    """One line of the output; `bar` is in words, `holds` null where a figure is only reported."""

    what: str
    method: str
    value: float | None
    low: float | None
    high: float | None
    bar: str = "reported"
    holds: bool | None = None


class World(NamedTuple):
    """A model with its methods, and three sets of dilemmas that share no scenario."""

    engine: Engine
    """Without dials: strengths are the methods' own."""
    train: tuple[Dilemma, ...]
    calibration: tuple[Dilemma, ...]
    """For the dials; held out from training."""
    test: tuple[Dilemma, ...]
    """Both poles can be chosen; options shuffled."""
    tiny: bool
    quick: bool

    @property
    def taxonomy(self) -> Taxonomy:
        """Whose pairs are steered."""
        return self.engine.taxonomy

    def steering(self, axis: int, strength: float, also: tuple[int, float] | None = None) -> Steering:
        """One pair steered, or two."""
        vector = [0.0] * len(self.taxonomy)
        vector[axis] = strength
        if also:
            vector[also[0]] = also[1]
        return Steering(tuple(vector))

    def axis(self, dilemma: Dilemma) -> int:
        """Of the value pair that it is about."""
        return [pair.name for pair in self.taxonomy].index(dilemma.value_pair)

    def here(self, names: Sequence[str]) -> list[str]:
        """Those of the methods that are installed."""
        return [name for name in names if name in METHODS.names()]


def build(model: str, data: str, *, train: bool, quick: bool, seed: int = 0) -> World:
    """Load, tune, fit what the methods need.

    Args:
        model: `lm:tiny`, or any other; one with an adapter is taken as it is.
        data: dilemmas, split by scenario into training, calibration and test.
        train: whether to tune a model that has no adapter (PFT).
        quick: a fifth of the dilemmas.
        seed: of the split, of orders and of the training.
    """
    rows = data_set(520, seed=0) if data == "toy" else load(data)
    parts = split(rows, (0.6, 0.2, 0.2), seed)
    test = _by_turns([shuffle_options(d, seed) for d in parts.test.dilemmas if _both(d, rows.taxonomy)])
    calibration = _by_turns([shuffle_options(d, seed) for d in parts.validation.dilemmas])
    language = LanguageModel.load(model)
    tiny = is_tiny(language.base)
    if train and not language.has_adapter:
        _timed("preference-paired fine-tuning", lambda: _tune(language, parts.train.dilemmas, rows.taxonomy, seed))
    materials = _materials(language, parts.train.dilemmas, rows.taxonomy, tiny, seed)
    engine = Engine(language, rows.taxonomy, materials=materials)
    few = slice(None, len(test) // 5 if quick else None)
    return World(engine, parts.train.dilemmas, tuple(calibration), tuple(test[few]), tiny, quick)


def _tune(language: LanguageModel, dilemmas: Sequence[Dilemma], taxonomy: Taxonomy, seed: int) -> None:
    settings = replace(LmTraining(), leanings=LEANINGS)
    if is_tiny(language.base):
        settings = read_recipe(Path(__file__).parents[1] / "recipes" / "tiny.toml").training
    with tempfile.TemporaryDirectory() as folder:
        train_lm(language, dilemmas, taxonomy, OBJECTIVES.get("pft"), settings, seed=seed, out=Path(folder))


def _materials(
    language: LanguageModel, dilemmas: Sequence[Dilemma], taxonomy: Taxonomy, tiny: bool, seed: int
) -> dict[str, Any]:
    from counterpoint.steering import adapters_fit
    from counterpoint.steering.activation_fit import fit_vectors

    found: dict[str, Any] = {}
    found["activation"] = _timed("vectors", lambda: fit_vectors(language, dilemmas, taxonomy, seed=seed))
    training = adapters_fit.TINY if tiny else adapters_fit.AdapterTraining()
    found["adapters"] = _timed(
        "adapters", lambda: adapters_fit.fit_adapters(language, dilemmas, taxonomy, training=training, seed=seed)
    )
    evidence = _timed("the encoder", lambda: _evidence(dilemmas, taxonomy))
    return {**found, "rerank": evidence, "neighbourhood": evidence}


def _evidence(dilemmas: Sequence[Dilemma], taxonomy: Taxonomy) -> Evidence:
    from counterpoint.models.encoder import EncoderScorer
    from counterpoint.training.fit import fit

    scorer = EncoderScorer.untrained(taxonomy)
    fit(scorer, dilemmas, taxonomy, OBJECTIVES.get("pft"))
    return Evidence(scorer, taxonomy)


def _timed(what: str, do: Callable[[], Any]) -> Any:
    began = time.perf_counter()
    found = do()
    print(f"  {what}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return found


def _by_turns(dilemmas: Sequence[Dilemma]) -> list[Dilemma]:
    """One of each value pair in turn, so that the first few are about all of them."""
    groups: dict[str, list[Dilemma]] = {}
    for dilemma in dilemmas:
        groups.setdefault(dilemma.value_pair, []).append(dilemma)
    return [d for row in zip_longest(*groups.values()) for d in row if d is not None]


def _both(dilemma: Dilemma, taxonomy: Taxonomy) -> bool:
    return all(dilemma.gold(pole.name) for pole in taxonomy.by_name[dilemma.value_pair].poles)


def log_odds(world: World, method: str, steerings: Sequence[Steering], dilemmas: Sequence[Dilemma]) -> NDArray[Any]:
    """Log-odds of the positive pole of each dilemma's pair in its answer under its steering, `[dilemma]`."""
    found = options(world.engine, [Request(Asked(d), s, method) for d, s in zip(dilemmas, steerings, strict=True)])
    odds = []
    for dilemma, logp in zip(dilemmas, found, strict=True):
        gold = list(dilemma.gold(world.taxonomy.by_name[dilemma.value_pair].positive.name))
        rest = [i for i in range(len(dilemma.options)) if i not in gold]
        odds.append(float(logsumexp(logp[gold]) - logsumexp(logp[rest])))
    return np.array(odds)
