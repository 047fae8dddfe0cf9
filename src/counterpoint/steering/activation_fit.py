"""Vectors that steer a model asked for nobody in particular, and the layer and multiplier at which they do it best.

CAA (Rimsky et al. 2023, arXiv 2312.06681) takes the mean difference of the residual stream between two sides. Which two
is the setting `contrast`:

- `poles`: the question put to the positive and to the negative pole, read where the reply's choice is about to be said;
  half the difference: added once it leads from between the poles to the positive one. Contrasting prompts are those of
  activation addition (Turner et al. 2023, arXiv 2308.10248); ours to take the poles' own.
- `answers`: the answer of either side, read at its letter, as in the CAA paper (`models/caa_fit.py`). It says what an
  answer is, where `poles` says what is wanted; on `lm:tiny` that moves no choice at all (docs/design/0005).

No test data is looked at: layer and multiplier, one of each for all value pairs, are those under which held-out
training dilemmas, put to nobody and steered as far as it goes (`reach`) to either side, give the pole's options the
highest log-probability. So a reply leans further up to there, where a larger multiplier would be past its best.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from counterpoint.data.order import shuffle_options
from counterpoint.data.split import split
from counterpoint.errors import BadInputError
from counterpoint.models.caa_fit import mean_differences
from counterpoint.models.language_model import LanguageModel
from counterpoint.models.lm_scorer import LmScorer
from counterpoint.models.prompts import PromptConfig, Prompter
from counterpoint.models.steered_trie import SteeredTrie
from counterpoint.models.steering_hooks import layers_of
from counterpoint.models.trie import Branch, batches
from counterpoint.models.trie.check import evaluating
from counterpoint.steering.methods.activation import Vectors
from counterpoint.types import DataSet, Dilemma, Pole, Taxonomy

MAX_NODES = 8192
"""Tokens in one pass."""

Progress = Callable[[int, int], None]
"""Told how much of the sweep is done, and of how much."""


@dataclass(frozen=True)
class VectorFit:
    """What is tried. With one layer and one multiplier nothing is held out."""

    contrast: Literal["poles", "answers"] = "poles"
    """Between which two sides vectors are the difference."""
    layers: tuple[int, ...] = ()
    """Layers, counted from 0; none given: eight, spread evenly over the model."""
    multipliers: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0)
    """Times the vector, at the largest strength."""
    reach: float = 3.0
    """The largest strength."""
    held_out: float = 0.2
    """Share of the training scenarios that layer and multiplier are chosen on."""
    most: int = 60
    """Held-out dilemmas that are scored at most."""

    def __post_init__(self) -> None:
        if not self.multipliers or not all(np.isfinite(m) and m > 0 for m in self.multipliers):
            raise BadInputError(f"multipliers are {self.multipliers}; expected numbers above 0")
        if not 0 < self.held_out < 1 or self.most < 1 or not self.reach > 0:
            raise BadInputError("held_out must be a share between 0 and 1, most at least 1, and reach above 0")


def fit_vectors(
    language: LanguageModel,
    dilemmas: Sequence[Dilemma],
    taxonomy: Taxonomy,
    *,
    config: VectorFit | None = None,
    prompts: PromptConfig | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Vectors:
    """A vector a value pair from these dilemmas, with the layer and multiplier found on a part of them.

    Raises:
        BadInputError: a layer isn't there, a value pair has no usable dilemma, or there are too few to hold any out.
    """
    config = config or VectorFit()
    scorer = LmScorer(language, prompts=prompts)
    count = len(layers_of(language.model))
    layers = config.layers or tuple(sorted({round(i) for i in np.linspace(0, count - 1, min(count, 8))}))
    if wrong := [layer for layer in layers if not 0 <= layer < count]:
        raise BadInputError(f"layer {wrong[0]}: {language.name} has layers 0 to {count - 1}")
    usable = [
        shuffle_options(dilemma, seed)
        for dilemma in dilemmas
        if all(dilemma.gold(pole.name) for pole in taxonomy.by_name[dilemma.value_pair].poles)
    ]
    best = (layers[0], config.multipliers[0])
    if len(layers) * len(config.multipliers) > 1:
        parts = split(DataSet("", taxonomy, tuple(usable)), (1 - config.held_out, 0.0, config.held_out), seed)
        judged = parts.test.dilemmas[: config.most]
        if not judged:
            raise BadInputError(
                f"{len(usable)} dilemmas leave none to choose a layer on; give one layer and multiplier"
            )
        tried = _contrasts(scorer, parts.train.dilemmas, taxonomy, layers, config)
        best = _best(scorer, tried, judged, taxonomy, layers, config.multipliers, progress)
    found = _contrasts(scorer, usable, taxonomy, [best[0]], config)
    vectors = {name: of_layer[0] for name, of_layer in found.items()}
    return Vectors(vectors, best[0], best[1] / config.reach, language.identity)


def _contrasts(
    scorer: LmScorer, dilemmas: Sequence[Dilemma], taxonomy: Taxonomy, layers: Sequence[int], config: VectorFit
) -> dict[str, Tensor]:
    """Value pair's name to `[layer, dim]`."""
    if config.contrast == "answers":
        return mean_differences(scorer, dilemmas, taxonomy, layers)
    groups = [
        [_about_to_choose(scorer.prompter, dilemma, pole) for pole in taxonomy.by_name[dilemma.value_pair].poles]
        for dilemma in dilemmas
    ]
    found: dict[str, list[Tensor]] = {pair.name: [] for pair in taxonomy}
    streams: list[dict[int, Tensor]] = [{} for _ in groups]
    tries = SteeredTrie(scorer.language.model)
    with torch.no_grad(), evaluating(scorer.language.model):
        for batch in batches(groups, max_nodes=MAX_NODES):
            for member, stream in zip(batch.members, tries.residual(batch.plan, layers), strict=True):
                streams[member.group][member.branch] = stream.double()
    for dilemma, sides in zip(dilemmas, streams, strict=True):
        found[dilemma.value_pair].append((sides[0] - sides[1]) / 2)
    if none := [name for name, own in found.items() if not own]:
        raise BadInputError(f"no dilemma about {', '.join(none)} has options of both poles: no vector can be made")
    return {name: torch.stack(own).mean(0).float() for name, own in found.items()}


