"""Puts options in an order such that rules about places (the first, the last, the second, ...) stay near chance.

Which rules there are and what is allowed is as in `balance`. Dilemma by dilemma the pattern of poles is chosen that
leaves the differences smallest, over and over until nothing changes; where that ends with a rule too far off, it starts
again in another order.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cache
from itertools import combinations

from counterpoint.authoring.dilemmas.balance import allowed
from counterpoint.data.rules_of_thumb import OVERALL
from counterpoint.types import Dilemma, Taxonomy

Pattern = tuple[bool, ...]
"""`[option]`: whether the option in this place is of the positive pole."""
_ROUNDS = 20
_STARTS = 60
_TOO_FAR = 1000.0
"""What a rule beyond what is allowed weighs, against the squares of those within."""


def arranged(dilemmas: Sequence[Dilemma], taxonomy: Taxonomy) -> list[tuple[int, ...]]:
    """An order of options for each dilemma, `[dilemma]`; it depends on the dilemmas alone.

    Which option of a side comes first is drawn from the dilemma's content.
    """
    sides = [
        tuple(option.pole == taxonomy.by_name[dilemma.value_pair].positive.name for option in dilemma.options)
        for dilemma in dilemmas
    ]
    pairs = [dilemma.value_pair for dilemma in dilemmas]
    best = _Search(pairs, sides)
    for start in range(_STARTS):
        tried = _Search(pairs, sides)
        tried.settle(random.Random(start))
        if start == 0 or tried.total() < best.total():
            best = tried
        if best.total() < _TOO_FAR:
            break
    return [
        _order(dilemma, side, pattern) for dilemma, side, pattern in zip(dilemmas, sides, best.patterns, strict=True)
    ]


class _Search:
    """Patterns of all dilemmas, and how far each rule is off with them."""

    def __init__(self, pairs: Sequence[str], sides: Sequence[Pattern]) -> None:
        self._pairs = pairs
        self.patterns = list(sides)
        self._off: dict[tuple[str, str], float] = defaultdict(float)
        counts: Counter[tuple[str, str]] = Counter()
        for pair, side in zip(pairs, sides, strict=True):
            counts.update((rule, scope) for rule in place_offs(side) for scope in (pair, OVERALL))
            self._add(pair, side, 1)
        self._allowed = {place: allowed(count) for place, count in counts.items()}

    def settle(self, chance: random.Random) -> None:
        """Choose pattern after pattern until nothing changes."""
        order = chance.sample(range(len(self.patterns)), len(self.patterns))
        for _ in range(_ROUNDS):
            before = list(self.patterns)
            for i in order:
                pair, old = self._pairs[i], self.patterns[i]
                self._add(pair, old, -1)
                badness = {pattern: self._with(pair, pattern) for pattern in _patterns(len(old), sum(old))}
                least = min(badness.values())
                self.patterns[i] = chance.choice([p for p, bad in badness.items() if bad <= least + 1e-9])
                self._add(pair, self.patterns[i], 1)
            if self.patterns == before:
                return

    def total(self) -> float:
        """How bad all rules are together; below `_TOO_FAR` where each is within what is allowed, or nearly so."""
        return sum(_TOO_FAR for place, off in self._off.items() if abs(off) > self._allowed[place])

    def _with(self, pair: str, pattern: Pattern) -> float:
        places = [(rule, scope, by) for rule, by in place_offs(pattern).items() for scope in (pair, OVERALL)]
        return sum(_bad(self._off[rule, scope] + by, self._allowed[rule, scope]) for rule, scope, by in places)

    def _add(self, pair: str, pattern: Pattern, sign: int) -> None:
        for rule, by in place_offs(pattern).items():
            for scope in (pair, OVERALL):
                self._off[rule, scope] += sign * by


@cache
def place_offs(pattern: Pattern) -> dict[str, float]:
    """By how much each rule beats chance on one dilemma: its hit (1 or 0) less the share of positives."""
    share = sum(pattern) / len(pattern)
    hits = {"first": pattern[0], "last": pattern[-1]}
    hits |= {f"position {place + 1}": pattern[place] for place in range(1, len(pattern))}
    return {rule: hit - share for rule, hit in hits.items()}


def _bad(off: float, most: float) -> float:
    return (off / most) ** 2 + _TOO_FAR * max(0.0, abs(off) - most)


@cache
def _patterns(options: int, positive: int) -> tuple[Pattern, ...]:
    """All ways to place so many positive options."""
    chosen = combinations(range(options), positive)
    return tuple(tuple(place in places for place in range(options)) for places in chosen)


def _order(dilemma: Dilemma, side: Pattern, pattern: Pattern) -> tuple[int, ...]:
    mixed = random.Random(dilemma.digest).sample(range(len(side)), len(side))
    of_side = {which: iter([i for i in mixed if side[i] == which]) for which in (True, False)}
    return tuple(next(of_side[which]) for which in pattern)
