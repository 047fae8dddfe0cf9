"""How strongly somebody leans, in words, as prompts say it.

    graded(pole, "strongly")                  Pole("strongly Risk-averse", pole.description)
    graded(pole, "strongly", certain=False)   Pole("perhaps strongly Risk-averse", pole.description)

The word stands before the pole's name, so that all that a prompt says from there on is what training said: a model that
learnt what a pole is heeds the word without having met both together. (Said after the description, it upset some of the
models that we tuned.) `lm:tiny` is taught what these words mean (`tiny/lessons.py`); other models know them already,
more or less, and a dial finds out how much (`steering/dial.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

from counterpoint.types import Pole

DEGREES = {"slightly": 0.5, "moderately": 1.0, "strongly": 2.0, "very strongly": 3.0}
"""Log-odds that each word stands for, rising."""


def degree(strength: float) -> str:
    """The word nearest to a strength (log-odds, either sign); empty where that is none at all: below 0.25."""
    near = min((0.0, *DEGREES.values()), key=lambda value: abs(value - abs(strength)))
    return next((word for word, value in DEGREES.items() if value == near), "")


def graded(pole: Pole, degree: str, *, certain: bool = True) -> Pole:
    """Somebody who leans to the pole to that degree, one of `DEGREES`."""
    return Pole(f"{'' if certain else 'perhaps '}{degree} {pole.name}", pole.description)


def together(people: Sequence[Pole]) -> Pole:
    """Somebody who is all of these, one or more."""
    first, *others = people
    also = "".join(f"\nAlso: {one.name}. {one.description}" for one in others)
    return Pole(first.name, f"{first.description}{also}")
