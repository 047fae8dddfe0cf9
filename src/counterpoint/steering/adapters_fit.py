"""Trains one LoRA adapter a value pair that works as a dial: what `methods/adapters.py` mixes.

For a dilemma about pair d, put to nobody in particular, and a strength v, with q the target of `turning.py`:

    L = - sum over o of q(o) [ log p(o | W + R + v D_d) + mean over tokens of log p(reply o | W + R + v D_d) ]

p(o) is the probability of the option's letter, D_d = s B A the adapter, and R the other pairs' adapters at strengths of
their own (or at 0, as often). v is drawn evenly on (0, reach] and used with both signs. So the adapter is trained to be
turned: v moves the log-odds of its pole by v, up to `reach`, whatever else is mixed in. All adapters of the mix learn
from it: that two of them don't drown each other is the work of both. Ours, after PFT (arXiv 2604.12479): where that has
a pole's name in the prompt, here is an adapter's sign. Trained at v = 1 on certain answers alone, adapters fall back
beyond 1 (docs/design/0005).

Adapters are trained on the model as it is, its own adapter included, through the very hooks that apply them
(`adapter_bank.py`); its weights are not touched. A step's replies under one v are one trie.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from counterpoint.data.order import shuffle_options
from counterpoint.errors import BadInputError
from counterpoint.models.language_model import LanguageModel
from counterpoint.models.prompts import PromptConfig, Prompter
from counterpoint.models.trie import Branch, TrieEngine, build_plan
from counterpoint.models.trie.anatomy import anatomy
from counterpoint.models.trie.check import evaluating
from counterpoint.steering.adapter_bank import Lora, adding
from counterpoint.steering.methods.adapters import Adapters
from counterpoint.steering.turning import chosen, company, frozen, strength, target, warmth
from counterpoint.types import Dilemma, Taxonomy, ValuePair

Progress = Callable[[int, int], None]
"""Told how many steps are done, and of how many."""


@dataclass(frozen=True)
class AdapterTraining:
    """Settings of one pair's adapter."""

    rank: int = 8
    """Of each weight's change."""
    alpha: int = 16
    """The change is scaled by alpha / rank."""
    modules: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj")
    """Linear layers that get one, by the last part of their name."""
    epochs: int = 6
    """Passes over a pair's dilemmas."""
    batch: int = 4
    """Dilemmas of a step."""
    learning_rate: float = 2e-4
    """AdamW's at its highest."""
    decay: float = 0.01
    """AdamW's, of all weights trained."""
    clip: float = 1.0
    """Largest norm of a step's gradient."""
    reach: float = 3.0
    """Strengths that are trained, on either side."""

    def __post_init__(self) -> None:
        for name in ("rank", "alpha", "epochs", "batch"):
            if getattr(self, name) < 1:
                raise BadInputError(f"{name} is {getattr(self, name)}; expected at least 1")
        if not (self.learning_rate > 0 and self.decay >= 0 and self.clip > 0 and self.reach > 0):
            raise BadInputError("learning_rate, clip and reach must be above 0, and decay at least 0")


TINY = AdapterTraining(learning_rate=5e-3)
"""For `lm:tiny`, which learns nothing at rates made for large models."""


