"""What the service does for one person, with no HTTP in it: the routes and the pages share it.

Every method takes who asks (`Principal`: its tenant bounds what can be seen) and the person's name in that tenant, is
one transaction, and leaves a line in the audit trail. Scorers read, and what is slow is worked out, outside it. Raised,
besides what is named below: `UnknownPersonError` (404), `PersonDeletedError` (410), `ConflictError` (409),
`BadInputError` (422), `StoreError` (503).
"""

from __future__ import annotations

import json
import logging
import math
import secrets
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from counterpoint.data.faults import Fault
from counterpoint.errors import BadDataError, BadInputError, CounterpointError, UnknownNameError
from counterpoint.serving.store import schema
from counterpoint.serving.store.bank import Bank, Reading
from counterpoint.serving.store.beliefs import Beliefs, Held, as_choice, standing_events
from counterpoint.serving.store.erase import erase, scrub
from counterpoint.serving.store.export import export_person, import_person
from counterpoint.serving.store.intake import as_stored, checked, faults_of, split
from counterpoint.serving.store.kept import Kept
from counterpoint.serving.store.records import (
    CORRECTED,
    WITHDRAWN,
    ConflictError,
    NewEvent,
    PersonDeletedError,
    PersonRow,
    Principal,
    StoredEvent,
    StoreError,
    UnknownPersonError,
)
from counterpoint.serving.store.store import Store, Transaction, as_json, check_name
from counterpoint.serving.store.views import (
    Asked,
    Leaning,
    PathPoint,
    Preferences,
    Ranked,
    Reason,
    Recorded,
    path,
    preferences,
    reasons,
)
from counterpoint.types import Problem
from counterpoint.users.ask import Rule, information, next_question
from counterpoint.users.belief import Belief
from counterpoint.users.model import predict_gaussian

__all__ = ["Asked", "Leaning", "PathPoint", "People", "Preferences", "Ranked", "Reason", "Recorded"]

_log = logging.getLogger(__name__)
MOST = 5.0
"""The largest preference somebody can state for themselves, either way."""


