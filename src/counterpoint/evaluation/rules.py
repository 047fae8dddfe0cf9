"""Rules that read nothing: they pick by position or length. Any model must beat the best of them, on every table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from counterpoint.types import Dilemma, Taxonomy

Rule = Callable[[Dilemma], int]


def _position(index: int) -> Rule:
    return lambda dilemma: min(index, len(dilemma.options) - 1)


RULES: Mapping[str, Rule] = {
    "first": _position(0),
    "second": _position(1),
    "third": _position(2),
    "last": lambda dilemma: len(dilemma.options) - 1,
    "longest": lambda dilemma: max(range(len(dilemma.options)), key=lambda i: len(dilemma.options[i].text)),
    "shortest": lambda dilemma: min(range(len(dilemma.options)), key=lambda i: len(dilemma.options[i].text)),
}
"""Each returns the index of the option it picks; lengths are in characters, the first of equals wins."""


def best_rules(train: Sequence[Dilemma], taxonomy: Taxonomy) -> dict[str, str]:
    """For every pole that has a dilemma, the rule of highest Acc_one on the training dilemmas: pole -> rule name."""
    best = {}
    for pole in taxonomy.poles:
        asked = [dilemma for dilemma in train if dilemma.gold(pole.name)]
        if asked:
            best[pole.name] = max(RULES, key=lambda name: sum(RULES[name](d) in d.gold(pole.name) for d in asked))
    return best


def chance(dilemmas: Sequence[Dilemma], pole: str) -> float | None:
    """Expected Acc_one of picking an option at random: mean share of the pole's options; None without any dilemma."""
    shares = [len(gold) / len(d.options) for d in dilemmas if (gold := d.gold(pole))]
    return sum(shares) / len(shares) if shares else None
