"""CAA's vectors from training dilemmas, and the layer and multiplier that serve held-out training dilemmas best.

As in Rimsky et al. (arXiv 2312.06681) a contrast is one question with two answer letters: the prompt asks nobody in
particular, the reply begins as replies do, and the residual stream is read at the answer's letter. A dilemma's contrast
is the mean over its positive options less the mean over its negative ones; a pair's vector is the mean over dilemmas.
Options are shuffled, so that letters and places cancel.

No test data is looked at: layer and multiplier, one of each for all value pairs, are those of highest Acc_one on
training dilemmas that made no vector, the higher log-probability of the pole's options deciding between equals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from counterpoint.data.order import shuffle_options
from counterpoint.data.split import split
from counterpoint.errors import BadInputError
from counterpoint.models.caa import CaaScorer
from counterpoint.models.lm_scorer import LmScorer
from counterpoint.models.steered_trie import SteeredTrie
from counterpoint.models.steering_hooks import layers_of
from counterpoint.models.trie import Branch, batches
from counterpoint.models.trie.check import evaluating
from counterpoint.types import DataSet, Dilemma, Taxonomy

Vectors = dict[str, Tensor]
"""Value pair's name to `[layer, dim]`."""
Progress = Callable[[int, int], None]
"""Told how much of the sweep is done, and of how much."""


@dataclass(frozen=True)
class CaaConfig:
    """What is tried. With one layer and one multiplier nothing is held out."""

    layers: tuple[int, ...] = ()
    """Layers, counted from 0; none given: eight, spread evenly over the model."""
    multipliers: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0)
    """Times the mean difference."""
    held_out: float = 0.2
    """Share of the training scenarios that layer and multiplier are chosen on."""
    sweep_dilemmas: int = 60
    """Held-out dilemmas that are scored at most, spread over the value pairs."""


