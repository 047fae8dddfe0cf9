"""From stored events to a belief: by replay, or one event further. Both give the same, to the last bit.

What is inferred is the fold of the user model's `update` over what stands of the events (`users.events.settle`), in the
order of the moments they happened (ties: by id). An event later than all before it continues the fold; any other, and
any retraction, starts it again. So a belief is a function of the set of events, whatever order they came in and whoever
applied them.

A person's own word on a value pair outranks inference: of the inferred N(m, S) the marginal of the corrected pairs C is
replaced by N(said, `SAID_SD`^2), and the others follow as far as they are correlated (Jeffrey's rule of conditioning,
Jeffrey 1983, "The Logic of Decision", ch. 11; for Gaussians in closed form):

    G = S[:, C] S[C, C]^-1      m' = m + G (said - m[C])      S' = S + G (SAID_SD^2 I - S[C, C]) G'
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from itertools import pairwise
from typing import Any

import numpy as np

from counterpoint.errors import BadInputError
from counterpoint.serving.store.bank import Bank, Reading
from counterpoint.serving.store.records import CORRECTED, WITHDRAWN, StoredEvent
from counterpoint.serving.store.store import as_json
from counterpoint.types import Choice, ChoiceKind, content_hash
from counterpoint.users.belief import Belief
from counterpoint.users.events import settle
from counterpoint.users.likelihood import observe
from counterpoint.users.model import USER_MODELS, Observation, UserModel

SAID_SD = 0.25
"""How exactly a person's own word is meant: at 0.5 or more either way it leaves no doubt about the side."""


@dataclass(frozen=True)
class Held:
    """What is held of a person between events.

    Attributes:
        inferred: the belief from all that was done, corrections left out.
        corrections: their own word by value pair.
        sequence: of the last event counted.
        last: (time, id) of the last event in the order of time; `FIRST` if there is none, `NEVER` if something was
            taken back that hasn't arrived.
    """

    inferred: Belief
    corrections: Mapping[str, float]
    sequence: int
    last: tuple[float, str]


FIRST = (-1.0, "")
"""Before every event."""
NEVER = (1e300, "")
"""After every event: the next one is replayed."""


