"""Dilemmas and what their options say, read off the scorer once; and people's own texts, read when they come.

Evidence about dilemmas is shared by everybody and kept in the database, so that all replicas read the same numbers to
the last bit and a dilemma that has left the data set can still be replayed. Evidence from somebody's own texts is kept
with that person alone, goes when they go, and leaves nothing in the scorer's own caches.
"""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import select

from counterpoint.models.scorer import LogProbs, Scorer
from counterpoint.serving.store.schema import dilemmas as table
from counterpoint.serving.store.store import Store, as_json
from counterpoint.types import Choice, DataSet, Dilemma, Option, Pole, Taxonomy, content_hash
from counterpoint.users.evidence import Evidence, EvidenceCache, scorer_identity, shown_dilemma
from counterpoint.users.model import Question


class Texts(EvidenceCache):
    """Readings for one request. `held`: what was known before; `fresh`: what was read since."""

    def __init__(self, held: Mapping[str, LogProbs] | None = None) -> None:
        super().__init__()
        self.held, self.fresh = dict(held or {}), dict[str, LogProbs]()

    def get(self, keys: Sequence[str]) -> dict[str, LogProbs]:
        """Those that are there."""
        return {key: self.held[key] for key in keys if key in self.held}

    def put(self, scores: Mapping[str, LogProbs]) -> None:
        """Keep them, for this request."""
        self.held.update(scores)
        self.fresh.update(scores)


class Reading(Evidence):
    """The bank's evidence for one request: dilemmas from the bank, texts through the scorer and `texts`."""

    def __init__(self, bank: Bank, texts: Texts) -> None:
        super().__init__(bank.scorer, bank.taxonomy, cache=texts, identity=bank.name)
        self.texts = texts
        self._bank = bank

    def with_texts(self, texts: Texts) -> Reading:
        """The same for another request; hashing once more what all have in common would take longer than reading."""
        other = copy.copy(self)
        other.texts = other.cache = texts
        return other

    def questions(self, dilemmas: Sequence[Dilemma], *, time: float = 0.0) -> list[Question]:  # noqa: ARG002
        """Dilemmas of the bank as questions."""
        return [self._bank.by_digest[dilemma.digest] for dilemma in dilemmas]


class LateScorer:
    """A scorer that is made when there is something to read, and remembers nothing of it, in memory or on disk."""

    name = "late"

    def __init__(self, make: Callable[[], Scorer]) -> None:
        self._make, self._made, self._making = make, list[Scorer](), threading.Lock()

    @property
    def made(self) -> Scorer:
        """The scorer itself."""
        with self._making:
            if not self._made:
                self._made.append(self._make())
        return self._made[0]

    def score(self, dilemmas: Sequence[Dilemma], poles: Sequence[Sequence[Pole]]) -> list[LogProbs]:
        """As the scorer scores."""
        return _without_memory(self.made).score(dilemmas, poles)

    def save(self, folder: Path) -> None:
        """Saves the scorer."""
        self.made.save(folder)

    def describe(self) -> dict[str, Any]:
        """What the scorer says of itself."""
        return self.made.describe()


