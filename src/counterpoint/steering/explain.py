"""Why a reply leans as it does: which leanings were applied, how strongly, from which evidence, and what was left out.

    found = explain(steering, taxonomy, method="mixture", history=History.of("ann", events, model, evidence, dilemmas))
    print(found.text)

What an event did to a leaning is measured by leaving it out: the belief's mean with it less the mean without it.
Only events that can have done much are left out in turn: those with the largest first-order effect, S times the
gradient of their log-likelihood at the mean (influence functions; Cook and Weisberg 1982, ch. 3).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from counterpoint.errors import BadInputError
from counterpoint.steering.steering import Leaning, Steering
from counterpoint.steering.words import is_certain, side_probability
from counterpoint.types import Choice, ChoiceKind, Dilemma, Taxonomy
from counterpoint.users.belief import Belief
from counterpoint.users.events import format_time, settle
from counterpoint.users.evidence import Evidence, shown_dilemma
from counterpoint.users.likelihood import observe, told
from counterpoint.users.model import Observation, UserModel

_TRIED = 8
"""Events left out in turn for one value pair, at most."""
_LEAST = 0.01
"""Log-odds below which an event is not worth naming."""


@dataclass(frozen=True)
class Reason:
    """One event, and what it did to one leaning."""

    event: str
    """Its id."""
    time: str
    """ISO 8601, UTC."""
    said: str
    """What happened, in words."""
    moved: float
    """Log-odds towards the positive pole: the belief's mean with it less without it."""


@dataclass(frozen=True)
class Applied:
    """One leaning of the reply and what it rests on."""

    leaning: Leaning
    probability: float
    """That the person leans to that side at all."""
    reasons: tuple[Reason, ...] = ()
    """Events that moved it most, either way."""


@dataclass(frozen=True)
class Conflict:
    """A value pair on which the evidence speaks for both sides."""

    value_pair: str
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True)
class History:
    """One person's events, read: what is needed to tell what each of them did."""

    events: Mapping[str, Choice]
    observations: tuple[Observation, ...]
    model: UserModel[Any]
    dilemmas: Mapping[str, Dilemma]
    scene: str = ""

    @classmethod
    def of(
        cls,
        person: str,
        events: Sequence[Choice],
        model: UserModel[Any],
        evidence: Evidence,
        dilemmas: Mapping[str, Dilemma],
        *,
        as_of: float | None = None,
        scene: str = "",
    ) -> History:
        """The events of `person` that stand at that moment; those that are skipped tell nothing of a dilemma unknown.

        Args:
            person: who.
            events: of anybody, in any order.
            model: how beliefs follow from observations.
            evidence: reads dilemmas and texts.
            dilemmas: those that events are about.
            as_of: ignore what happened later; None: nothing.
            scene: in which the reply is given, for models that tell scenes apart.
        """
        settled = settle((event for event in events if event.person == person), as_of=as_of)
        read = tuple(observe(settled, evidence, dilemmas))
        return cls({event.id: event for event in settled}, read, model, dilemmas, scene)

    @cached_property
    def belief(self) -> Belief:
        """What all events together say."""
        return self._belief(self.observations)

    @cached_property
    def _pulls(self) -> dict[str, NDArray[np.float64]]:
        """First-order effect of each event on the mean, `[value_pair]`."""
        found: dict[str, NDArray[np.float64]] = {}
        for one in self.observations:
            features, mean = one.question.features, self.belief.mean
            expected = softmax(features @ mean + one.question.bias) @ features
            pull = self.belief.covariance @ (features[one.chosen] - expected) * one.weight
            found[one.event] = found.get(one.event, np.zeros(len(mean))) + pull
        return found

    def reasons(self, axis: int, *, most: int = 3) -> tuple[Reason, ...]:
        """The events that moved a value pair most, the strongest first."""
        near = sorted(self._pulls, key=lambda event: -abs(self._pulls[event][axis]))[:_TRIED]
        moved = {event: float(self.belief.mean[axis] - self._without(event).mean[axis]) for event in near}
        kept = sorted((e for e in moved if abs(moved[e]) >= _LEAST), key=lambda event: -abs(moved[event]))
        return tuple(self._reason(event, moved[event]) for event in kept[:most])

    def _without(self, event: str) -> Belief:
        return self._belief([one for one in self.observations if one.event != event])

    def _belief(self, observations: Sequence[Observation]) -> Belief:
        state = self.model.fit(observations) if observations else self.model.prior()
        return self.model.belief(state, scene=self.scene)

    def _reason(self, event: str, moved: float) -> Reason:
        choice = self.events[event]
        return Reason(event, format_time(choice.time), said_of(choice, self.dilemmas), moved)


