"""One prompt answered three times: for nobody in particular, for this person, and for their opposite."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated

from fastapi import Form, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from counterpoint.serving.chat.chat import Wish
from counterpoint.serving.pages.errors import pages_router
from counterpoint.serving.pages.render import show
from counterpoint.serving.pages.visitors import Genuine, Looking, Served, Shown
from counterpoint.serving.service import Service
from counterpoint.steering.steering import Leaning, Steering

router = pages_router()

MOST_PROMPT = 4000
"""Characters."""
STRENGTHS = (0.0, 1.0, -1.0)
"""Nobody in particular, the person, the opposite person: times what is believed."""


@dataclass(frozen=True)
class Column:
    """One of the three replies, and what was done to get it."""

    heading: str
    text: str
    leanings: tuple[Leaning, ...]
    abstained: str


@router.get("/person/side-by-side")
def blank(
    request: Request, service: Served, looking: Shown, dilemma: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """The form; `dilemma` names one that fills it."""
    found = service.people.bank.find(dilemma) if dilemma else None
    prompt = f"{found.scenario} {found.question}".strip() if found else ""
    return _page(request, service, looking, prompt, ())


@router.post("/person/side-by-side", dependencies=[Genuine])
async def answer(
    request: Request, service: Served, looking: Shown, prompt: Annotated[str, Form(max_length=MOST_PROMPT)] = ""
) -> Response:
    """All three replies, written at once."""
    prompt = prompt.strip()
    if not prompt:
        return _page(request, service, looking, prompt, (), say="Write something to be answered first.")
    columns = await asyncio.gather(*(_column(service, looking, prompt, strength) for strength in STRENGTHS))
    return _page(request, service, looking, prompt, tuple(columns), say="Three replies are there.")


async def _column(service: Service, looking: Looking, prompt: str, strength: float) -> Column:
    steering = await run_in_threadpool(_steering, service, looking, strength)
    text = await service.chat.reply(looking.who, looking.name, prompt, strength=strength)
    whom = "you" if looking.own else looking.name
    heading = {0.0: "For nobody in particular", 1.0: f"For {whom}", -1.0: f"For the opposite of {whom}"}[strength]
    return Column(heading, text.strip(), steering.leanings, "" if strength == 0 else steering.abstained)


def _steering(service: Service, looking: Looking, strength: float) -> Steering:
    fitted = service.chat.fit(looking.who, looking.name, service.chat.default_model, Wish(strength=strength))
    return fitted.steering


def _page(
    request: Request, service: Service, looking: Looking, prompt: str, columns: tuple[Column, ...], *, say: str = ""
) -> Response:
    return show(
        request,
        "side_by_side",
        looking=looking,
        say=say,
        prompt=prompt,
        columns=columns,
        most=MOST_PROMPT,
        model=service.chat.default_model,
        examples=_examples(service),
    )


def _examples(service: Service) -> tuple[tuple[str, str], ...]:
    """A dilemma of each of the first value pairs, to fill the form with: (digest, value pair)."""
    first = {d.value_pair: d.digest for d in reversed([q.dilemma for q in service.people.bank.questions if q.dilemma])}
    names = [pair.name for pair in service.people.bank.taxonomy if pair.name in first]
    return tuple((first[name], name) for name in names[:6])
