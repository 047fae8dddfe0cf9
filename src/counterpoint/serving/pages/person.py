"""Where a person stands, how that came about, and what one leaning rests on."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from counterpoint.errors import UnknownNameError
from counterpoint.serving.pages import figures
from counterpoint.serving.pages.errors import pages_router
from counterpoint.serving.pages.render import show
from counterpoint.serving.pages.visitors import Looking, Served, Shown
from counterpoint.serving.people import PathPoint, Preferences
from counterpoint.serving.service import Service
from counterpoint.serving.store.records import UnknownPersonError
from counterpoint.serving.store.views import preferences as said_of

router = pages_router()

SAID = {
    "answered": "The answer is kept.",
    "taken-back": "That is taken back. It counts no more.",
    "corrected": "Your word is kept. It outranks what was inferred.",
    "withdrawn": "Your word is withdrawn. What was inferred counts again.",
}
"""What has just happened, by the code that a redirect carries."""


def preferences_of(service: Service, looking: Looking) -> Preferences:
    """Where they stand; whom nobody has met yet stands where a newcomer does."""
    try:
        return service.people.preferences(looking.who, looking.name)
    except UnknownPersonError:
        beliefs = service.people.beliefs
        return said_of(looking.name, beliefs.newcomer, beliefs)


def path_of(service: Service, looking: Looking) -> tuple[PathPoint, ...]:
    """How it came about; nothing for a newcomer."""
    try:
        return service.people.path(looking.who, looking.name)
    except UnknownPersonError:
        return ()


@router.get("/person")
def where_they_stand(request: Request, service: Served, looking: Shown, done: str = "") -> Response:
    """The whole vector with its uncertainty, and its path."""
    preferences = preferences_of(service, looking)
    return show(
        request,
        "person",
        looking=looking,
        say=SAID.get(done, ""),
        preferences=preferences,
        rows=figures.rows(preferences),
        panels=figures.panels(path_of(service, looking), service.people.bank.taxonomy),
    )


@router.get("/person/leaning")
def one_leaning(request: Request, service: Served, looking: Shown, pair: str = "", done: str = "") -> Response:
    """One value pair: what is believed, what it rests on, and a slider to correct it."""
    return show_leaning(request, service, looking, pair, say=SAID.get(done, ""))


def show_leaning(
    request: Request, service: Service, looking: Looking, pair: str, *, say: str, focus: str = ""
) -> Response:
    """The page of one value pair. Raises `UnknownNameError` for one that there isn't."""
    people, taxonomy = service.people, service.people.bank.taxonomy
    if pair not in taxonomy.by_name:
        raise UnknownNameError("value pair", pair, taxonomy.by_name)
    preferences, path = preferences_of(service, looking), path_of(service, looking)
    reasons = people.explain(looking.who, looking.name, value_pair=pair)[pair] if path else ()
    row = next(row for row in figures.rows(preferences) if row.leaning.value_pair == pair)
    return show(
        request,
        "leaning",
        looking=looking,
        say=say,
        focus=focus,
        pair=taxonomy.by_name[pair],
        row=row,
        panel=next((one for one in figures.panels(path, taxonomy) if one.value_pair == pair), None),
        grounds=figures.grounds(reasons, row.leaning, people.bank.dilemmas),
    )
