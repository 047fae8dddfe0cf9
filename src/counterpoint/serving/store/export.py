"""Everything held about one person, as JSON, and back. Importing gives an identical belief.

    {"schema": "counterpoint.person/1",
     "tenant": "...", "person": "ann", "created": 1760000000.0, "exported": 1760000100.0,
     "events": [{"sequence": 1, "id": "e1", "kind": "chose", "happened_at": ..., "learned_at": ...,
                 "payload": {"dilemma": "<digest>", "groups": [[2]]}}, ...],
     "belief": {"identity": "<hash of evidence and user model>", "sequence": 1, "packed": "<hex>",
                "corrections": {"Risk Orientation": 1.5}} or null,
     "dilemmas": [{"digest": "...", "content": {...}}, ...],        what the events are about
     "own_evidence": [{"key": "...", "width": 14, "log_probs": "<hex, float32 little-endian [pole, option]>"}, ...],
     "requests": [{"key": "...", "digest": "...", "outcome": {...}, "at": ...}, ...],        idempotency keys
     "prompts": [{"at": ..., "request": "...", "content": {...}}, ...],
     "artefacts": ["adapter-v3", ...],                              trained on rows of theirs
     "audit": [{"at": ..., "who": "<API key>", "what": "...", "request": "..."}, ...]}

Times are seconds since 1970 (UTC). An event's `payload` has the fields of its kind (docs/beliefs.md); for `corrected`,
`value_pair` and `value`; for `withdrawn`, `value_pair`. What is derived or about others is not read back: the belief
is worked out anew, artefacts and audit stay where they were.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import update

from counterpoint.data.faults import Fault, explain
from counterpoint.errors import BadDataError
from counterpoint.serving.store import artefacts, schema
from counterpoint.serving.store.audit import trail
from counterpoint.serving.store.intake import storable
from counterpoint.serving.store.records import ConflictError, PersonRow, StoredEvent
from counterpoint.serving.store.store import Transaction, as_json
from counterpoint.types import ChoiceKind, Problem

FORMAT = "counterpoint.person/1"
_ALL = 2**31 - 1


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class _Payload(_Part):
    dilemma: str = ""
    groups: list[list[Annotated[int, Field(strict=True)]]] = []
    scene: str = ""
    texts: list[str] = []
    pole: str = ""
    strength: float | None = None
    target: str = ""
    value_pair: str = ""
    value: float | None = None


class _Event(_Part):
    sequence: int = Field(ge=1)
    id: str = Field(min_length=1, max_length=schema.NAME)
    kind: ChoiceKind | Literal["corrected", "withdrawn"]
    happened_at: float = Field(ge=0)
    learned_at: float = Field(ge=0)
    payload: _Payload

    def stored(self) -> StoredEvent:
        """As the store keeps it."""
        payload = self.payload.model_dump(exclude_unset=True)
        return StoredEvent(self.sequence, self.id, str(self.kind), self.happened_at, self.learned_at, payload)


class _Evidence(_Part):
    key: str = Field(pattern="^[0-9a-f]{64}$")
    width: int = Field(ge=1, le=1000)
    log_probs: str = Field(pattern="^([0-9a-f]{8})*$")


class _Outcome(_Part):
    events: list[str]


class _Request(_Part):
    key: str = Field(min_length=1, max_length=schema.NAME)
    digest: str = Field(pattern="^[0-9a-f]{64}$")
    outcome: _Outcome
    at: float


class _Prompt(_Part):
    at: float
    request: str = Field(max_length=schema.NAME)
    content: dict[str, Any]


class _Document(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)
    schema_: Literal["counterpoint.person/1"] = Field(alias="schema")
    person: str = Field(min_length=1, max_length=schema.NAME)
    created: float = Field(ge=0)
    events: list[_Event]
    own_evidence: list[_Evidence] = []
    requests: list[_Request] = []
    prompts: list[_Prompt] = []


def export_person(tx: Transaction, person: PersonRow) -> dict[str, Any]:
    """The document of a person."""
    events = tx.events(person)
    belief = tx.row(schema.beliefs, person)
    return {
        "schema": FORMAT,
        "tenant": tx.tenant,
        "person": person.name,
        "created": person.created,
        "exported": tx.now,
        "events": [{**event.__dict__, "payload": dict(event.payload)} for event in events],
        "belief": belief
        and {
            "identity": belief["identity"],
            "sequence": belief["sequence"],
            "packed": bytes(belief["packed"]).hex(),
            "corrections": json.loads(belief["corrections"]),
        },
        "dilemmas": _dilemmas(tx, events),
        "own_evidence": [
            {"key": row["key"], "width": row["width"], "log_probs": bytes(row["log_probs"]).hex()}
            for row in tx.rows(schema.own_evidence, person)
        ],
        "requests": [
            {"key": row["key"], "digest": row["digest"], "outcome": json.loads(row["outcome"]), "at": row["at"]}
            for row in tx.rows(schema.requests, person)
        ],
        "prompts": [
            {"at": row["at"], "request": row["request"], "content": json.loads(row["content"])}
            for row in tx.rows(schema.prompt_log, person)
        ],
        "artefacts": list(artefacts.trained_on(tx, person)),
        "audit": [
            {"at": line.at, "who": line.who, "what": line.what, "request": line.request}
            for line in trail(tx, person=person, limit=_ALL)
        ],
    }


def _dilemmas(tx: Transaction, events: tuple[StoredEvent, ...]) -> list[dict[str, Any]]:
    """The texts of the dilemmas these events are about."""
    table = schema.dilemmas
    digests = sorted({event.payload["dilemma"] for event in events if "dilemma" in event.payload})
    statement = table.select().where(table.c.digest.in_(digests)).order_by(table.c.digest)
    found = {row["digest"]: json.loads(row["content"]) for row in tx.execute(statement).mappings()}
    return [{"digest": digest, "content": content} for digest, content in found.items()]


def import_person(tx: Transaction, document: dict[str, Any]) -> tuple[PersonRow, tuple[StoredEvent, ...]]:
    """Put in what `export_person` gave; the person, locked, and the events.

    Raises:
        BadDataError: the document is not of this form.
        ConflictError: the person is here already.
        PersonDeletedError: the person was deleted here.
    """
    read = _read(document)
    person = tx.lock(read.person, create=True)
    if person.sequence or tx.rows(schema.requests, person):
        raise ConflictError(f"{read.person!r} is here already; only somebody new can be imported")
    own_row = schema.people.c.tenant == tx.tenant, schema.people.c.id == person.id
    tx.execute(update(schema.people).where(*own_row).values(created=read.created))
    events = tuple(event.stored() for event in read.events)
    person = tx.append(person, events)
    own = [{"key": e.key, "width": e.width, "log_probs": bytes.fromhex(e.log_probs)} for e in read.own_evidence]
    tx.add(schema.own_evidence, person, own)
    kept = [{**request.model_dump(), "outcome": as_json(request.outcome.model_dump())} for request in read.requests]
    tx.add(schema.requests, person, kept)
    tx.add(schema.prompt_log, person, [{**p.model_dump(), "content": as_json(p.content)} for p in read.prompts])
    return person, events


def _read(document: dict[str, Any]) -> _Document:
    """The document, events in the order of sequence."""
    try:
        read = _Document.model_validate(document)
    except ValidationError as error:
        faults = explain(error, _Document)
    else:
        read.events.sort(key=lambda event: event.sequence)
        faults = [] if storable(document) else [Fault("", "has characters that are no text")]
        if [event.sequence for event in read.events] != list(range(1, len(read.events) + 1)):
            faults.append(Fault("events", "sequences must be 1, 2, ... without a gap"))
        for field, names in (
            ("events", [event.id for event in read.events]),
            ("own_evidence", [evidence.key for evidence in read.own_evidence]),
            ("requests", [request.key for request in read.requests]),
        ):
            if len(set(names)) < len(names):
                faults.append(Fault(field, "one name stands for two things"))
        if not faults:
            return read
    problems = [Problem("the document", "", *fault) for fault in faults]
    raise BadDataError(problems, f"expected what an export gives, {FORMAT}")
