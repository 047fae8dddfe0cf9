"""A steering in plain words: what is put to a model, and how sure it sounds.

A pole is named and described as training does it ("Who answers: <Pole>. <description>"), with how strongly before its
name: what a model learnt of poles holds for a leaning of any degree.
"""

from __future__ import annotations

from scipy.special import ndtr

from counterpoint.models.degrees import degree, graded, together
from counterpoint.steering.steering import Leaning, Steering
from counterpoint.types import Pole, Taxonomy
from counterpoint.users.inference import CLEARLY


def who_answers(steering: Steering, taxonomy: Taxonomy, *, besides: Pole | None = None) -> Pole | None:
    """Somebody who leans as the steering says, the strongest leaning first.

    Leanings too slight for a word are left out; where none is left it is `besides`.

    Args:
        steering: its strengths are log-odds as words mean them (`degrees.DEGREES`).
        taxonomy: names the axes.
        besides: somebody who is asked for in any case.
    """
    known = {leaning.value_pair: leaning for leaning in steering.leanings}
    axes = sorted(range(len(taxonomy)), key=lambda axis: -abs(steering.vector[axis]))
    people = [besides] if besides else []
    for axis in axes:
        value, pair = steering.vector[axis], taxonomy.pairs[axis]
        if word := degree(value):
            pole = pair.positive if value > 0 else pair.negative
            people.append(graded(pole, word, certain=is_certain(known.get(pair.name))))
    return together(people) if people else None


def is_certain(leaning: Leaning | None) -> bool:
    """Whether the side is at least as probable as what we call clear; what was asked for is."""
    return leaning is None or side_probability(leaning) >= CLEARLY


def side_probability(leaning: Leaning) -> float:
    """Probability that the person leans to that side at all, by the belief; 1 for what was asked for."""
    return float(ndtr(leaning.strength / leaning.sd)) if leaning.sd > 0 else 1.0
