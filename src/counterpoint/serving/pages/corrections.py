"""A person's own word on a value pair, and its withdrawal."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Form, Request
from starlette.responses import Response

from counterpoint.serving.pages import figures
from counterpoint.serving.pages.errors import pages_router
from counterpoint.serving.pages.person import SAID, preferences_of, show_leaning
from counterpoint.serving.pages.render import go_to, is_part, show
from counterpoint.serving.pages.visitors import Genuine, Looking, Served, Shown
from counterpoint.serving.service import Service

router = pages_router()

Text = Annotated[str, Form()]
Back = Annotated[Literal["corrections", "leaning"], Form()]
"""The page that the form was on."""


@router.get("/person/corrections")
def all_sliders(request: Request, service: Served, looking: Shown, done: str = "") -> Response:
    """A slider for every value pair."""
    return _sliders(request, service, looking, say=SAID.get(done, ""))


@router.post("/person/corrections", dependencies=[Genuine])
def correct(
    request: Request, service: Served, looking: Shown, pair: Text, value: Annotated[float, Form()], back: Back
) -> Response:
    """Take a person at their word."""
    service.people.correct(looking.who, looking.name, pair, value)
    return _again(request, service, looking, back, pair, "corrected")


@router.post("/person/withdrawals", dependencies=[Genuine])
def withdraw(request: Request, service: Served, looking: Shown, pair: Text, back: Back) -> Response:
    """Take the word back."""
    service.people.withdraw(looking.who, looking.name, pair)
    return _again(request, service, looking, back, pair, "withdrawn")


def _again(request: Request, service: Service, looking: Looking, back: str, pair: str, done: str) -> Response:
    """The page that the form was on: a part of it for htmx, a redirect otherwise."""
    if is_part(request):
        if back == "leaning":
            return show_leaning(request, service, looking, pair, say=SAID[done], focus=pair)
        return _sliders(request, service, looking, say=f"{pair}: {SAID[done]}", focus=pair)
    query = {"pair": pair, "done": done} if back == "leaning" else {"done": done}
    return go_to(request, looking.href(back, **query))


def _sliders(request: Request, service: Service, looking: Looking, *, say: str, focus: str = "") -> Response:
    preferences = preferences_of(service, looking)
    return show(request, "corrections", looking=looking, say=say, focus=focus, rows=figures.rows(preferences))
