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
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from counterpoint.data.faults import explain
from counterpoint.errors import BadDataError
from counterpoint.serving.store import artefacts, schema
from counterpoint.serving.store.audit import trail
from counterpoint.serving.store.records import ConflictError, PersonRow, StoredEvent
from counterpoint.serving.store.store import Transaction, as_json
from counterpoint.types import Problem

FORMAT = "counterpoint.person/1"
_ALL = 2**31 - 1


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class _Event(_Part):
    sequence: int = Field(ge=1)
    id: str = Field(min_length=1, max_length=schema.NAME)
    kind: str
    happened_at: float = Field(ge=0)
    learned_at: float = Field(ge=0)
    payload: dict[str, Any]


class _Evidence(_Part):
    key: str = Field(min_length=64, max_length=64)
    width: int = Field(ge=1)
    log_probs: str = Field(pattern=r"^([0-9a-f]{8})*$")


class _Request(_Part):
    key: str = Field(min_length=1, max_length=schema.NAME)
    digest: str
    outcome: dict[str, Any]
    at: float


class _Prompt(_Part):
    at: float
    request: str
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
    try:
        read = _Document.model_validate(document)
    except ValidationError as error:
        problems = [Problem("the document", "", *fault) for fault in explain(error, _Document)]
        raise BadDataError(problems, f"expected what an export gives, {FORMAT}") from None
    person = tx.lock(read.person, create=True)
    if person.sequence or tx.rows(schema.requests, person):
        raise ConflictError(f"{read.person!r} is here already; only somebody new can be imported")
    events = tuple(StoredEvent(**event.model_dump()) for event in sorted(read.events, key=lambda event: event.sequence))
    if [event.sequence for event in events] != list(range(1, len(events) + 1)):
        raise BadDataError([Problem("the document", "", "events", "sequences must be 1, 2, ... without a gap")])
    person = tx.append(person, events)
    own = [{"key": e.key, "width": e.width, "log_probs": bytes.fromhex(e.log_probs)} for e in read.own_evidence]
    tx.add(schema.own_evidence, person, own)
    kept = [{**request.model_dump(), "outcome": as_json(request.outcome)} for request in read.requests]
    tx.add(schema.requests, person, kept)
    tx.add(schema.prompt_log, person, [{**p.model_dump(), "content": as_json(p.content)} for p in read.prompts])
    return person, events
