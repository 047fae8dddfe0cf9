"""What the service does for one person, with no HTTP in it: the routes and the pages share it.

Every method takes who asks (`Principal`: its tenant bounds what can be seen) and the person's name in that tenant, is
one transaction, and leaves a line in the audit trail. Raised, besides what is named below: `UnknownPersonError` (404),
`PersonDeletedError` (410), `ConflictError` (409), `BadInputError` (422), `StoreError` (503).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from counterpoint.serving.store.bank import Bank
from counterpoint.serving.store.records import NewEvent, PersonRow, Principal
from counterpoint.serving.store.store import Store
from counterpoint.types import Dilemma
from counterpoint.users.ask import Rule
from counterpoint.users.belief import Belief


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
        words: one short plain sentence.
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
        last_event: when the last of them happened, seconds since 1970; None if none did.
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
    """A belief along the way, corrections included. `time`: of the event after which it was held."""

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
        push: how far it pulls the leaning from a newcomer's, to first order; positive to the positive pole.
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
        asked: how many were answered before.
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


class People:
    """The service's view of people: a store, and dilemmas with their evidence.

    Args:
        store: where they are kept.
        bank: what they are asked, and what reads their texts.
    """

    def __init__(self, store: Store, bank: Bank) -> None:
        self.store, self.bank = store, bank

    def record(self, who: Principal, person: str, events: Sequence[NewEvent], *, key: str = "") -> Recorded:
        """Take in events, all or none. The person begins with their first. What this acknowledges is on disk.

        Args:
            who: who sends them.
            person: whom they are about.
            events: any kinds, in any order.
            key: idempotency key: the same key with the same events again answers as it did at first.

        Raises:
            BadDataError: with every problem of every event.
            ConflictError: an id, or the key, was used before for something else.
        """
        raise NotImplementedError

    def preferences(
        self, who: Principal, person: str, *, as_of: float | None = None, known_at: float | None = None
    ) -> Preferences:
        """Where they stand; at a moment `as_of` (what happened later is left out), or as we knew it at `known_at`."""
        raise NotImplementedError

    def belief(self, who: Principal, person: str) -> Belief:
        """What to steer by, corrections included. Somebody unknown has a newcomer's; nobody is made by asking."""
        raise NotImplementedError

    def path(self, who: Principal, person: str, *, most: int = 60) -> tuple[PathPoint, ...]:
        """How the belief came about, the newcomer's first, at most so many points, the last one as it is now."""
        raise NotImplementedError

    def explain(
        self, who: Principal, person: str, *, value_pair: str | None = None, most: int = 20
    ) -> dict[str, tuple[Reason, ...]]:
        """What each leaning rests on: for each value pair (or the one asked for) the events that pull most."""
        raise NotImplementedError

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
        raise NotImplementedError

    def withdraw(self, who: Principal, person: str, value_pair: str, *, key: str = "") -> Preferences:
        """Take their own word back: inference counts again. Nothing happens where there is none."""
        raise NotImplementedError

    def next_question(self, who: Principal, person: str, *, rule: Rule | None = None) -> Asked | None:
        """The dilemma that would tell most, of those not answered yet; None when the rule says stop."""
        raise NotImplementedError

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
        """Options in the order this person would like them, best first. Unknown people get a newcomer's order."""
        raise NotImplementedError

    def people(self, who: Principal, *, after: str = "", limit: int = 50) -> tuple[PersonRow, ...]:
        """The tenant's people by name, a page at a time."""
        raise NotImplementedError

    def export(self, who: Principal, person: str) -> dict[str, Any]:
        """Everything held about them, as JSON (`counterpoint.person/1`, docs in `store/export.py`)."""
        raise NotImplementedError

    def take_in(self, who: Principal, document: dict[str, Any]) -> Preferences:
        """Import what `export` gave; the belief comes out identical.

        Raises:
            BadDataError: it is not such a document.
            ConflictError: the person is here already.
        """
        raise NotImplementedError

    def delete(self, who: Principal, person: str) -> dict[str, Any]:
        """Erase them completely; a signed receipt (`counterpoint.receipt/1`) says what went.

        Deleting again gives the same receipt. Raises `UnknownPersonError` for somebody never known.
        """
        raise NotImplementedError

    def log_prompt(self, who: Principal, person: str, content: dict[str, Any]) -> None:
        """Keep a prompt and its reply, where the operator asked for that. Unknown people's are not kept."""
        raise NotImplementedError
