"""What the service says about one person: records, and the functions that make them from a belief. No database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from scipy.special import softmax

from counterpoint.serving.store.bank import Reading
from counterpoint.serving.store.beliefs import Beliefs, Held, as_choice, choices_of
from counterpoint.serving.store.records import CORRECTED, WITHDRAWN, StoredEvent
from counterpoint.types import Dilemma, Taxonomy, ValuePair
from counterpoint.users.belief import Belief, Vector
from counterpoint.users.inference import CLEARLY, NO_IDEA, RATHER, Inference, in_words
from counterpoint.users.likelihood import observe, told
from counterpoint.users.model import Observation


@dataclass(frozen=True)
class Recorded:
    """What became of events that were sent.

    Attributes:
        events: their ids in the order sent, given ones included.
        added: how many were new.
        repeated: how many were there already, with the same content.
    """

    events: tuple[str, ...]
    added: int
    repeated: int


@dataclass(frozen=True)
class Leaning:
    """Where somebody stands on one value pair.

    Attributes:
        value_pair: its name.
        positive: name of the positive pole.
        negative: name of the negative pole.
        mean: of the preference, positive towards the positive pole; log-odds per nat of evidence.
        sd: standard deviation of it.
        low: lower end of the central 90% interval.
        high: its upper end.
        probability_positive: probability that they lean to the positive pole.
        evidence: ln(prior sd / sd), nats; 0: nothing known.
        corrected: what they said themselves, which outranks inference; None if nothing.
        words: a few plain words, such as `leans clearly to Risk-averse`.
    """

    value_pair: str
    positive: str
    negative: str
    mean: float
    sd: float
    low: float
    high: float
    probability_positive: float
    evidence: float
    corrected: float | None
    words: str


@dataclass(frozen=True)
class Preferences:
    """Where somebody stands.

    Attributes:
        person: the tenant's name for them.
        leanings: one a value pair, in the taxonomy's order.
        summary: a few plain sentences.
        observations: how many observations the belief counts.
        sequence: of the last event it stands on.
        last_event: when the last of what they did happened, seconds since 1970; None if there is none.
        last_change: when they were last noticed to have changed; None if never.
        as_of: the moment asked about; None: now.
        belief: the same as one record, corrections included.
    """

    person: str
    leanings: tuple[Leaning, ...]
    summary: str
    observations: int
    sequence: int
    last_event: float | None
    last_change: float | None
    as_of: float | None
    belief: Belief


@dataclass(frozen=True)
class PathPoint:
    """A belief along the way, corrections included. `time`, `event`: after which it was held; 0 and "": a newcomer."""

    time: float
    event: str
    belief: Belief


@dataclass(frozen=True)
class Reason:
    """What one event says about one value pair.

    Attributes:
        event: its id.
        kind: what was done.
        time: when, seconds since 1970.
        words: what happened, plainly; the person's own texts may be in it.
        dilemma: digest of the dilemma, or "".
        push: how far it alone would pull a newcomer's leaning, to first order; positive to the positive pole. For
            somebody's own word: what they said.
    """

    event: str
    kind: str
    time: float
    words: str
    dilemma: str
    push: float


@dataclass(frozen=True)
class Asked:
    """A dilemma worth asking.

    Attributes:
        dilemma: what to show; send its `digest` with the answer.
        information: what the answer is expected to tell, nats.
        asked: how many were answered or skipped before.
    """

    dilemma: Dilemma
    information: float
    asked: int


@dataclass(frozen=True)
class Ranked:
    """One option in its place. `index`: in what was sent; `probability`: that this person would choose it of all."""

    index: int
    text: str
    probability: float


def preferences(person: str, held: Held, beliefs: Beliefs, *, as_of: float | None = None) -> Preferences:
    """A person's belief, said."""
    belief, prior, taxonomy = beliefs.outranked(held), beliefs.start, beliefs.bank.taxonomy
    low, high = belief.interval(0.9)
    learnt = belief.information(prior)
    leanings = tuple(
        Leaning(
            pair.name,
            pair.positive.name,
            pair.negative.name,
            float(belief.mean[axis]),
            float(belief.sd[axis]),
            float(low[axis]),
            float(high[axis]),
            float(belief.positive[axis]),
            float(learnt[axis]),
            held.corrections.get(pair.name),
            _words(pair, float(belief.positive[axis]), float(learnt[axis]), held.corrections.get(pair.name)),
        )
        for axis, pair in enumerate(taxonomy)
    )
    return Preferences(
        person,
        leanings,
        in_words(Inference(person, belief, prior, {}, (belief,)), taxonomy),
        belief.count,
        held.sequence,
        belief.time or None,
        belief.changed or None,
        as_of,
        belief,
    )