class People:
    """The service's view of people: a store, and dilemmas with their evidence.

    Args:
        store: where they are kept.
        bank: what they are asked, and what reads their texts.
        beliefs: how to infer; by default Gaussian beliefs from a flat start.
    """

    def __init__(self, store: Store, bank: Bank, *, beliefs: Beliefs | None = None) -> None:
        self.store, self.bank, self.beliefs = store, bank, beliefs or Beliefs(bank)
        self.kept = Kept(self.beliefs)

    # Learning

    def record(self, who: Principal, person: str, events: Sequence[NewEvent], *, key: str = "") -> Recorded:
        """Take in events, all or none. The person begins with their first. What this acknowledges is on disk.

        Args:
            who: who sends them.
            person: whom they are about.
            events: any kinds, in any order.
            key: idempotency key: the same key with the same events again answers as it did at first.

        Raises:
            BadDataError: with every problem of every event.
            BadInputError: there is none.
            ConflictError: an id, or the key, was used before for something else.
        """
        if not events:
            raise BadInputError("there are no events; send one or more")
        choices = checked(events, self.bank, self.store.clock())
        reading = self.bank.read(choices)
        sent = [as_stored(choice, sequence=0, learned_at=0.0) for choice in choices]
        content = [asdict(event) for event in events] if key else []
        timed = [event.time is not None for event in events]
        named = [event.id for event in events if event.id]
        return self._add(who, person, sent, timed, named, reading, key=key, content=content, what="events added")

    def correct(self, who: Principal, person: str, value_pair: str, value: float, *, key: str = "") -> Preferences:
        """A person's own word on a value pair: it outranks whatever is inferred, until withdrawn or corrected again.

        Args:
            who: who sends it.
            person: whose word it is; made if unknown.
            value_pair: its name.
            value: the preference, -`MOST` to `MOST`, positive to the positive pole; 0: neither.
            key: idempotency key.

        Raises:
            UnknownNameError: no such value pair.
            BadInputError: the value is out of range.
        """
        payload = {"value_pair": self._pair(value_pair), "value": _preference(value)}
        return self._say(who, person, CORRECTED, payload, key=key)

    def withdraw(self, who: Principal, person: str, value_pair: str, *, key: str = "") -> Preferences:
        """Take their own word back: inference counts again. Nothing changes where there is none.

        Raises:
            UnknownNameError: no such value pair.
        """
        return self._say(who, person, WITHDRAWN, {"value_pair": self._pair(value_pair)}, key=key)

    # Telling

    def preferences(
        self, who: Principal, person: str, *, as_of: float | None = None, known_at: float | None = None
    ) -> Preferences:
        """Where they stand; at a moment `as_of` (what happened later is left out), or as we knew it at `known_at`."""
        with self.store.begin(who) as tx:
            found = tx.lock(person, beside=schema.beliefs)
            tx.note("preferences read", found)
            if as_of is None and known_at is None:
                held = self.kept.held(tx, found)
            else:
                events = [e for e in tx.events(found) if known_at is None or e.learned_at <= known_at]
                held = self.beliefs.replay(events, self.kept.reading(tx, found, events), as_of=as_of)
        return preferences(person, held, self.beliefs, as_of=as_of)

    def belief(self, who: Principal, person: str) -> Belief:
        """What to steer by, corrections included. Somebody unknown has a newcomer's; nobody is made by asking."""
        with self.store.begin(who) as tx:
            try:
                found = tx.lock(person, beside=schema.beliefs)
            except (UnknownPersonError, PersonDeletedError):
                return self.beliefs.start
            tx.note("belief read", found)
            held = self.kept.held(tx, found)
        return self.beliefs.outranked(held)

    def path(self, who: Principal, person: str, *, most: int = 60) -> tuple[PathPoint, ...]:
        """How the belief came about, the newcomer's first, about so many points, the last one as it is now."""
        standing, _, reading = self._standing(who, person, "path read")
        return path(standing, self.beliefs, reading, most=most)

    def explain(
        self, who: Principal, person: str, *, value_pair: str | None = None, most: int = 20
    ) -> dict[str, tuple[Reason, ...]]:
        """What each leaning rests on: for each value pair (or the one asked for) the events that pull most."""
        wanted = None if value_pair is None else self._pair(value_pair)
        standing, held, reading = self._standing(who, person, "reasons read")
        found = reasons(standing, held, self.beliefs, reading, most=most)
        return {pair: why for pair, why in found.items() if wanted in (None, pair)}

    def next_question(self, who: Principal, person: str, *, rule: Rule | None = None) -> Asked | None:
        """The dilemma that would tell most, of those not answered yet; None when the rule says stop.

        Somebody unknown is asked as a newcomer.
        """
        rule = rule or Rule()
        try:
            standing, held, _ = self._standing(who, person, "question asked")
        except UnknownPersonError:
            standing, held = [], self.beliefs.newcomer
        answered = {event.payload["dilemma"] for event in standing if "dilemma" in event.payload}
        left = [q for q in self.bank.questions if q.dilemma is not None and q.dilemma.digest not in answered]
        belief = self.beliefs.outranked(held)
        best = next_question(belief, left, rule, asked=len(answered))
        if best is None:
            return None
        dilemma = left[best].dilemma
        assert dilemma is not None
        return Asked(dilemma, float(information(belief, [left[best]])[0]), len(answered))

    def rank(
        self,
        who: Principal,
        person: str,
        options: Sequence[str],
        *,
        scenario: str = "",
        question: str = "",
        scene: str = "",
    ) -> tuple[Ranked, ...]:
        """Options in the order this person would like them, best first. Unknown people get a newcomer's order.

        Raises:
            BadInputError: fewer than two options, or an empty one.
        """
        if len(options) < 2 or not all(options):
            raise BadInputError(f"ranking needs two options or more, none of them empty; these are {len(options)}")
        belief = self.belief(who, person)
        probability = predict_gaussian(belief, self.bank.options(options, scenario, question, scene))
        order = np.argsort(-probability.round(12), kind="stable")  # rounded, so that equals stay as they were sent
        return tuple(Ranked(int(i), options[i], float(probability[i])) for i in order)

    def people(self, who: Principal, *, after: str = "", limit: int = 50) -> tuple[PersonRow, ...]:
        """The tenant's people by name, a page at a time."""
        with self.store.begin(who) as tx:
            tx.note("people listed")
            return tx.people(after=after, limit=limit)

    # Everything held

    def export(self, who: Principal, person: str) -> dict[str, Any]:
        """Everything held about them, as JSON (`counterpoint.person/1`, described in `store/export.py`)."""
        with self.store.begin(who) as tx:
            found = tx.lock(person)
            tx.note("exported", found)
            self.kept.held(tx, found)
            return export_person(tx, found)

    def take_in(self, who: Principal, document: dict[str, Any]) -> Preferences:
        """Import what `export` gave; the belief comes out identical.

        Raises:
            BadDataError: it is not such a document, or speaks of dilemmas that are not known here.
            ConflictError: the person is here already.
        """
        with self.store.begin(who) as tx:
            person, events = import_person(tx, document)
            self._check_imported(tx, person, events)
            tx.note("imported", person)
            held = self.kept.held(tx, person)
        return preferences(person.name, held, self.beliefs)

    def delete(self, who: Principal, person: str) -> dict[str, Any]:
        """Erase them completely; a signed receipt (`counterpoint.receipt/1`) says what went.

        Deleting again gives the same receipt. Raises `UnknownPersonError` for somebody never known.
        """
        with self.store.begin(who) as tx:
            receipt = erase(tx, person)
        try:
            scrub(self.store)
        except StoreError as error:  # what was deleted stays so; only its bytes are left to be overwritten
            _log.warning("deleted, but the files could not be rewritten (%s); do: counterpoint db scrub", error)
        return receipt

    def log_prompt(self, who: Principal, person: str, content: dict[str, Any]) -> None:
        """Keep a prompt and its reply, where the operator asked for that. Unknown people's are not kept."""
        with self.store.begin(who) as tx:
            try:
                found = tx.lock(person)
            except (UnknownPersonError, PersonDeletedError):
                return
            row = {"at": tx.now, "request": who.request, "content": as_json(content)}
            tx.add(schema.prompt_log, found, [row])
            tx.note("prompt kept", found)

    # Upkeep

    def rebuild(self, who: Principal, *, keep: bool = True) -> tuple[int, int]:
        """Replay everybody's events: how many people there are, and how many of their beliefs were not as held.

        Args:
            who: the tenant.
            keep: write down what came out; otherwise only compare.
        """
        count = different = 0
        after = ""
        while page := self.people(who, after=after, limit=200):
            after = page[-1].name
            for row in page:
                with self.store.begin(who) as tx:
                    person = tx.lock(row.name)
                    events = tx.events(person)
                    held = self.beliefs.replay(events, self.kept.reading(tx, person, events))
                    fresh, before = self.beliefs.as_row(held), tx.row(schema.beliefs, person)
                    count += 1
                    different += before is not None and any(before[name] != value for name, value in fresh.items())
                    if keep:
                        tx.put(schema.beliefs, person, fresh)
        return count, different

    def _add(
        self,
        who: Principal,
        person: str,
        sent: Sequence[StoredEvent],
        timed: Sequence[bool],
        named: Sequence[str],
        reading: Reading,
        *,
        key: str,
        content: object,
        what: str,
    ) -> Recorded:
        with self.store.begin(who) as tx:
            before = tx.lock(person, create=True, beside=schema.beliefs)
            if (answered := _answered(tx, before, key, content)) is not None:
                return Recorded(tuple(answered["events"]), 0, len(sent))
            known = tx.events_called(before, named) if named else {}
            fresh, repeated = split(sent, known, timed)
            first = before.sequence + 1
            fresh.sort(key=lambda event: (event.happened_at, event.id))
            numbered = [replace(e, sequence=first + i, learned_at=tx.now) for i, e in enumerate(fresh)]
            now = tx.append(before, numbered)
            if numbered:
                self.kept.learn(tx, before, now, numbered, reading)
            _keep_answer(tx, now, key, content, [event.id for event in sent])
            tx.note(what, now)
        return Recorded(tuple(event.id for event in sent), len(fresh), repeated)

    def _say(self, who: Principal, person: str, kind: str, payload: dict[str, Any], *, key: str) -> Preferences:
        """Add one event about a person's own word."""
        event = StoredEvent(0, secrets.token_hex(8), kind, self.store.clock(), 0.0, payload)
        with self.store.begin(who) as tx:
            before = tx.lock(person, create=kind == CORRECTED, beside=schema.beliefs)
            held = self.kept.held(tx, before)
            content = [kind, payload]
            idle = kind == WITHDRAWN and payload["value_pair"] not in held.corrections
            if _answered(tx, before, key, content) is None and not idle:
                # never before what they did last: a person's latest word is their latest
                moment = max(event.happened_at, math.nextafter(held.last[0], math.inf))
                numbered = replace(event, sequence=before.sequence + 1, happened_at=moment, learned_at=tx.now)
                now = tx.append(before, [numbered])
                held = self.kept.learn(tx, before, now, [numbered], self.bank.read([]))
                _keep_answer(tx, now, key, content, [event.id])
            tx.note(kind, before)
        return preferences(person, held, self.beliefs)

    def _standing(self, who: Principal, person: str, what: str) -> tuple[list[StoredEvent], Held, Reading]:
        """What stands of a person's events, their belief, and evidence."""
        with self.store.begin(who) as tx:
            found = tx.lock(person, beside=schema.beliefs)
            tx.note(what, found)
            events, held = tx.events(found), self.kept.held(tx, found)
            reading = self.kept.reading(tx, found, events)
        return standing_events(events), held, reading

    def _check_imported(self, tx: Transaction, person: PersonRow, events: Sequence[StoredEvent]) -> None:
        """Raise `BadDataError` where events make no sense here, or evidence would not fit."""
        problems = [
            Problem("the document", f"event {place}", *fault)
            for place, event in enumerate(events)
            for fault in self._imported_faults(event)
        ]
        poles = 2 * len(self.bank.taxonomy)
        for row in tx.rows(schema.own_evidence, person):
            numbers = np.frombuffer(row["log_probs"], dtype="<f4")
            if len(numbers) != poles * row["width"] or not np.isfinite(numbers).all():
                problems.append(Problem("the document", "", "own_evidence", "doesn't fit the taxonomy", row["key"]))
        if problems:
            raise BadDataError(problems)

    def _imported_faults(self, event: StoredEvent) -> list[Fault]:
        if event.kind not in (CORRECTED, WITHDRAWN):
            if {"value_pair", "value"} & set(event.payload):
                return [Fault("payload", "value_pair and value belong to corrections")]
            return faults_of(as_choice(event), self.bank, self.store.clock())
        try:
            self._pair(event.payload.get("value_pair", ""))
            _preference(event.payload["value"] if event.kind == CORRECTED else 0.0)
        except (CounterpointError, KeyError, TypeError) as error:
            return [Fault("payload", f"is no correction: {error}")]
        return []

    def _pair(self, name: str) -> str:
        if name not in self.bank.taxonomy.by_name:
            raise UnknownNameError("value pair", name, self.bank.taxonomy.by_name)
        return name


def _preference(value: float) -> float:
    if not (math.isfinite(value) and abs(value) <= MOST):
        raise BadInputError(f"a preference must be -{MOST:g} to {MOST:g}, this one is {value!r}")
    return float(value)


def _answered(tx: Transaction, person: PersonRow, key: str, content: object) -> dict[str, Any] | None:
    """What was answered to this idempotency key before; None if it is new, or none was given."""
    if not key:
        return None
    check_name(key, "an idempotency key")
    row = tx.row(schema.requests, person, key=key)
    if row is None:
        return None
    if row["digest"] != tx.vault.keyed_hash("request", as_json(content)):
        raise ConflictError(f"the idempotency key {key!r} was used before with other content; give a new one")
    return dict(json.loads(row["outcome"]))


def _keep_answer(tx: Transaction, person: PersonRow, key: str, content: object, events: Sequence[str]) -> None:
    """Remember what this idempotency key was answered; nothing where none was given."""
    if key:
        digest = tx.vault.keyed_hash("request", as_json(content))
        row = {"key": key, "digest": digest, "outcome": as_json({"events": list(events)}), "at": tx.now}
        tx.add(schema.requests, person, [row])