def fit_adapters(
    language: LanguageModel,
    dilemmas: Sequence[Dilemma],
    taxonomy: Taxonomy,
    *,
    training: AdapterTraining | None = None,
    prompts: PromptConfig | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Adapters:
    """One adapter a value pair, trained on the dilemmas about it; all at once, since they are to be mixed.

    Raises:
        BadInputError: a pair has no dilemma with options of both poles, or the model no modules of the names wanted.
    """
    training = training or AdapterTraining()
    shuffled = [shuffle_options(dilemma, seed) for dilemma in dilemmas]
    by_pair = {
        pair: [d for d in shuffled if d.value_pair == pair.name and all(d.gold(pole.name) for pole in pair.poles)]
        for pair in taxonomy
    }
    if none := [pair.name for pair, own in by_pair.items() if not own]:
        raise BadInputError(f"no dilemma about {', '.join(none)} has options of both poles: nothing to train on")
    fit = _Fit(language, Prompter(language.tokenizer, prompts), taxonomy, training, seed)
    steps = list(_batches(by_pair, training, seed))
    with frozen(language.model), evaluating(language.model):
        for step, (pair, batch) in enumerate(steps):
            fit.step(pair, batch, (step + 1) / len(steps))
            if progress:
                progress(step + 1, len(steps))
    return Adapters({pair.name: fit.lora(pair) for pair in taxonomy}, language.identity)


class _Fit:
    """Adapters being trained."""

    def __init__(
        self, language: LanguageModel, prompter: Prompter, taxonomy: Taxonomy, training: AdapterTraining, seed: int
    ) -> None:
        self.model, self.prompter, self.training = language.model, prompter, training
        self.engine = TrieEngine(language.model)
        self.scale = training.alpha / training.rank
        self.factors = {pair: _fresh(language.model, training, seed + i) for i, pair in enumerate(taxonomy)}
        self.optimisers = {
            pair: torch.optim.AdamW(self._weights(pair), lr=0.0, weight_decay=training.decay) for pair in taxonomy
        }
        self.draw = random.Random(f"strengths {seed}")

    def step(self, pair: ValuePair, dilemmas: Sequence[Dilemma], progress: float) -> None:
        """One update, at this share of the whole training, of this pair's adapter and of those it is mixed with."""
        training = self.training
        others = company([other for other in self.factors if other != pair], training.reach, self.draw)
        v = strength(training.reach, self.draw)
        with torch.no_grad(), self._applied(others):
            before = self._choices(dilemmas)
        mixed = [pair, *others]
        for each in mixed:
            self.optimisers[each].param_groups[0]["lr"] = training.learning_rate * warmth(progress)
            self.optimisers[each].zero_grad()
        for signed in (v, -v):
            targets = [target(d, pair, row, signed) for d, row in zip(dilemmas, before, strict=True)]
            with self._applied({**others, pair: signed}):
                self._loss(dilemmas, targets).backward()  # type: ignore[no-untyped-call]
        for each in mixed:
            nn.utils.clip_grad_norm_(self._weights(each), training.clip)
            self.optimisers[each].step()

    def lora(self, pair: ValuePair) -> Lora:
        """What was trained for this pair."""
        factors = {name: (a.detach().cpu(), b.detach().cpu()) for name, (a, b) in self.factors[pair].items()}
        return Lora(factors, self.scale)

    def _weights(self, pair: ValuePair) -> list[Tensor]:
        return [factor for ab in self.factors[pair].values() for factor in ab]

    @contextmanager
    def _applied(self, strengths: Mapping[ValuePair, float]) -> Iterator[None]:
        """Within it these pairs' adapters are added at their strengths, with gradient."""
        causal_lm = anatomy(self.model).causal_lm
        with ExitStack() as stack:
            for pair, v in strengths.items():
                for name, (a, b) in self.factors[pair].items():
                    gate = torch.full((1, 1, len(a)), v * self.scale, device=a.device)
                    stack.callback(causal_lm.get_submodule(name).register_forward_hook(adding(gate, a, b)).remove)
            yield

    def _letters(self, dilemma: Dilemma) -> list[Branch]:
        """Its replies up to the option's letter, `[option]`."""
        lead, ends = self.prompter.letters(dilemma)
        start = self.prompter.prompt(dilemma, None) + lead
        return [Branch(start + end, len(start)) for end in ends]

    def _replies(self, dilemma: Dilemma) -> list[Branch]:
        """Whole replies, `[option]`."""
        start = self.prompter.prompt(dilemma, None)
        return [
            Branch(start + self.prompter.response(dilemma, option), len(start))
            for option in range(len(dilemma.options))
        ]

    def _choices(self, dilemmas: Sequence[Dilemma]) -> list[Tensor]:
        """Log-probability of each dilemma's options by their letters, `[option]` each."""
        plan = build_plan([branch for dilemma in dilemmas for branch in self._letters(dilemma)])
        return chosen(dilemmas, self.engine.log_probs(plan).sums)

    def _loss(self, dilemmas: Sequence[Dilemma], targets: Sequence[Tensor]) -> Tensor:
        """Mean over dilemmas: cross-entropy of letters, and of whole replies per token; nats."""
        letters = [branch for dilemma in dilemmas for branch in self._letters(dilemma)]
        replies = [branch for dilemma in dilemmas for branch in self._replies(dilemma)]
        found = self.engine.log_probs(build_plan([*letters, *replies]))
        choices = torch.cat(chosen(dilemmas, found.sums[: len(letters)]))
        return -(torch.cat(list(targets)) * (choices + found.means[len(letters) :])).sum() / len(dilemmas)


def _fresh(model: Any, training: AdapterTraining, seed: int) -> dict[str, tuple[Tensor, Tensor]]:
    """Factors to begin with, by module: A drawn as peft draws it, B zero, so that nothing is changed."""
    draw = torch.Generator().manual_seed(seed)
    found = {}
    for name, module in anatomy(model).causal_lm.named_modules():
        layer = getattr(module, "base_layer", module)
        if name.rpartition(".")[2] in training.modules and isinstance(layer, nn.Linear):
            reach = layer.in_features**-0.5
            a = (torch.rand(training.rank, layer.in_features, generator=draw) * 2 - 1) * reach
            b = torch.zeros(layer.out_features, training.rank)
            device = layer.weight.device
            found[name] = (a.to(device).requires_grad_(True), b.to(device).requires_grad_(True))
    if not found:
        raise BadInputError(f"the model has no linear layers named {', '.join(training.modules)}")
    return found


def _batches(
    by_pair: Mapping[ValuePair, Sequence[Dilemma]], training: AdapterTraining, seed: int
) -> Iterator[tuple[ValuePair, list[Dilemma]]]:
    """Every dilemma once an epoch, in an order of its own; a batch is of one pair."""
    for epoch in range(training.epochs):
        draw = random.Random(f"adapters {seed} {epoch}")
        batches: list[tuple[ValuePair, list[Dilemma]]] = []
        for pair, own in by_pair.items():
            order = draw.sample(list(own), len(own))
            batches += [(pair, order[i : i + training.batch]) for i in range(0, len(order), training.batch)]
        draw.shuffle(batches)
        yield from batches
