"""Vectors that steer a model asked for nobody in particular, and the layer and multiplier at which they do it best.

CAA (Rimsky et al. 2023, arXiv 2312.06681) takes the mean difference of the residual stream between two sides. Which two
is the setting `contrast`:

- `poles`: the question put to the positive and to the negative pole, read where the reply's choice is about to be said;
  half the difference: added once it leads from between the poles to the positive one. Contrasting prompts are those of
  activation addition (Turner et al. 2023, arXiv 2308.10248); ours to take the poles' own. The way from nobody in
  particular to between the poles is n of `methods/activation.py`, a mean over all pairs, which share it.
- `answers`: the answer of either side, read at its letter, as in the CAA paper (`models/caa_fit.py`). It says what an
  answer is, where `poles` says what is wanted; on `lm:tiny` that moves no choice at all (docs/design/0005).

No test data is looked at: layer and multiplier, one of each for all value pairs, are those under which the log-odds of
held-out training dilemmas, put to nobody, move nearest to as far as is asked for: on average, to either side, alone as
often as in another pair's company. So strength 1 is about one log-odd, and what is added up drowns least.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from counterpoint.data.order import shuffle_options
from counterpoint.data.split import split
from counterpoint.errors import BadInputError
from counterpoint.models.caa_fit import mean_differences, spread
from counterpoint.models.language_model import LanguageModel
from counterpoint.models.lm_scorer import LmScorer
from counterpoint.models.prompts import PromptConfig, Prompter
from counterpoint.models.steered_trie import SteeredTrie
from counterpoint.models.steering_hooks import layers_of
from counterpoint.models.trie import Branch, batches
from counterpoint.models.trie.anatomy import anatomy
from counterpoint.models.trie.check import evaluating
from counterpoint.steering.methods.activation import Vectors
from counterpoint.steering.turning import company
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
    multipliers: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0, 2.0, 4.0)
    """Times the vector, at the largest strength: at 1 it leads as far as the pole's own prompt."""
    reach: float = 3.0
    """The largest strength."""
    held_out: float = 0.2
    """Share of the training scenarios that layer and multiplier are chosen on."""
    most: int = 60
    """Held-out dilemmas that are scored at most, spread over the value pairs."""

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
        once = {scorer.prompter.prompt(dilemma, None): dilemma for dilemma in parts.test.dilemmas}
        judged = spread(once.values(), config.most)
        if not judged:
            raise BadInputError(
                f"{len(usable)} dilemmas leave none to choose a layer on; give one layer and multiplier"
            )
        tried = _contrasts(scorer, parts.train.dilemmas, taxonomy, layers, config)
        best = _best(scorer, tried, judged, taxonomy, layers, config, random.Random(f"vectors {seed}"), progress)
    found = _contrasts(scorer, usable, taxonomy, [best[0]], config)
    return found.vectors(0, best[0], best[1] / config.reach, language.identity)


class _Contrasts(NamedTuple):
    """What was read off the stream: value pair's name to `[layer, dim]`, n `[layer, dim]`, s `[layer]`."""

    by_pair: dict[str, Tensor]
    somebody: Tensor | None = None
    level: Tensor | None = None

    def vectors(self, i: int, layer: int, multiplier: float, identity: str = "") -> Vectors:
        """Those of the layer at place `i`."""
        by_pair = {name: own[i] for name, own in self.by_pair.items()}
        if self.somebody is None or self.level is None:
            return Vectors(by_pair, layer, multiplier, identity)
        return Vectors(by_pair, layer, multiplier, identity, self.somebody[i], float(self.level[i]))


def _contrasts(
    scorer: LmScorer, dilemmas: Sequence[Dilemma], taxonomy: Taxonomy, layers: Sequence[int], config: VectorFit
) -> _Contrasts:
    if config.contrast == "answers":
        return _Contrasts(mean_differences(scorer, dilemmas, taxonomy, layers))
    groups = [
        [_about_to_choose(scorer.prompter, dilemma, who) for who in (*taxonomy.by_name[dilemma.value_pair].poles, None)]
        for dilemma in dilemmas
    ]
    streams = [torch.zeros(3, len(layers), anatomy(scorer.language.model).config.hidden_size) for _ in groups]
    tries = SteeredTrie(scorer.language.model)
    with torch.no_grad(), evaluating(scorer.language.model):
        for batch in batches(groups, max_nodes=MAX_NODES):
            for member, stream in zip(batch.members, tries.residual(batch.plan, layers), strict=True):
                streams[member.group][member.branch] = stream
    found: dict[str, list[Tensor]] = {pair.name: [] for pair in taxonomy}
    for dilemma, stream in zip(dilemmas, streams, strict=True):
        found[dilemma.value_pair].append(stream.double())
    if none := [name for name, own in found.items() if not own]:
        raise BadInputError(f"no dilemma about {', '.join(none)} has options of both poles: no vector can be made")
    # [(positive, negative, nobody), layer, dim] each
    means = {name: torch.stack(own).mean(0) for name, own in found.items()}
    between = torch.stack([(own[0] + own[1]) / 2 for own in means.values()]).mean(0)
    nobody = torch.stack([own[2] for own in means.values()]).mean(0)
    somebody = torch.nn.functional.normalize(between - nobody, dim=-1)
    by_pair = {name: ((own[0] - own[1]) / 2).float() for name, own in means.items()}
    return _Contrasts(by_pair, somebody.float(), (between * somebody).sum(-1))