@dataclass(frozen=True)
class Explanation:
    """All of it, as a record (`record`) and in plain words (`text`)."""

    method: str
    """What was asked for; `base` where nothing is applied."""
    applied: tuple[Applied, ...]
    uncertain: tuple[str, ...]
    """Value pairs left out: too little is known."""
    conflicts: tuple[Conflict, ...]
    both_sides: bool
    """Whether the reply is to show both sides of the conflicts."""
    abstained: str
    """Why nothing is applied; empty where something is."""

    def record(self) -> dict[str, Any]:
        """For programs; with the text."""
        return {**asdict(self), "text": self.text}

    @property
    def text(self) -> str:
        """In plain words, a line for each leaning and each event."""
        lines = [f"Nothing was applied: {self.abstained}."] if self.abstained else []
        for one in self.applied:
            lines.append(_line(one))
            lines += [f"  {_because(reason)}" for reason in one.reasons]
        for conflict in self.conflicts:
            done = "both sides are shown" if self.both_sides else "left out"
            lines.append(f"{conflict.value_pair}: the evidence speaks for both sides; {done}.")
            lines += [f"  {_because(reason)}" for reason in conflict.reasons]
        if self.uncertain and not self.abstained:
            lines.append(f"Left out, too little is known: {', '.join(self.uncertain)}.")
        return "\n".join(lines)


def explain(
    steering: Steering, taxonomy: Taxonomy, *, method: str = "", history: History | None = None, most: int = 3
) -> Explanation:
    """What was applied and why.

    Args:
        steering: as asked of the engine.
        taxonomy: names its axes.
        method: by which it was applied.
        history: the person's events, where the steering was inferred from some.
        most: events named for each value pair at most.

    Raises:
        BadInputError: the steering is of another taxonomy.
    """
    if len(steering.vector) != len(taxonomy):
        raise BadInputError(f"steering over {len(steering.vector)} value pairs; {taxonomy.name} has {len(taxonomy)}")
    axes = {pair.name: axis for axis, pair in enumerate(taxonomy)}

    def reasons(value_pair: str) -> tuple[Reason, ...]:
        return history.reasons(axes[value_pair], most=most) if history else ()

    applied = [
        Applied(one, side_probability(one), reasons(one.value_pair) if one.origin == "inferred" else ())
        for one in steering.leanings
    ]
    conflicts = [Conflict(name, reasons(name)) for name in steering.conflicts]
    return Explanation(
        method if steering.active else "base",
        tuple(applied),
        steering.uncertain,
        tuple(conflicts),
        steering.shows_both,
        "" if steering.active else steering.abstained or "no leaning was asked for",
    )


def said_of(choice: Choice, dilemmas: Mapping[str, Dilemma]) -> str:
    """What happened, short enough for a line."""
    if choice.kind in (ChoiceKind.TIED, ChoiceKind.SKIPPED):
        said = "Saw no difference" if choice.kind is ChoiceKind.TIED else "Skipped"
    elif choice.kind in (ChoiceKind.LIKED, ChoiceKind.DISLIKED) and not choice.texts:
        dilemma = dilemmas[choice.dilemma]
        said = f"{choice.kind.value.capitalize()}: {dilemma.options[choice.groups[0][0]].text}"
    else:
        said = told(choice, shown_dilemma(choice, dilemmas)).rstrip(".") or choice.kind.value.capitalize()
    said = " ".join(said.split())
    return said if len(said) <= 90 else f"{said[:87].rstrip()}..."


def _line(one: Applied) -> str:
    leaning = one.leaning
    odds = f"strength {leaning.strength:.2f} (odds x{math.exp(leaning.strength):.1f})"
    if leaning.origin == "asked for":
        return f"Leans to {leaning.pole}: {odds}, as asked for."
    sure = "" if is_certain(leaning) else ", not certainly"
    return f"Leans to {leaning.pole}{sure}: {odds}; {one.probability:.0%} sure of the side."


def _because(reason: Reason) -> str:
    return f"{reason.moved:+.2f}  {reason.time[:10]}  {reason.said}  [{reason.event}]"