def fit_caa(
    scorer: LmScorer,
    dilemmas: Sequence[Dilemma],
    taxonomy: Taxonomy,
    *,
    config: CaaConfig | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> CaaScorer:
    """The model steered, with vectors from all these dilemmas at the layer and multiplier found on a part of them.

    Raises:
        BadInputError: settings make no sense, or a value pair has no dilemma with both poles.
    """
    config = config or CaaConfig()
    layers = _layers(scorer, config)
    shuffled = [shuffle_options(dilemma, seed) for dilemma in dilemmas]
    best, tried = (layers[0], config.multipliers[0]), []
    if len(layers) * len(config.multipliers) > 1:
        parts = split(DataSet("", taxonomy, tuple(shuffled)), (1 - config.held_out, 0.0, config.held_out), seed)
        judged = spread(parts.test.dilemmas, config.sweep_dilemmas)
        if not judged:
            raise BadInputError(
                f"{len(dilemmas)} dilemmas leave none to choose CAA's layer on; give one layer and multiplier"
            )
        vectors = mean_differences(scorer, parts.train.dilemmas, taxonomy, layers)
        tried = _sweep(scorer, vectors, judged, taxonomy, layers, config.multipliers, progress)
        top = max(tried, key=lambda row: (row["acc_one"], row["log_prob"], -row["multiplier"]))
        best = int(top["layer"]), top["multiplier"]
    final = {name: found[0] for name, found in mean_differences(scorer, shuffled, taxonomy, [best[0]]).items()}
    return CaaScorer(scorer, taxonomy, final, layer=best[0], multiplier=best[1], sweep=tried)


def mean_differences(
    scorer: LmScorer, dilemmas: Sequence[Dilemma], taxonomy: Taxonomy, layers: Sequence[int]
) -> Vectors:
    """Mean difference of the stream at the answer's letter, positive options less negative ones, `[layer, dim]` a pair.

    Raises:
        BadInputError: no dilemma has options of both poles.
    """
    contrasts: dict[str, list[Tensor]] = {pair.name: [] for pair in taxonomy}
    usable = [d for d in dilemmas if all(d.gold(pole.name) for pole in taxonomy.by_name[d.value_pair].poles)]
    groups = [_answers(scorer, dilemma) for dilemma in usable]
    streams: list[dict[int, Tensor]] = [{} for _ in groups]
    tries = SteeredTrie(scorer.language.model)
    with torch.no_grad(), evaluating(scorer.language.model):
        for batch in batches(groups, max_nodes=scorer.reading.max_nodes):
            for member, stream in zip(batch.members, tries.residual(batch.plan, layers), strict=True):
                streams[member.group][member.branch] = stream.double()
    for dilemma, stream_of in zip(usable, streams, strict=True):
        positive, negative = (
            torch.stack([stream_of[option] for option in dilemma.gold(pole.name)]).mean(0)
            for pole in taxonomy.by_name[dilemma.value_pair].poles
        )
        contrasts[dilemma.value_pair].append(positive - negative)
    if not usable:
        raise BadInputError("CAA needs dilemmas with options of both poles; there are none")
    return {name: torch.stack(found).mean(0).float() for name, found in contrasts.items() if found}


def _answers(scorer: LmScorer, dilemma: Dilemma) -> list[Branch]:
    """Prompt and reply up to an option's letter, then a token that is predicted and never read: `[option]`."""
    lead, ends = scorer.prompter.letters(dilemma, form=scorer.reading.form)
    prompt = scorer.prompter.prompt(dilemma, None, form=scorer.reading.form) + lead
    return [Branch((*prompt, *end, 0), len(prompt) + len(end)) for end in ends]


def _sweep(
    scorer: LmScorer,
    vectors: Vectors,
    dilemmas: Sequence[Dilemma],
    taxonomy: Taxonomy,
    layers: Sequence[int],
    multipliers: Sequence[float],
    progress: Progress | None,
) -> list[dict[str, float]]:
    """Acc_one and mean log-probability of the pole's options, for every layer and multiplier."""
    known = [d for d in dilemmas if d.value_pair in vectors]
    poles = [taxonomy.by_name[dilemma.value_pair].poles for dilemma in known]
    tries = SteeredTrie(scorer.language.model)
    rows: list[dict[str, float]] = []
    for i, layer in enumerate(layers):
        at_layer = {name: found[i] for name, found in vectors.items()}
        for multiplier in multipliers:
            steered = CaaScorer(scorer, taxonomy, at_layer, layer=layer, multiplier=multiplier, tries=tries)
            right, log_prob = [], []
            for dilemma, asked, table in zip(known, poles, steered.score(known, poles), strict=True):
                for pole, row in zip(asked, table, strict=True):
                    if gold := list(dilemma.gold(pole.name)):
                        right.append(int(row.argmax()) in gold)
                        log_prob.append(float(np.logaddexp.reduce(row[gold])))
            score = {"acc_one": float(np.mean(right)), "log_prob": float(np.mean(log_prob))}
            rows.append({"layer": layer, "multiplier": multiplier, **score})
            if progress:
                progress(len(rows), len(layers) * len(multipliers))
    return rows


def _layers(scorer: LmScorer, config: CaaConfig) -> list[int]:
    """The layers to try."""
    count = len(layers_of(scorer.language.model))
    if not config.multipliers or 0 in config.multipliers or not np.isfinite(config.multipliers).all():
        raise BadInputError(f"multipliers are {config.multipliers}; expected at least one, none of them 0")
    if not 0 < config.held_out < 1:
        raise BadInputError(f"held_out is {config.held_out}; expected a share between 0 and 1")
    if wrong := [layer for layer in config.layers if not 0 <= layer < count]:
        raise BadInputError(f"layer {wrong[0]}: {scorer.name} has layers 0 to {count - 1}")
    return list(config.layers) or sorted({round(i) for i in np.linspace(0, count - 1, min(count, 8))})


def spread(dilemmas: Iterable[Dilemma], most: int) -> list[Dilemma]:
    """At most so many, taking one of every value pair in turn."""
    by_pair: dict[str, list[Dilemma]] = {}
    for dilemma in dilemmas:
        by_pair.setdefault(dilemma.value_pair, []).append(dilemma)
    longest = max(map(len, by_pair.values()), default=0)
    turns = [found[i] for i in range(longest) for found in by_pair.values() if i < len(found)]
    return turns[:most]
