"""Trains a model for what `steering/methods/instruction.py` will say of people: degrees, and several leanings at once.

    Who answers: moderately Risk-averse. Gives up a larger possible gain to keep safe.
    Who answers: Collaborative. ...
    Also: Risk-averse. ...

Trained on single poles alone a model takes every degree for "always" and, of several poles in a prompt, heeds the last
(on `lm:tiny` the first of two kept a tenth of its effect; docs/log.md). So a part of every side's weight goes, half of
it each,

- to its pole in some degree, of g log-odds: its own options are right with probability s = 1 / (1 + e^-g) and the
  others with 1 - s, so the loss is s L(own) + (1 - s) L(others), least where the odds are what the word says (for DPO
  that is the label smoothing of conservative DPO, Mitchell 2023);
- to its pole in the company of other pairs', drawn at random, once in some order and once in the reverse, so that none
  is heard for its place. What is right stays what it was: about a dilemma's own pair the others say nothing.

Both sides of a dilemma get the same degree and the same company, so that what tells them apart is still only the pole.
In a trie all share all but their last lines. Ours; the paper's training (arXiv 2604.12479) names one pole, always.

Worked example: "moderately" is 1 log-odd, s = 0.731. At a share of 0.5 a side's weight of 1 becomes 0.5 for the pole
alone, 0.183 and 0.067 for its own and the other options in that degree, and 0.125 in company in either order.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import NamedTuple

from scipy.special import expit

from counterpoint.models.degrees import DEGREES, graded, together
from counterpoint.types import Dilemma, Pole, Taxonomy, ValuePair, content_hash

MOST = 3
"""Poles of other pairs that are asked for at once, at most."""


class Asked(NamedTuple):
    """Who a dilemma is put to, how much of the side's weight that is, and how probably the side's options are right."""

    who: Pole
    share: float
    right: float = 1.0


@dataclass(frozen=True)
class Leanings:
    """What is asked besides a pole alone."""

    taxonomy: Taxonomy
    """Other pairs' poles are drawn from it."""
    share: float
    """Of a side's weight."""
    seed: int
    """Of what is drawn."""

    def asked(self, dilemma: Dilemma, pair: ValuePair, pole: str) -> tuple[Asked, ...]:
        """Who `dilemma` is put to for this pole of `pair`; shares add up to 1."""
        own = pair.pole(pole)
        if not self.share:
            return (Asked(own, 1.0),)
        draw = random.Random(content_hash("leanings", self.seed, dilemma.digest, pair.name))
        degree = draw.choice(list(DEGREES))
        alone = [Asked(own, 1 - self.share)] if self.share < 1 else []
        in_degree = Asked(graded(own, degree), self.share / 2, float(expit(DEGREES[degree])))
        others = [known for known in self.taxonomy if known.name != pair.name]
        count = draw.randint(1, min(MOST, len(others))) if others else 0
        people = [draw.choice(other.poles) for other in draw.sample(others, count)]
        people.insert(draw.randint(0, len(people)), own)
        both_ways = dict.fromkeys((tuple(people), tuple(reversed(people))))
        company = [Asked(together(order), self.share / 2 / len(both_ways)) for order in both_ways]
        return (*alone, in_degree, *company)
