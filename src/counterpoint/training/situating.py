"""Whether what an option means depends on its scenario, for each value pair, and features to learn it by.

The bilinear term of `models/situated.py` is a linear model on the products of all scenario and option features, whose
kernel is the product of the two kernels. For each pair, cross-validated ridge regression on the poles' signs (kernels
centred within dilemmas, as the softmax does) says whether the term predicts held-out dilemmas better than options
alone, by more than two standard errors; only then is it trained. The features are the square root of the training
options' kernel: as many as options, not features squared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from counterpoint.models.encoder import EncoderScorer
from counterpoint.models.situated import Situated, scenario_states, standardisation
from counterpoint.training.blocks import Block, columns_of, inverse_root, own_options
from counterpoint.training.left_out import Array, Groups, held_out
from counterpoint.types import Dilemma, Taxonomy

STRENGTHS = (1.0, 3.0, 10.0)
"""Prior standard deviations of the term, in those of the options' own; tried besides 0."""
MOST_OPTIONS = 1500
"""Options a pair that the choice is made on; more would take long and tell little."""
LEAST_DILEMMAS = 40
"""Dilemmas a pair below which its options are read alone."""


@dataclass(frozen=True)
class SituatedBlock(Block):
    """The term of one value pair while it is trained."""

    back: Tensor
    """From weights of U's columns to weights of the options' products, `[own option, r]`."""
    strength: float
    """Prior standard deviation of the term, in those of the options' own."""
    scenarios: Tensor
    """z(s), `[own option, feature]`."""
    options: Tensor
    """z(o), `[own option, feature]`."""

    def bilinear(self, weight: Tensor) -> Tensor:
        """B of both poles, `[pole, feature, feature]`, from the weights of U's columns, `[r, pole]`."""
        own = self.strength**2 * self.back @ weight
        return torch.stack([(self.scenarios * own[:, [i]]).T @ self.options for i in range(2)])

    def give(self, scorer: EncoderScorer, weight: Tensor) -> None:
        if scorer.situated is not None:
            first = scorer.situated.columns.index(self.columns[0])
            scorer.situated.bilinear[first : first + 2] = self.bilinear(weight)


def strengths(scorer: EncoderScorer, dilemmas: Sequence[Dilemma], taxonomy: Taxonomy) -> dict[str, float]:
    """The strength of each value pair's term; pairs that need none are left out. The scorer must be standardised."""
    if scorer.config.situated == "never" or not any(d.scenario.strip() for d in dilemmas):
        return {}
    _, scenarios = _scenarios(scorer, dilemmas)
    options = scorer.standardised(scorer.frozen_features(dilemmas))
    found = {}
    for pair in taxonomy:
        own, group = own_options(pair, dilemmas)
        if group.size and group[-1] + 1 >= LEAST_DILEMMAS:
            signs = [o.pole == pair.positive.name for d in dilemmas if d.value_pair == pair.name for o in d.options]
            states = scenarios[own].double().numpy(), options[own].double().numpy()
            found[pair.name] = _strength(np.where(signs, 1.0, -1.0), group, *states)
    return {name: strength for name, strength in found.items() if strength}


def situate(
    scorer: EncoderScorer, dilemmas: Sequence[Dilemma], taxonomy: Taxonomy, strengths: Mapping[str, float]
) -> list[SituatedBlock]:
    """A block for every value pair with a strength; gives the scorer their term, still 0."""
    scorer.situated = None
    if not strengths:
        return []
    (mean, scale), scenarios = _scenarios(scorer, dilemmas)
    options = scorer.standardised(scorer.frozen_features(dilemmas))
    blocks = []
    for name, strength in strengths.items():
        pair = taxonomy.by_name[name]
        own, _ = own_options(pair, dilemmas)
        blocks.append(_block(own, columns_of(scorer, pair), strength, scenarios[own], options[own]))
    columns_all = tuple(column for block in blocks for column in block.columns)
    scorer.situated = Situated(mean, scale, torch.zeros(len(columns_all), len(mean), options.shape[1]), columns_all)
    return blocks


def _scenarios(scorer: EncoderScorer, dilemmas: Sequence[Dilemma]) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """The scenarios' standardisation, and z(s) of every option in a row: `[option, feature]`."""
    mean, scale = standardisation(scorer.text_encoder, dilemmas)
    states = scenario_states(scorer.text_encoder, dilemmas, mean, scale)
    return (mean, scale), states.repeat_interleave(torch.tensor([len(d.options) for d in dilemmas]), dim=0)


def _block(own: Tensor, columns: tuple[int, int], strength: float, scenarios: Tensor, options: Tensor) -> SituatedBlock:
    """Features of the product kernel."""
    s, o = scenarios.double(), options.double()
    kernel = strength**2 * (s @ s.T) * (o @ o.T)
    back = inverse_root(kernel)
    return SituatedBlock(own, columns, (kernel @ back).float(), back.float(), strength, scenarios, options)


def _strength(sign: Array, group: Groups, scenarios: Array, options: Array) -> float:
    """The strength that predicts left-out dilemmas best; 0 unless it is better than 0 by two standard errors."""
    keep = group <= group[:MOST_OPTIONS][-1]
    sign, group, scenarios, options = sign[keep], group[keep], scenarios[keep], options[keep]
    own = options @ options.T
    product = own * (scenarios @ scenarios.T)
    losses = {strength: held_out(own + strength**2 * product, sign, group) for strength in (0.0, *STRENGTHS)}
    best = min(losses, key=lambda strength: float(losses[strength].mean()))
    gain = losses[0.0] - losses[best]
    return best if gain.mean() > 2 * gain.std(ddof=1) / np.sqrt(len(gain)) else 0.0