class Bank:
    """What people can be asked. Immutable once open; one a process, shared by threads.

    Attributes:
        taxonomy: the axes of every belief.
        scorer: reads texts; made when first needed.
        name: tells this scorer from every other.
        questions: one a dilemma of the data set, in its order, with evidence.
        dilemmas: by id and by digest, former ones too.
        by_digest: questions of all of these.
        identity: tells this evidence from every other: the scorer and the poles it is asked about.
    """

    def __init__(
        self, data: DataSet, scorer: Callable[[], Scorer], name: str, known: Mapping[Dilemma, LogProbs]
    ) -> None:
        self.taxonomy: Taxonomy = data.taxonomy
        self.scorer, self.name = LateScorer(scorer), name
        self.identity = _identity(name, data.taxonomy)
        evidence = _Known(self.scorer, data.taxonomy, known)
        self.by_digest = {
            dilemma.digest: question for dilemma, question in zip(known, evidence.questions(list(known)), strict=True)
        }
        self.questions = [self.by_digest[dilemma.digest] for dilemma in data.dilemmas]
        former = {dilemma.digest: dilemma for dilemma in known}
        self.dilemmas: Mapping[str, Dilemma] = {**former, **{dilemma.id: dilemma for dilemma in data.dilemmas}}
        self._unread = Reading(self, Texts())

    @classmethod
    def open(cls, store: Store, data: DataSet, scorer: Callable[[], Scorer], *, name: str = "") -> Bank:
        """The data set's dilemmas, and those that were asked before, with evidence from this scorer.

        Args:
            store: where evidence is kept; what is missing there is read now and put there.
            data: what can be asked.
            scorer: makes what reads texts; called once, when there is something to read.
            name: tells this scorer from every other; by default a hash of what it saves, so that it is made now.
        """
        if not name:
            made = scorer()
            return cls.open(store, data, lambda: made, name=scorer_identity(made))
        identity = _identity(name, data.taxonomy)
        with store.reading() as connection:
            rows = connection.execute(select(table).order_by(table.c.digest)).mappings().all()
        known = {_dilemma(row["content"]): _log_probs(row) for row in rows if row["identity"] == identity}
        wanted = {d.digest: d for d in (*(_dilemma(row["content"]) for row in rows), *data.dilemmas)}
        here = {dilemma.digest for dilemma in known}
        missing = [d for digest, d in wanted.items() if digest not in here and _fits(d, data.taxonomy)]
        if missing:
            made = scorer()
            _keep(store, identity, missing, made.score(missing, [data.taxonomy.poles] * len(missing)))
            return cls.open(store, data, lambda: made, name=name)  # another replica's numbers, if it was first
        return cls(data, scorer, name, known)

    def find(self, name: str) -> Dilemma | None:
        """The dilemma of this id or digest."""
        return self.dilemmas.get(name)

    def read(self, choices: Sequence[Choice], held: Mapping[str, LogProbs] | None = None) -> Reading:
        """Evidence in which the texts of these choices have been read, those not `held` through the scorer."""
        reading = self._unread.with_texts(Texts(held))
        for choice in choices:
            if choice.texts:
                reading.replies(_read_of(choice), shown_dilemma(choice, self.dilemmas))
        return reading

    def options(self, texts: Sequence[str], scenario: str, question: str, scene: str) -> Question:
        """Options somebody wrote, against each other; they count for every pair in full. Nothing of them is kept."""
        options = tuple(Option(text, "") for text in texts)
        shown = Dilemma("", self.taxonomy.pairs[0].name, scenario, options, question, scene)
        evidence = Evidence(self.scorer, self.taxonomy, elsewhere=1.0, identity=self.name)
        return evidence.questions([shown])[0]


class _Known(Evidence):
    """Evidence whose scores are all known."""

    def __init__(self, scorer: Scorer, taxonomy: Taxonomy, known: Mapping[Dilemma, LogProbs]) -> None:
        super().__init__(scorer, taxonomy, identity="known")
        self._scores = {dilemma.digest: log_probs for dilemma, log_probs in known.items()}

    def log_probs(self, dilemmas: Sequence[Dilemma]) -> list[LogProbs]:
        return [self._scores[dilemma.digest] for dilemma in dilemmas]


def _read_of(choice: Choice) -> tuple[str, ...]:
    """The texts that `likelihood.observe` reads together: one that was judged, two around an edit."""
    return choice.texts if choice.kind == "edited" else choice.texts[:1]


def _identity(name: str, taxonomy: Taxonomy) -> str:
    return content_hash(name, [[pole.name, pole.description] for pole in taxonomy.poles])


def _fits(dilemma: Dilemma, taxonomy: Taxonomy) -> bool:
    return dilemma.value_pair in taxonomy.by_name


def _keep(store: Store, identity: str, dilemmas: Sequence[Dilemma], scored: Sequence[LogProbs]) -> None:
    rows = [
        {
            "digest": dilemma.digest,
            "identity": identity,
            "content": as_json(asdict(dilemma)),
            "width": log_probs.shape[1],
            "log_probs": log_probs.astype("<f4").tobytes(),
        }
        for dilemma, log_probs in zip(dilemmas, scored, strict=True)
    ]
    with store.transaction() as connection:
        connection.execute(store.insert(table).on_conflict_do_nothing(), rows)


def _dilemma(content: str) -> Dilemma:
    fields: dict[str, Any] = json.loads(content)
    return Dilemma(**{**fields, "options": tuple(Option(**option) for option in fields["options"])})


def _log_probs(row: Any) -> LogProbs:
    return np.frombuffer(row["log_probs"], dtype="<f4").reshape(-1, row["width"])


def _without_memory(scorer: Scorer) -> Scorer:
    """The same scorer over a text encoder that knows no text and has no cache, if it is one that keeps texts."""
    if not hasattr(scorer, "text_encoder"):
        return scorer
    from counterpoint.models.text_encoder import TextEncoder

    twin = copy.copy(scorer)
    known = scorer.text_encoder
    twin.text_encoder = TextEncoder(known.module, known.tokenizer, known.identity)
    return twin
