"""Trains one LoRA adapter a value pair that works as a dial: what `methods/adapters.py` mixes.

    L_d = E over dilemmas about d, strengths v, signs:  s(v) NLL(y+ | x; W + v D_d) + s(-v) NLL(y- | x; W + v D_d)

D_d = s B A; x asks nobody in particular; y+ and y- are replies that choose an option of either pole; s(v) = 1 / (1 +
exp(-v)) is how often somebody of strength v chooses the positive pole by the belief's own model, P(o | v) ~ exp(v .
x(o)), where a dilemma's two sides are one nat apart. NLL is the mean over a reply's tokens, then over a side's replies.
v is drawn evenly on (0, reach], and every dilemma is seen with v and with -v.

So the adapter is trained to be turned: at v the odds of the positive pole are exp(v), up to `reach` on either side, and
what both sides have in common can't be learnt, since it cancels. After PFT (arXiv 2604.12479), with the sign of an adapter
where that has the pole's name in the prompt; ours. Trained with v = 1 and certain answers alone, adapters fall back
beyond 1 and drown each other when two are mixed (docs/design/0005).

Adapters are trained one pair after another on the model as it is, its own adapter included, through the very hooks that
apply them (`adapter_bank.py`); its weights are not touched. A dilemma's replies under one v are one trie.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
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
from counterpoint.types import Dilemma, Taxonomy, ValuePair

Progress = Callable[[str, float], None]
"""Told what is being trained, and the share of the whole that is done."""


@dataclass(frozen=True)
class AdapterTraining:
    """Settings of one pair's adapter."""

    rank: int = 8
    """Of each weight's change."""
    alpha: int = 16
    """The change is scaled by alpha / rank."""
    modules: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj")
    """Linear layers that get one, by the last part of their name."""
    epochs: int = 3
    """Passes over a pair's dilemmas."""
    batch: int = 4
    """Dilemmas of a step."""
    learning_rate: float = 2e-4
    """AdamW's at its highest; it rises over a tenth of the steps and falls linearly to 0."""
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
    """One adapter a value pair, trained on the dilemmas about it.

    Raises:
        BadInputError: a pair has no dilemma with options of both poles, or the model no modules of the names wanted.
    """
    training = training or AdapterTraining()
    shuffled = [shuffle_options(dilemma, seed) for dilemma in dilemmas]
    prompter = Prompter(language.tokenizer, prompts)
    found: dict[str, Lora] = {}
    for i, pair in enumerate(taxonomy):
        own = [d for d in shuffled if d.value_pair == pair.name and all(d.gold(pole.name) for pole in pair.poles)]
        if not own:
            raise BadInputError(f"no dilemma about {pair.name} has options of both poles: nothing to train on")

        def tell(share: float, i: int = i, name: str = pair.name) -> None:
            if progress:
                progress(name, (i + share) / len(taxonomy))

        found[pair.name] = _train(language, prompter, own, pair, training, seed, tell)
    return Adapters(found, language.identity)


def _train(
    language: LanguageModel,
    prompter: Prompter,
    dilemmas: Sequence[Dilemma],
    pair: ValuePair,
    training: AdapterTraining,
    seed: int,
    tell: Callable[[float], None],
) -> Lora:
    factors = _fresh(language.model, training, seed)
    weights = [factor for ab in factors.values() for factor in ab]
    optimiser = torch.optim.AdamW(weights, lr=training.learning_rate, weight_decay=training.decay)
    engine, scale = TrieEngine(language.model), training.alpha / training.rank
    batches = list(_batches(dilemmas, training, seed))
    draw = random.Random(f"strengths {seed}")
    warm = max(1, len(batches) // 10)
    frozen = [p for p in language.model.parameters() if p.requires_grad]
    try:
        for parameter in frozen:
            parameter.requires_grad_(False)
        with evaluating(language.model):
            for step, batch in enumerate(batches):
                share = min((step + 1) / warm, (len(batches) - step) / max(1, len(batches) - warm))
                optimiser.param_groups[0]["lr"] = training.learning_rate * min(1.0, share)
                optimiser.zero_grad()
                strength = training.reach * (1 - draw.random())
                for v in (strength, -strength):
                    with _applied(language.model, factors, v * scale):
                        _loss(engine, prompter, batch, pair, v).backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(weights, training.clip)
                optimiser.step()
                tell((step + 1) / len(batches))
    finally:
        for parameter in frozen:
            parameter.requires_grad_(True)
    return Lora({name: (a.detach().cpu(), b.detach().cpu()) for name, (a, b) in factors.items()}, scale)


def _loss(engine: TrieEngine, prompter: Prompter, dilemmas: Sequence[Dilemma], pair: ValuePair, v: float) -> Tensor:
    """Mean over dilemmas of both sides' mean NLL, each weighed by how often somebody of strength v takes it; nats."""
    positive = 1 / (1 + math.exp(-v))
    branches, weights = [], []
    for dilemma in dilemmas:
        prompt = prompter.prompt(dilemma, None)
        for pole, share in zip(pair.poles, (positive, 1 - positive), strict=True):
            gold = dilemma.gold(pole.name)
            for option in gold:
                branches.append(Branch(prompt + prompter.response(dilemma, option), len(prompt)))
                weights.append(share / (len(gold) * len(dilemmas)))
    means = engine.log_probs(build_plan(branches)).means
    return -(means * torch.tensor(weights, device=means.device)).sum()


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


@contextmanager
def _applied(model: Any, factors: dict[str, tuple[Tensor, Tensor]], scale: float) -> Iterator[None]:
    """Within it the model's layers have these factors added, with gradient."""
    causal_lm = anatomy(model).causal_lm
    with ExitStack() as stack:
        for name, (a, b) in factors.items():
            hook = adding(torch.full((1, 1, len(a)), scale, device=a.device), a, b)
            stack.callback(causal_lm.get_submodule(name).register_forward_hook(hook).remove)
        yield


def _batches(dilemmas: Sequence[Dilemma], training: AdapterTraining, seed: int) -> Iterator[list[Dilemma]]:
    """Every dilemma once an epoch, in an order of its own."""
    for epoch in range(training.epochs):
        order = list(dilemmas)
        random.Random(f"adapters {seed} {epoch}").shuffle(order)
        yield from (order[i : i + training.batch] for i in range(0, len(order), training.batch))