class Beliefs:
    """How this service infers: a user model over a bank's evidence.

    Args:
        bank: dilemmas with evidence.
        start: the belief about a newcomer; by default flat, standard deviation 1.
        model: name of the user model. Only `gaussian`, whose state is its belief, goes on from where it was; the others
            replay a person's events each time.
    """

    def __init__(self, bank: Bank, *, start: Belief | None = None, model: str = "gaussian") -> None:
        self.bank, self.start = bank, start or Belief.flat(len(bank.taxonomy))
        self._goes_on = model == "gaussian"
        if model == "in_context":
            raise BadInputError("the service needs beliefs with figures: gaussian, drifting, contextual or pooled")
        self.model: UserModel[Any] = USER_MODELS.get(model)(self.start)
        self.identity = content_hash(bank.identity, model, self.start.pack().hex(), SAID_SD)

    @cached_property
    def newcomer(self) -> Held:
        """Nothing happened yet."""
        return Held(self.start, {}, 0, FIRST)

    def update(self, state: Any, observation: Observation) -> Any:
        """One observation further, as it will be read back: a covariance's lower half is not kept, and may differ."""
        new = self.model.update(state, observation)
        return Belief.unpack(new.pack()) if isinstance(new, Belief) else new

    def replay(self, events: Sequence[StoredEvent], reading: Reading, *, as_of: float | None = None) -> Held:
        """The belief after all these events, or after those that had happened by `as_of`."""
        standing = standing_events(events, as_of=as_of)
        observations = observe(choices_of(standing), reading, self.bank.dilemmas)
        inferred = self.model.belief(reduce(self.update, observations, self.model.prior()))
        sequence = max((event.sequence for event in events), default=0)
        past = [event for event in events if as_of is None or event.happened_at <= as_of]
        last = max(((event.happened_at, event.id) for event in past), default=FIRST)
        known = {event.id for event in events}
        if any(event.kind == ChoiceKind.RETRACTED and event.payload["target"] not in known for event in events):
            last = NEVER  # what was taken back may still arrive, and must then not count
        return Held(inferred, _own_word({}, standing), sequence, last)

    def advance(self, held: Held, events: Sequence[StoredEvent], reading: Reading) -> Held | None:
        """The belief some events further; None where only a replay can tell."""
        moments = [held.last, *((event.happened_at, event.id) for event in events)]
        in_order = all(before < after for before, after in pairwise(moments))
        if not (self._goes_on and in_order) or any(event.kind == ChoiceKind.RETRACTED for event in events):
            return None
        inferred = reduce(self.update, observe(choices_of(events), reading, self.bank.dilemmas), held.inferred)
        return Held(inferred, _own_word(held.corrections, events), held.sequence + len(events), moments[-1])

    def as_row(self, held: Held) -> dict[str, Any]:
        """As the table keeps it."""
        return {
            "sequence": held.sequence,
            "identity": self.identity,
            "last_time": held.last[0],
            "last_event": held.last[1],
            "packed": held.inferred.pack(),
            "corrections": as_json(held.corrections),
        }

    def from_row(self, row: Mapping[Any, Any]) -> Held | None:
        """What was kept; None if it is of other evidence or another model."""
        if row["identity"] != self.identity:
            return None
        inferred = Belief.unpack(bytes(row["packed"]))
        return Held(inferred, json.loads(row["corrections"]), row["sequence"], (row["last_time"], row["last_event"]))

    def outranked(self, held: Held) -> Belief:
        """What to act on: inference, with the person's own word above it."""
        pairs = [i for i, pair in enumerate(self.bank.taxonomy) if pair.name in held.corrections]
        if not pairs:
            return held.inferred
        said = np.array([held.corrections[self.bank.taxonomy.pairs[i].name] for i in pairs])
        mean, covariance = held.inferred.mean, held.inferred.covariance
        inner = covariance[np.ix_(pairs, pairs)]
        gain = np.linalg.solve(inner, covariance[pairs]).T
        new = covariance + gain @ (SAID_SD**2 * np.eye(len(pairs)) - inner) @ gain.T
        return replace(held.inferred, mean=mean + gain @ (said - mean[pairs]), covariance=(new + new.T) / 2)


def standing_events(events: Sequence[StoredEvent], *, as_of: float | None = None) -> list[StoredEvent]:
    """What stands, in the order of time: nothing that was taken back, and no retractions."""
    by_id = {event.id: event for event in events}
    # settling looks at ids, times and retractions alone, so that other kinds may pass for something said
    moments = (
        Choice(e.id, "", e.happened_at, ChoiceKind.RETRACTED, target=e.payload["target"])
        if e.kind == ChoiceKind.RETRACTED
        else Choice(e.id, "", e.happened_at, ChoiceKind.SAID)
        for e in events
    )
    return [by_id[choice.id] for choice in settle(moments, as_of=as_of)]


def choices_of(events: Sequence[StoredEvent]) -> list[Choice]:
    """The events that inference looks at, as choices."""
    return [as_choice(event) for event in events if event.kind not in (CORRECTED, WITHDRAWN)]


def as_choice(event: StoredEvent) -> Choice:
    """One event as inference reads it; nobody's name is in it."""
    payload = dict(event.payload)
    payload["groups"] = tuple(tuple(group) for group in payload.get("groups", ()))
    payload["texts"] = tuple(payload.get("texts", ()))
    return Choice(event.id, "", event.happened_at, ChoiceKind(event.kind), **payload)


def _own_word(before: Mapping[str, float], events: Sequence[StoredEvent]) -> dict[str, float]:
    """Corrections after these events, in their order."""
    word = dict(before)
    for event in events:
        if event.kind == CORRECTED:
            word[event.payload["value_pair"]] = event.payload["value"]
        elif event.kind == WITHDRAWN:
            word.pop(event.payload["value_pair"], None)
    return word