def _about_to_choose(prompter: Prompter, dilemma: Dilemma, pole: Pole | None) -> Branch:
    """Prompt and reply up to the option's letter, then a token that is predicted and never read."""
    tokens = prompter.prompt(dilemma, pole) + prompter.letters(dilemma)[0]
    return Branch((*tokens, 0), len(tokens))


def _best(
    scorer: LmScorer,
    contrasts: _Contrasts,
    dilemmas: Sequence[Dilemma],
    taxonomy: Taxonomy,
    layers: Sequence[int],
    config: VectorFit,
    draw: random.Random,
    progress: Progress | None,
) -> tuple[int, float]:
    """Layer and multiplier of the least error; the smaller of equals."""
    tries, done = SteeredTrie(scorer.language.model), []
    turns = _turns(dilemmas, taxonomy, config.reach, draw)
    for i, layer in enumerate(layers):
        for multiplier in config.multipliers:
            vectors = contrasts.vectors(i, layer, multiplier / config.reach)
            done.append((round(_error(scorer, tries, turns, taxonomy, vectors, config.reach), 6), multiplier, layer))
            if progress:
                progress(len(done), len(layers) * len(config.multipliers))
    _, multiplier, layer = min(done)
    return layer, multiplier


class _Turn(NamedTuple):
    """A dilemma with its pair, and the other pairs it is steered along, `[value_pair]` each."""

    dilemma: Dilemma
    own: Tensor
    others: Tensor
    gold: list[int]
    """Options of the positive pole."""


def _turns(dilemmas: Sequence[Dilemma], taxonomy: Taxonomy, reach: float, draw: random.Random) -> list[_Turn]:
    """Every dilemma in a company of its own, which is nobody as often as somebody."""
    turns = []
    for dilemma in dilemmas:
        pair = taxonomy.by_name[dilemma.value_pair]
        beside = company([other for other in taxonomy if other != pair], reach, draw)
        own = torch.tensor([float(other == pair) for other in taxonomy])
        others = torch.tensor([beside.get(other, 0.0) for other in taxonomy])
        turns.append(_Turn(dilemma, own, others, list(dilemma.gold(pair.positive.name))))
    return turns


def _error(
    scorer: LmScorer, tries: SteeredTrie, turns: Sequence[_Turn], taxonomy: Taxonomy, vectors: Vectors, reach: float
) -> float:
    """How far from v the log-odds move that v is asked for, squared; mean over strengths, alone and in company.

    Log-odds are averaged over dilemmas first: what steering stirs up in each that is no leaning cancels.
    """
    before = _log_odds(scorer, tries, turns, [turn.others for turn in turns], taxonomy, vectors)
    alone = np.array([not bool(turn.others.any()) for turn in turns])
    errors = []
    for v in (-2 * reach / 3, -reach / 3, reach / 3, 2 * reach / 3):
        mixes = [turn.others + v * turn.own for turn in turns]
        moved = _log_odds(scorer, tries, turns, mixes, taxonomy, vectors) - before
        errors += [(float(moved[part].mean()) - v) ** 2 for part in (alone, ~alone) if part.any()]
    return float(np.mean(errors))


def _log_odds(
    scorer: LmScorer,
    tries: SteeredTrie,
    turns: Sequence[_Turn],
    strengths: Sequence[Tensor],
    taxonomy: Taxonomy,
    vectors: Vectors,
) -> NDArray[np.float64]:
    """Of the positive pole of each turn's dilemma, `[turn]`."""
    rows = _choices(scorer, tries, [turn.dilemma for turn in turns], strengths, taxonomy, vectors)
    share = [row.double().exp()[turn.gold].sum().clamp(1e-9, 1 - 1e-9) for turn, row in zip(turns, rows, strict=True)]
    found: NDArray[np.float64] = torch.stack(share).logit().numpy()
    return found


def _choices(
    scorer: LmScorer,
    tries: SteeredTrie,
    dilemmas: Sequence[Dilemma],
    strengths: Sequence[Tensor],
    taxonomy: Taxonomy,
    vectors: Vectors,
) -> list[Tensor]:
    """Log-probability of each dilemma's options by their letters, put to nobody and steered, `[option]` each."""
    prompter = scorer.prompter
    directions = vectors.multiplier * torch.stack([vectors.by_pair[pair.name] for pair in taxonomy])
    none = torch.zeros(directions.shape[1])
    lost = none if vectors.somebody is None else vectors.somebody
    offsets = [v @ directions + vectors.level * lost if v.any() else none for v in strengths]
    groups, starts = [], []
    for dilemma in dilemmas:
        lead, ends = prompter.letters(dilemma)
        prompt = prompter.prompt(dilemma, None)
        groups.append([Branch(prompt + lead + end, len(prompt) + len(lead)) for end in ends])
        starts.append(len(prompt) - 1)
    found = [torch.zeros(len(group)) for group in groups]
    with torch.no_grad(), evaluating(scorer.language.model):
        for batch in batches(groups, max_nodes=MAX_NODES):
            owners = [member.group for member in batch.members]
            moved = torch.stack([offsets[g] for g in owners])
            erased = torch.stack([lost if strengths[g].any() else none for g in owners])
            sums = tries.log_probs(batch.plan, vectors.layer, [starts[g] for g in owners], moved, erased)
            for member, value in zip(batch.members, sums.cpu(), strict=True):
                found[member.group][member.branch] = value
    return [row.log_softmax(0) for row in found]
