"""What is held of people: list, export, import, deletion with its receipt, and links for people themselves."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Body, Query
from pydantic import Field

from counterpoint.serving.doors.errors import documented
from counterpoint.serving.doors.sessions import LINK, Visitor
from counterpoint.serving.routes.fields import Admin, Deleter, Person, Reader, Short, Strict, Writer, written
from counterpoint.serving.routes.preferences import PreferencesOut, as_answer
from counterpoint.serving.service import Served
from counterpoint.serving.store.vault import verify

router = APIRouter(tags=["people"])
Document = Annotated[dict[str, Any], Body(description="A JSON object.")]


class PersonOut(Strict):
    """Somebody in the store."""

    person: str
    created: str
    sequence: int = Field(description="Of their last event; 0: none.")


class PeopleOut(Strict):
    """A page of them, by name. The next page begins `after` the last name of this one."""

    people: list[PersonOut]


class VerdictOut(Strict):
    """Whether a receipt is as it was signed here."""

    valid: bool
    signed_here: bool = Field(description="Whether by this service's key, which its owner alone has.")


class LinkIn(Strict):
    """How long a link lasts."""

    seconds: Annotated[float, Field(gt=0, le=7 * 86400, allow_inf_nan=False)] = LINK


class LinkOut(Strict):
    """A link to a person's pages. Whoever has it is let in as them, until it is too old."""

    url: str
    expires_in: float


@router.get("/v1/users", response_model=PeopleOut, responses=documented())
def list_people(
    who: Reader,
    service: Served,
    after: Annotated[Short, Query(description="Names after this one.")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> PeopleOut:
    """The tenant's people by name."""
    rows = service.people.people(who, after=after, limit=limit)
    people = [PersonOut(person=row.name, created=written(row.created) or "", sequence=row.sequence) for row in rows]
    return PeopleOut(people=people)


@router.get("/v1/users/{id}/export", response_model=dict[str, Any], responses=documented(404, 410))
def export_person(person: Person, who: Reader, service: Served) -> dict[str, Any]:
    """Everything held about them (`counterpoint.person/1`); /v1/imports takes it back."""
    return service.people.export(who, person)


@router.post("/v1/imports", status_code=201, response_model=PreferencesOut, responses=documented(409, 410))
def import_person(document: Document, who: Writer, service: Served) -> PreferencesOut:
    """Take in what an export gave; the belief comes out identical."""
    return as_answer(service.people.take_in(who, document))


@router.delete("/v1/users/{id}", response_model=dict[str, Any], responses=documented(404))
def delete_person(person: Person, who: Deleter, service: Served) -> dict[str, Any]:
    """Erase them completely. The signed receipt says what went; asked again, the same receipt comes."""
    return service.people.delete(who, person)


@router.post("/v1/receipts/verify", response_model=VerdictOut, responses=documented())
async def verify_receipt(receipt: Document, who: Reader, service: Served) -> VerdictOut:
    """Whether a receipt is as it was signed."""
    del who
    return VerdictOut(valid=verify(receipt), signed_here=verify(receipt, public_key=service.store.vault.public_key))


@router.post("/v1/users/{id}/link", status_code=201, response_model=LinkOut, responses=documented())
async def make_link(person: Person, who: Admin, service: Served, body: LinkIn | None = None) -> LinkOut:
    """A link to the person's own pages, to be handed to them and nobody else."""
    lasts = (body or LinkIn()).seconds
    token = service.sessions.link(Visitor(who.tenant, who.key, person), lasts=lasts)
    url = f"{service.settings.public_url.rstrip('/')}/link?{urlencode({'token': token})}"
    return LinkOut(url=url, expires_in=lasts)
