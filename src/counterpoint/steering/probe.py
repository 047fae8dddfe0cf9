"""Does a method change anything on this model? Asked once, when it is opened: silence would pass for an answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from counterpoint.models.decoding import Decoding
from counterpoint.models.steering_hooks import NoEffectError
from counterpoint.steering.asking import BASE, Asked, Request
from counterpoint.steering.block import Block
from counterpoint.steering.method import Draft, Drafting, Voice
from counterpoint.steering.steering import Steering, nothing
from counterpoint.steering.ties import rounding
from counterpoint.types import Dilemma, Option

if TYPE_CHECKING:
    from counterpoint.steering.engine import Engine

QUESTION = Dilemma(
    id="probe",
    value_pair="",
    scenario="Somebody has a free day.",
    question="What do they do?",
    options=(Option("Stay at home", ""), Option("Go out", "")),
)


def check_effect(engine: Engine, name: str, method: Drafting) -> None:
    """Compare the next token's logits at strength 1 on each pair with those at -1.

    With the base's it wouldn't be seen that a pair itself does nothing where any steering does something.

    Raises:
        NoEffectError: on some value pair they differ by no more than rounding.
    """
    still = []
    with torch.no_grad(), engine.evaluation():
        for axis, pair in enumerate(engine.taxonomy):
            up, down = (
                Steering(tuple(sign * (i == axis) for i in range(len(engine.taxonomy)))) for sign in (1.0, -1.0)
            )
            rows, one = _first(engine, method.draft(Draft(Asked(QUESTION)), up))
            _, other = _first(engine, method.draft(Draft(Asked(QUESTION)), down))
            finite = one.isfinite() & other.isfinite()
            moved = (one - other)[finite]
            if not float(moved.max() - moved.min()) > 8 * rounding(rows, engine.dtype):
                still.append(pair.name)
    if still:
        raise NoEffectError(f"{name} changes nothing on {engine.language.name} along {', '.join(still)}")


def _first(engine: Engine, draft: Draft) -> tuple[Tensor, Tensor]:
    """Logits of the first token: of the rows, and of the reply."""
    draft = draft if draft.voices else replace(draft, voices=(Voice(draft.ask.who, 1.0),))
    request = Request(draft.ask, nothing(engine.taxonomy), BASE, Decoding(temperature=0, max_new_tokens=1))
    flight = engine.flight(request, draft, 0, lambda _: None)
    return Block(engine.generator, engine.levers, [flight]).step([0])
