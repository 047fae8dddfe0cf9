"""Taking everything away: as a file, or for good."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import Form, Request
from starlette.responses import Response

from counterpoint.serving.pages.errors import pages_router
from counterpoint.serving.pages.person import preferences_of
from counterpoint.serving.pages.render import attachment, go_to, moment, show
from counterpoint.serving.pages.visitors import Genuine, Looking, Served, Shown
from counterpoint.serving.service import Service
from counterpoint.serving.store.records import UnknownPersonError
from counterpoint.users.events import parse_time

router = pages_router()

KINDS = {
    "events": "Events",
    "beliefs": "Beliefs",
    "own_evidence": "Evidence read from own texts",
    "prompt_log": "Prompts that were kept",
    "requests": "Keys of repeated requests",
    "artefact_people": "Places in training data",
    "people": "The name itself",
}
"""Tables that a receipt counts rows of, in plain words and in this order; others come last under their own name."""


@router.get("/person/data")
def choices(request: Request, service: Served, looking: Shown) -> Response:
    """Export or deletion."""
    return _page(request, service, looking)


@router.get("/person/export")
def export(service: Served, looking: Shown) -> Response:
    """Everything held, as a file that imports again."""
    document = service.people.export(looking.who, looking.name)
    return attachment(_readable(document), f"{looking.name}.json")


@router.post("/person/deletion", dependencies=[Genuine])
def delete(request: Request, service: Served, looking: Shown, confirm: Annotated[str, Form()] = "") -> Response:
    """Delete everything, if it is confirmed by the name."""
    if confirm.strip() != looking.name:
        return _page(
            request, service, looking, say=f"Nothing was deleted: to confirm, type {looking.name}.", failed=True
        )
    service.people.delete(looking.who, looking.name)
    return go_to(request, looking.href("receipt"))


@router.get("/person/receipt")
def receipt(request: Request, service: Served, looking: Shown) -> Response:
    """What went, signed."""
    held = _receipt(service, looking)
    counts = {KINDS.get(name, name): held["rows"][name] for name in {**KINDS, **held["rows"]} if name in held["rows"]}
    when = moment(parse_time(held["deleted_at"]))
    return show(
        request, "receipt", looking=looking, receipt=held, counts=counts, when=when, text=_readable(held).decode()
    )


@router.get("/person/receipt.json")
def receipt_file(service: Served, looking: Shown) -> Response:
    """The receipt to keep."""
    return attachment(_readable(_receipt(service, looking)), "receipt.json")


def _receipt(service: Service, looking: Looking) -> dict[str, Any]:
    """Raises `UnknownPersonError` for somebody who was not deleted: reading a receipt must never delete."""
    with service.store.begin(looking.who) as transaction:
        held = transaction.tombstone(looking.name)
    if held is None:
        raise UnknownPersonError(looking.name)
    return held


def _page(request: Request, service: Service, looking: Looking, *, say: str = "", failed: bool = False) -> Response:
    preferences = preferences_of(service, looking)
    status = 422 if failed else 200
    return show(request, "data", looking=looking, say=say, status=status, preferences=preferences, failed=failed)


def _readable(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, indent=2).encode()
