"""A random language model of a few weights with something to steer by: real code, no training, milliseconds."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax

from counterpoint.models.decoding import Decoding
from counterpoint.models.language_model import LanguageModel
from counterpoint.steering.adapter_bank import Lora
from counterpoint.steering.asking import Ask, Asked, Conversation, Message, Request
from counterpoint.steering.engine import Engine
from counterpoint.steering.methods.activation import Vectors
from counterpoint.steering.methods.adapters import Adapters
from counterpoint.steering.steering import Steering
from counterpoint.types import Dilemma, Option, Pole, Taxonomy, ValuePair
from small_language import language

PAIRS = Taxonomy(
    "small",
    (
        ValuePair("Tempo", Pole("Hare", "Leans to the quick."), Pole("Tortoise", "Leans to the slow.")),
        ValuePair("Company", Pole("Bee", "Leans to others."), Pole("Cat", "Leans to being alone.")),
    ),
)
GREEDY = Decoding(temperature=0, max_new_tokens=8)
MODEL_METHODS = ("mixture", "activation", "adapters")

DILEMMA = Dilemma(
    id="boat",
    value_pair="Tempo",
    scenario="Zoë finds a boat.",
    question="What does she do?",
    options=(Option("Row at once", "Hare"), Option("Walk along the shore", "Tortoise")),
)
TALK = Conversation(
    (Message("system", "Be kind."), Message("user", "Hi."), Message("assistant", "Hello."), Message("user", "And now?"))
)


def materials(made: LanguageModel, seed: int = 0) -> dict[str, Any]:
    """Random vectors and adapters, strong enough to be seen; what tells candidates apart."""
    draw = torch.Generator().manual_seed(seed)
    vectors = {pair.name: torch.randn(32, generator=draw) for pair in PAIRS}
    loras = {pair.name: lora(made, draw) for pair in PAIRS}
    return {
        "activation": Vectors(vectors, layer=1, multiplier=1.0, somebody=torch.full((32,), 32**-0.5), level=2.0),
        "adapters": Adapters(loras),
        "rerank": LetterScorer(),
        "neighbourhood": LetterScorer(),
    }


class LetterScorer:
    """Finds an option the likelier the more it holds of a pole's letters."""

    letters = ("abcdefghijklm", "nopqrstuvwxyz", "aeiou", "bdfhj")

    name = "letters"

    def score(self, dilemmas: Sequence[Dilemma], poles: Sequence[Sequence[Pole]]) -> list[NDArray[np.float32]]:
        names = [pole.name for pole in PAIRS.poles]
        own = {name: set(letters) for name, letters in zip(names, self.letters, strict=True)}
        return [
            np.asarray(
                log_softmax([[sum(c in own[p.name] for c in o.text) for o in dilemma.options] for p in asked], axis=1),
                np.float32,
            )
            for dilemma, asked in zip(dilemmas, poles, strict=True)
        ]

    def save(self, folder: Path) -> None:
        (folder / "letters.json").write_text("{}")

    def describe(self) -> dict[str, Any]:
        return {"kind": "letters"}


def lora(made: LanguageModel, draw: torch.Generator, rank: int = 3) -> Lora:
    """A random adapter."""
    factors = {
        name: (
            torch.randn(rank, module.in_features, generator=draw) * 0.2,
            torch.randn(module.out_features, rank, generator=draw) * 0.2,
        )
        for name, module in made.model.named_modules()
        if name.rpartition(".")[2] in ("q_proj", "v_proj")
    }
    return Lora(factors, 2.0)


def engine(template: str = "chatml", **settings: Any) -> Engine:
    """A random model with all materials."""
    made = language(template)
    return Engine(made, PAIRS, materials=materials(made), **settings)


def asks(count: int) -> list[Ask]:
    """Questions of different lengths and kinds that share prefixes here and there."""
    found: list[Ask] = []
    for i in range(count):
        words = "and so on " * (i % 5)
        found.append(
            Asked(DILEMMA) if i % 3 == 0 else Conversation.said(f"What about {words}{i // 2}?") if i % 3 == 1 else TALK
        )
    return found


def requests(count: int, methods: Sequence[str] = MODEL_METHODS, decoding: Decoding = GREEDY) -> list[Request]:
    """So many questions, each with a steering of its own, methods in turn."""
    draw = random.Random(0)
    steerings = [Steering(tuple(draw.uniform(-3, 3) for _ in PAIRS)) for _ in range(count)]
    return [
        Request(ask, steering, methods[i % len(methods)], decoding, seed=i)
        for i, (ask, steering) in enumerate(zip(asks(count), steerings, strict=True))
    ]
