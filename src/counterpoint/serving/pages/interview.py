"""An interview that asks the most informative dilemma next."""

from __future__ import annotations

import hashlib
import secrets
from typing import Annotated, Literal

from fastapi import Form, Query, Request
from starlette.responses import Response

from counterpoint.serving.doors.errors import ApiError
from counterpoint.serving.pages import figures
from counterpoint.serving.pages.errors import pages_router
from counterpoint.serving.pages.person import SAID, preferences_of, show_leaning
from counterpoint.serving.pages.render import go_to, is_part, show
from counterpoint.serving.pages.visitors import Genuine, Looking, Served, Shown
from counterpoint.serving.people import Reason
from counterpoint.serving.service import Service
from counterpoint.serving.store.records import NewEvent
from counterpoint.types import ChoiceKind, Dilemma
from counterpoint.users.ask import Rule

router = pages_router()

ON_AND_ON = Rule(cost=0.0, certainty=1.0, most=1_000_000)
"""For those who want to go on although nothing is expected to tell much."""

Text = Annotated[str, Form(max_length=200)]
Answer = Literal["chose", "tied", "skipped"]


@router.get("/person/interview")
def ask(
    request: Request,
    service: Served,
    looking: Shown,
    last: Annotated[str, Query(max_length=200)] = "",
    more: bool = False,
    done: str = "",
) -> Response:
    """The next dilemma; `last` is the answer given before, `more` goes on where the rule says stop."""
    return _question(request, service, looking, last=last, more=more, say=SAID.get(done, ""))


@router.post("/person/interview", dependencies=[Genuine])
def answer(
    request: Request,
    service: Served,
    looking: Shown,
    dilemma: Text,
    event: Text,
    kind: Annotated[Answer, Form()] = "chose",
    option: Annotated[int | None, Form()] = None,
    more: Annotated[bool, Form()] = False,
) -> Response:
    """Keep an answer. `event` was drawn with the form, so that sending it twice counts once."""
    if kind == "chose" and option is None:
        raise ApiError(422, "no_option", "choose one of the answers, or say that there is no difference, or skip")
    groups = ((option,),) if kind == "chose" and option is not None else ()
    found = service.people.bank.find(dilemma)
    scene = found.scene if found else ""
    told = NewEvent(ChoiceKind(kind), id=event, dilemma=dilemma, groups=groups, scene=scene)
    service.people.record(looking.who, looking.name, [told])
    if is_part(request):
        return _question(request, service, looking, last=event, more=more, say=SAID["answered"])
    query = {"more": "true"} if more else {}
    return go_to(request, looking.href("interview", last=event, done="answered", **query))


@router.post("/person/taken-back", dependencies=[Genuine])
def take_back(
    request: Request, service: Served, looking: Shown, event: Text, pair: Annotated[str, Form()] = ""
) -> Response:
    """Take an answer back; `pair` where that was asked for on a value pair's page, else the interview goes on."""
    taken = NewEvent(ChoiceKind.RETRACTED, id=f"back-{secrets.token_hex(8)}", target=event)
    service.people.record(looking.who, looking.name, [taken])
    if is_part(request):
        if pair:
            return show_leaning(request, service, looking, pair, say=SAID["taken-back"], focus="grounds")
        return _question(request, service, looking, say=SAID["taken-back"])
    if pair:
        return go_to(request, looking.href("leaning", pair=pair, done="taken-back"))
    return go_to(request, looking.href("interview", done="taken-back"))


def _question(
    request: Request, service: Service, looking: Looking, *, last: str = "", more: bool = False, say: str = ""
) -> Response:
    asked = service.people.next_question(looking.who, looking.name, rule=ON_AND_ON if more else None)
    moved = _what_moved(service, looking, last) if last else None
    preferences = preferences_of(service, looking)
    return show(
        request,
        "interview",
        looking=looking,
        say=f"{say} {moved[1]}".strip() if moved else say,
        asked=asked,
        order=order_for(looking.name, asked.dilemma) if asked else (),
        event=f"page-{secrets.token_hex(12)}",
        last=last if moved else "",
        more=more,
        preferences=preferences,
        rows=figures.rows(preferences),
    )


def _what_moved(service: Service, looking: Looking, event: str) -> tuple[Reason, str] | None:
    """Where an answer pulls most, and that in words; None where it pulls nowhere, or is not there."""
    found = [
        (pair, reason)
        for pair, reasons in service.people.explain(looking.who, looking.name, most=1_000_000).items()
        for reason in reasons
        if reason.event == event
    ]
    if not found:
        return None
    pair, reason = max(found, key=lambda one: abs(one[1].push))
    poles = service.people.bank.taxonomy.by_name[pair]
    side = poles.positive.name if reason.push > 0 else poles.negative.name
    return reason, f"It pulls {pair} towards {side}."


def order_for(name: str, dilemma: Dilemma) -> tuple[int, ...]:
    """Options in an order that differs between people and stays for one, so that no place is favoured."""
    places = range(len(dilemma.options))
    return tuple(
        sorted(places, key=lambda place: hashlib.sha256(f"{name}\0{dilemma.digest}\0{place}".encode()).digest())
    )
