"""What a person does: choices among dilemmas at irregular times, and what was true at each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator

from counterpoint.authoring.histories.people import Person
from counterpoint.errors import BadInputError
from counterpoint.types import Choice, ChoiceKind, Dilemma, Taxonomy

DAY = 86400.0


@dataclass(frozen=True)
class Life:
    """When things happen."""

    events: int = 40
    """Choices of a person."""
    gap: float = 3.0
    """Days between two choices, on average; drawn from the exponential distribution."""
    start: float = 1767225600.0
    """Seconds since 1970 when a history begins: 1 January 2026."""

    def __post_init__(self) -> None:
        if self.events < 1 or not self.gap > 0 or self.start < 0:
            raise BadInputError(f"a history needs events and a gap above 0 and a start from 1970 on (got {self})")


class History(NamedTuple):
    """What a person did and what was true. The two must not meet in one file that a model may read."""

    choices: tuple[Choice, ...]
    truth: dict[str, Any]


def live(person: Person, dilemmas: Sequence[Dilemma], taxonomy: Taxonomy, rng: Generator, life: Life) -> History:
    """A person's history. Dilemmas come in random order, none twice before all were seen.

    The truth holds the person as drawn, the value pairs' names, and for each choice the vector that was acted on and
    the probability that it gave to what was chosen.
    """
    order = [i for _ in range(-(-life.events // len(dilemmas))) for i in rng.permutation(len(dilemmas)).tolist()]
    gaps = rng.exponential(life.gap * DAY, size=life.events)
    times = life.start + np.round(np.cumsum(gaps))
    shares = (times - times[0]) / max(times[-1] - times[0], 1.0)
    choices, moments = [], []
    for step in range(life.events):
        dilemma = dilemmas[order[step]]
        share = float(shares[step])
        chances = person.probabilities(dilemma, taxonomy, share)
        chosen = int(rng.choice(len(chances), p=chances))
        event = f"{person.name}-{step + 1}"
        choices.append(
            Choice(
                id=event,
                person=person.name,
                time=float(times[step]),
                kind=ChoiceKind.CHOSE,
                dilemma=dilemma.id,
                groups=((chosen,),),
                scene=dilemma.scene,
            )
        )
        vector = [round(value, 6) for value in person.vector(share, dilemma.scene).tolist()]
        moments.append({"event": event, "vector": vector, "probability": round(float(chances[chosen]), 6)})
    told = asdict(person) | {"value_pairs": [pair.name for pair in taxonomy], "choices": moments}
    return History(tuple(choices), told)
