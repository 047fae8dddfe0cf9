"""POST /v1/users/{id}/events: what somebody did, one event or many, all or none."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from counterpoint.serving.doors.errors import ApiError, documented
from counterpoint.serving.routes.fields import Moment, Name, Person, Short, Strict, Text, Writer
from counterpoint.serving.service import Served
from counterpoint.serving.store.records import NewEvent
from counterpoint.serving.store.together import Ahead
from counterpoint.types import ChoiceKind

router = APIRouter(tags=["people"])
MOST_OPTIONS = 100
Index = Annotated[int, Field(ge=0, lt=MOST_OPTIONS)]


class EventIn(Strict):
    """Something a person did. Which fields it needs depends on its kind; the guide has one of each."""

    kind: Annotated[ChoiceKind, Field(strict=False)]
    id: Name | None = Field(default=None, description="Your name for it, unique for the person; given if absent.")
    time: Moment | None = Field(default=None, description="When it happened: ISO 8601 or seconds since 1970. Now.")
    dilemma: Short = Field(default="", description="Id or digest of what was shown.")
    groups: list[Annotated[list[Index], Field(max_length=MOST_OPTIONS)]] = Field(
        default=[],
        max_length=MOST_OPTIONS,
        description="Options by place from 0, best group first: [[2]] chose the third.",
    )
    scene: Short = ""
    texts: list[Text] = Field(
        default=[], max_length=2, description="Liked, disliked: the reply. Edited: before, after."
    )
    pole: Short = Field(default="", description="Said: the side they named.")
    strength: float | None = Field(default=None, gt=0, le=20, description="Said: log-odds.")
    target: Short = Field(default="", description="Retracted: the id of the event taken back.")

    def event(self) -> NewEvent:
        """As the domain takes it."""
        return NewEvent(
            kind=self.kind,
            id=self.id or "",
            time=self.time,
            dilemma=self.dilemma,
            groups=tuple(tuple(group) for group in self.groups),
            scene=self.scene,
            texts=tuple(self.texts),
            pole=self.pole,
            strength=self.strength,
            target=self.target,
        )


class EventsIn(Strict):
    """Events of one person, in any order."""

    events: list[EventIn] = Field(min_length=1)


class RecordedOut(Strict):
    """What became of them."""

    events: list[str] = Field(description="Their ids, in the order sent.")
    added: int = Field(description="How many were new.")
    repeated: int = Field(description="How many were there already.")


IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[A-Za-z0-9._:-]+$",
        description="Sent again with the same body, the request does nothing more; its events come back as repeated.",
    ),
]


@router.post("/v1/users/{id}/events", status_code=201, response_model=RecordedOut, responses=documented(409, 410))
async def post_events(
    person: Person,
    body: EventsIn,
    who: Writer,
    service: Served,
    key: IdempotencyKey = None,
) -> RecordedOut:
    """Take in what a person did. What this answers is on disk. A person begins with their first event."""
    most = service.settings.max_batch
    if len(body.events) > most:
        raise ApiError(
            413, "batch_too_large", f"{len(body.events)} events; send at most {most} at a time", param="events"
        )
    events = [event.event() for event in body.events]
    record = partial(service.people.record, who, person, events, key=key or "")
    ahead = Ahead(who.tenant, person, key or "", tuple(event.id for event in events if event.id))
    # texts are read first, which takes long: such events don't hold up the others
    recorded = await (run_in_threadpool(record) if any(e.texts for e in events) else service.desk.run(record, ahead))
    service.metrics.recorded(added=recorded.added, repeated=recorded.repeated)
    return RecordedOut(events=list(recorded.events), added=recorded.added, repeated=recorded.repeated)
