"""How far rules about length are from chance on the rows kept so far, and which dilemma would carry them too far.

A rule (the longest option, the shortest, ...) is fair on n dilemmas if the number of times it hits the positive pole is
what chance gives: the sum of each dilemma's share of positive options. `counterpoint data lint` allows a difference of
5% of n, or of one dilemma where that is more, in each value pair and over all. The negative pole's difference is the
same with the other sign.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from counterpoint.data.lint import TOLERANCE
from counterpoint.data.rules_of_thumb import OVERALL


class Lengths:
    """Rules about length on the rows kept so far: which option is the longest can't be changed any more."""

    def __init__(self) -> None:
        self._off: dict[tuple[str, str], float] = defaultdict(float)
        self._counts: Counter[str] = Counter()

    def leaning(self, pair: str, positive: Sequence[bool], lengths: Sequence[int]) -> str:
        """The rule that this dilemma would carry too far from chance; empty if it may be kept."""
        for rule, off in length_offs(positive, lengths).items():
            for scope in (pair, OVERALL):
                before, after = self._off[rule, scope], self._off[rule, scope] + off
                if abs(after) > allowed(self._counts[scope] + 1) and abs(after) > abs(before):
                    return rule
        return ""

    def add(self, pair: str, positive: Sequence[bool], lengths: Sequence[int]) -> None:
        """Count a dilemma that is kept."""
        self._counts.update((pair, OVERALL))
        for rule, off in length_offs(positive, lengths).items():
            for scope in (pair, OVERALL):
                self._off[rule, scope] += off


def allowed(count: int) -> float:
    """How many of so many dilemmas a rule may be away from chance."""
    return max(1.0, TOLERANCE * count) + 1e-9


def length_offs(positive: Sequence[bool], lengths: Sequence[int]) -> dict[str, float]:
    """By how much each rule beats chance on one dilemma: its hit (in part for equals) less the share of positives."""
    share = sum(positive) / len(positive)
    offs = {}
    for rule, extreme in (("longest", max(lengths)), ("shortest", min(lengths))):
        picked = Counter(side for side, length in zip(positive, lengths, strict=True) if length == extreme)
        offs[rule] = picked[True] / picked.total() - share
    return offs