def _words(pair: ValuePair, positive: float, learnt: float, said: float | None) -> str:
    side = pair.positive.name if positive >= 0.5 else pair.negative.name
    sure = max(positive, 1 - positive)
    if said is not None:
        return f"says so themselves: {side}" if said else "says so themselves: neither side"
    if sure >= RATHER:
        return f"leans {'clearly' if sure >= CLEARLY else 'rather'} to {side}"
    return "not known yet" if learnt < NO_IDEA else "could go either way"


def path(standing: Sequence[StoredEvent], beliefs: Beliefs, reading: Reading, *, most: int) -> tuple[PathPoint, ...]:
    """Beliefs after events that stand, in their order; the newcomer's first, the last always there."""
    kept = {int(place) for place in np.linspace(0, len(standing), min(most, len(standing) + 1)).round()}
    state, word = beliefs.model.prior(), dict[str, float]()
    found = [PathPoint(0.0, "", beliefs.start)]
    for place, event in enumerate(standing, start=1):
        if event.kind == CORRECTED:
            word[event.payload["value_pair"]] = event.payload["value"]
        elif event.kind == WITHDRAWN:
            word.pop(event.payload["value_pair"], None)
        state = reduce(beliefs.update, observe(choices_of([event]), reading, beliefs.bank.dilemmas), state)
        if place in kept:
            held = Held(beliefs.model.belief(state), word, event.sequence, (event.happened_at, event.id))
            found.append(PathPoint(event.happened_at, event.id, beliefs.outranked(held)))
    return tuple(found)


def reasons(
    standing: Sequence[StoredEvent], held: Held, beliefs: Beliefs, reading: Reading, *, most: int
) -> Mapping[str, tuple[Reason, ...]]:
    """For each value pair the events that pull most, strongest first; somebody's own word before all."""
    taxonomy = beliefs.bank.taxonomy
    found: dict[str, list[Reason]] = {pair.name: [] for pair in taxonomy}
    for event in standing:
        if event.kind == WITHDRAWN:
            continue
        if event.kind == CORRECTED:
            pair, value = event.payload["value_pair"], event.payload["value"]
            if held.corrections.get(pair) == value:
                found[pair] = [r for r in found[pair] if r.kind != CORRECTED]
                found[pair].append(
                    Reason(event.id, event.kind, event.happened_at, _said(pair, value, taxonomy), "", value)
                )
            continue
        choice = as_choice(event)
        pull = sum(
            (_pull(o, beliefs.start) for o in observe([choice], reading, beliefs.bank.dilemmas)),
            start=np.zeros(len(taxonomy)),
        )
        words = told(choice, beliefs.bank.find(choice.dilemma)) or event.kind.replace("_", " ").capitalize() + "."
        for pair_of, push in zip(taxonomy, pull, strict=True):
            if abs(push) > 1e-6:
                digest = event.payload.get("dilemma", "")
                found[pair_of.name].append(Reason(event.id, event.kind, event.happened_at, words, digest, float(push)))
    return {
        pair: tuple(sorted(events, key=lambda r: (r.kind != CORRECTED, -abs(r.push), r.time, r.event))[:most])
        for pair, events in found.items()
    }


def _pull(observation: Observation, start: Belief) -> Vector:
    """S0 times the gradient of the observation's log-probability at a newcomer's mean, `[value_pair]`."""
    question = observation.question
    expected = softmax(question.features @ start.mean + question.bias) @ question.features
    pull: Vector = start.covariance @ (observation.weight * (question.features[observation.chosen] - expected))
    return pull


def _said(pair: str, value: float, taxonomy: Taxonomy) -> str:
    poles = taxonomy.by_name[pair]
    return f"Their own word: {poles.positive.name if value > 0 else poles.negative.name if value else 'neither side'}."