def _about_to_choose(prompter: Prompter, dilemma: Dilemma, pole: Pole) -> Branch:
    """Prompt and reply up to the option's letter, then a token that is predicted and never read."""
    tokens = prompter.prompt(dilemma, pole) + prompter.letters(dilemma)[0]
    return Branch((*tokens, 0), len(tokens))


def _best(
    scorer: LmScorer,
    vectors: dict[str, Tensor],
    dilemmas: Sequence[Dilemma],
    taxonomy: Taxonomy,
    layers: Sequence[int],
    multipliers: Sequence[float],
    progress: Progress | None,
) -> tuple[int, float]:
    """Layer and multiplier of the highest mean log-probability of the pole's options; the smaller of equals."""
    tries, done = SteeredTrie(scorer.language.model), []
    for i, layer in enumerate(layers):
        at_layer = {name: own[i] for name, own in vectors.items()}
        for multiplier in multipliers:
            sides = [
                _log_prob(scorer, tries, dilemmas, taxonomy, at_layer, layer, sign * multiplier) for sign in (1, -1)
            ]
            done.append((round(sum(sides) / 2, 6), -multiplier, -layer))
            if progress:
                progress(len(done), len(layers) * len(multipliers))
    _, multiplier, layer = max(done)
    return -layer, -multiplier


def _log_prob(
    scorer: LmScorer,
    tries: SteeredTrie,
    dilemmas: Sequence[Dilemma],
    taxonomy: Taxonomy,
    vectors: dict[str, Tensor],
    layer: int,
    factor: float,
) -> float:
    """Mean log-probability of the options of the side that the factor's sign steers to, put to nobody; nats."""
    prompter, groups = scorer.prompter, []
    for dilemma in dilemmas:
        lead, ends = prompter.letters(dilemma)
        start = prompter.prompt(dilemma, None)
        groups.append([Branch(start + lead + end, len(start) + len(lead)) for end in ends])
    starts = [len(prompter.prompt(dilemma, None)) - 1 for dilemma in dilemmas]
    found = [np.zeros(len(group)) for group in groups]
    with torch.no_grad(), evaluating(scorer.language.model):
        for batch in batches(groups, max_nodes=MAX_NODES):
            owners = [member.group for member in batch.members]
            offsets = torch.stack([factor * vectors[dilemmas[g].value_pair] for g in owners])
            sums = tries.log_probs(batch.plan, layer, [starts[g] for g in owners], offsets)
            for member, value in zip(batch.members, sums.double().cpu().tolist(), strict=True):
                found[member.group][member.branch] = value
    scores = []
    for dilemma, row in zip(dilemmas, found, strict=True):
        pole = taxonomy.by_name[dilemma.value_pair].poles[0 if factor > 0 else 1]
        scores.append(np.logaddexp.reduce(row[list(dilemma.gold(pole.name))]) - np.logaddexp.reduce(row))
    return float(np.mean(scores))
