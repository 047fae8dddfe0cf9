"""How strongly somebody leans, in words, as prompts say it after a pole's description.

    graded("strong")                  "This leaning is strong."
    graded("strong", certain=False)   "This leaning seems strong."

`lm:tiny` is taught what these words mean (`tiny/lessons.py`); other models know them already, more or less, and a dial
finds out how much (`steering/dial.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

from counterpoint.types import Pole

DEGREES = {"slight": 0.5, "moderate": 1.0, "strong": 2.0, "very strong": 3.0}
"""Log-odds that each word stands for, rising."""


def degree(strength: float) -> str:
    """The word nearest to a strength (log-odds, either sign); empty where that is none at all: below 0.25."""
    near = min((0.0, *DEGREES.values()), key=lambda value: abs(value - abs(strength)))
    return next((word for word, value in DEGREES.items() if value == near), "")


def graded(degree: str, *, certain: bool = True) -> str:
    """A leaning's degree as a sentence, one of `DEGREES`."""
    return f"This leaning {'is' if certain else 'seems'} {degree}."


def together(people: Sequence[Pole]) -> Pole:
    """Somebody who is all of these, one or more."""
    first, *others = people
    also = "".join(f"\nAlso: {one.name}. {one.description}" for one in others)
    return Pole(first.name, f"{first.description}{also}")
