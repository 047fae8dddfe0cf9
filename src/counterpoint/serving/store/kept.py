"""Beliefs and evidence as the store keeps them for a person, brought up to date with their events."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from counterpoint.models.scorer import LogProbs
from counterpoint.serving.store import schema
from counterpoint.serving.store.bank import Reading
from counterpoint.serving.store.beliefs import Beliefs, Held, choices_of
from counterpoint.serving.store.records import PersonRow, StoredEvent
from counterpoint.serving.store.store import Transaction


class Kept:
    """What is kept beside the events; every method wants the person locked."""

    def __init__(self, beliefs: Beliefs) -> None:
        self.beliefs = beliefs

    def learn(
        self, tx: Transaction, before: PersonRow, now: PersonRow, new: Sequence[StoredEvent], reading: Reading
    ) -> Held:
        """Bring the belief up to date with events just appended, and keep it.

        Args:
            tx: the request.
            before: the person before these events.
            now: the person after them.
            new: the events, their texts read in `reading`.
            reading: evidence; what is new in it is kept.
        """
        held = self._as_kept(tx, before)
        further = held and self.beliefs.advance(held, new, reading)
        if further is None:
            events = tx.events(now)
            again = self.beliefs.bank.read(choices_of(events), {**_evidence(tx, now), **reading.texts.held})
            reading.texts.fresh.update(again.texts.fresh)
            further = self.beliefs.replay(events, again)
        _keep(tx, now, reading)
        tx.put(schema.beliefs, now, self.beliefs.as_row(further))
        return further

    def held(self, tx: Transaction, person: PersonRow) -> Held:
        """The belief as it is, worked out anew where what was kept is of another model."""
        held = self._as_kept(tx, person)
        if held is None:
            events = tx.events(person)
            held = self.beliefs.replay(events, self.reading(tx, person, events))
            tx.put(schema.beliefs, person, self.beliefs.as_row(held))
        return held

    def reading(self, tx: Transaction, person: PersonRow, events: Sequence[StoredEvent]) -> Reading:
        """Evidence for these events, the person's own texts included; what had to be read is kept."""
        reading = self.beliefs.bank.read(choices_of(events), _evidence(tx, person))
        _keep(tx, person, reading)
        return reading

    def _as_kept(self, tx: Transaction, person: PersonRow) -> Held | None:
        """The belief as it was kept; None if it is not of this sequence, evidence and model."""
        if person.sequence == 0:
            return self.beliefs.newcomer
        row = tx.row(schema.beliefs, person)
        held = None if row is None else self.beliefs.from_row(row)
        return held if held is not None and held.sequence == person.sequence else None


def _evidence(tx: Transaction, person: PersonRow) -> dict[str, LogProbs]:
    return {
        row["key"]: np.frombuffer(row["log_probs"], dtype="<f4").reshape(-1, row["width"])
        for row in tx.rows(schema.own_evidence, person)
    }


def _keep(tx: Transaction, person: PersonRow, reading: Reading) -> None:
    for key, log_probs in reading.texts.fresh.items():
        row = {"key": key, "width": log_probs.shape[1], "log_probs": log_probs.astype("<f4").tobytes()}
        tx.put(schema.own_evidence, person, row)
