"""Dilemmas made up for tests."""

from __future__ import annotations

import random

from counterpoint.data import taxonomy
from counterpoint.types import Dilemma, Option

VCD = taxonomy("vcd")
RISK = VCD.by_name["Risk Orientation"]
SCENARIO = "Your sister wants to open a second shop and asks you for nine thousand by Friday."


def dilemma(*options: tuple[str, str], scenario: str = SCENARIO, pair: str = RISK.name, **fields: str) -> Dilemma:
    """A dilemma of these texts and poles."""
    given = options or (("Give her all of it.", "Risk-taking"), ("Keep it in the bank.", "Risk-averse"))
    return Dilemma("d", pair, scenario, tuple(Option(*option) for option in given), "What do you do?", **fields)


def many(count: int, seed: int) -> list[Dilemma]:
    """Dilemmas of all pairs with options of random lengths, split at random."""
    chance = random.Random(seed)
    made = []
    for i in range(count):
        pair = VCD.pairs[i % len(VCD)]
        size = chance.choice([2, 3, 4, 5])
        positive = chance.randint(1, size - 1)
        poles = [pair.positive.name] * positive + [pair.negative.name] * (size - positive)
        texts = [f"{i} {j} " + "x" * chance.randint(5, 60) for j in range(size)]
        options = tuple(Option(text, pole) for text, pole in zip(texts, poles, strict=True))
        made.append(Dilemma(str(i), pair.name, f"scenario {i}", options))
    return made
