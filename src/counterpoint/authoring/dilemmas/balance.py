"""How far rules that read nothing are from chance on the rows kept so far, and how to keep them there.

A rule (the first option, the longest, ...) is fair on n dilemmas if the number of times it hits the positive pole is
what chance gives: the sum of each dilemma's share of positive options. `counterpoint data lint` allows a difference of
5% of n, or of one dilemma where that is more, in each value pair and over all. The negative pole's difference is the
same with the other sign.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations

from counterpoint.data.lint import TOLERANCE
from counterpoint.data.rules_of_thumb import OVERALL

Pattern = tuple[bool, ...]
"""`[option]`: whether the option in this place is of the positive pole."""


class Balance:
    """Differences from chance by rule and scope (a value pair, or all), in dilemmas.

    Args:
        planned: dilemmas planned for each value pair.
    """

    def __init__(self, planned: Mapping[str, int]) -> None:
        self._planned = {**planned, OVERALL: sum(planned.values())}
        self._off: dict[tuple[str, str], float] = defaultdict(float)

    def leaning(self, pair: str, positive: Sequence[bool], lengths: Sequence[int]) -> str:
        """The rule about length that this dilemma would carry too far from chance; empty if it may be kept."""
        for rule, off in length_offs(positive, lengths).items():
            for scope in (pair, OVERALL):
                allowed = max(1.0, TOLERANCE * self._planned[scope]) + 1e-9
                before, after = self._off[rule, scope], self._off[rule, scope] + off
                if abs(after) > allowed and abs(after) > abs(before):
                    return rule
        return ""

    def best_order(self, pair: str, positive: int, options: int) -> Pattern:
        """The places of the positive options that leave all rules about places closest to chance."""
        patterns = [
            tuple(place in chosen for place in range(options)) for chosen in combinations(range(options), positive)
        ]
        return min(patterns, key=lambda pattern: (self._distance(pair, pattern), pattern))

    def add(self, pair: str, pattern: Pattern, lengths: Sequence[int]) -> None:
        """Count a dilemma that is kept."""
        for rule, off in {**place_offs(pattern), **length_offs(pattern, lengths)}.items():
            for scope in (pair, OVERALL):
                self._off[rule, scope] += off

    def _distance(self, pair: str, pattern: Pattern) -> float:
        offs = place_offs(pattern)
        return sum((self._off[rule, scope] + off) ** 2 for rule, off in offs.items() for scope in (pair, OVERALL))


def place_offs(pattern: Pattern) -> dict[str, float]:
    """By how much each rule about places beats chance on one dilemma: hit (1 or 0) less the share of positives."""
    share = sum(pattern) / len(pattern)
    hits = {"first": pattern[0], "last": pattern[-1]}
    hits |= {f"position {place + 1}": pattern[place] for place in range(1, len(pattern))}
    return {rule: hit - share for rule, hit in hits.items()}


def length_offs(positive: Sequence[bool], lengths: Sequence[int]) -> dict[str, float]:
    """The same for the longest and the shortest option; equals are taken in part."""
    share = sum(positive) / len(positive)
    offs = {}
    for rule, extreme in (("longest", max(lengths)), ("shortest", min(lengths))):
        picked = Counter(side for side, length in zip(positive, lengths, strict=True) if length == extreme)
        offs[rule] = picked[True] / picked.total() - share
    return offs
