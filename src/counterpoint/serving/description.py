"""The OpenAPI description, made complete: keys, names that exist here, what events need, what follows what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from counterpoint.serving.doors.errors import MEANINGS
from counterpoint.serving.doors.keys import PREFIX
from counterpoint.types import ChoiceKind, Taxonomy

DESCRIPTION = "Replies that fit each person, and what is believed of them. See docs/service.md."

_ABOUT = (
    "get_preferences",
    "get_reasons",
    "get_next_question",
    "post_rank",
    "export_person",
    "delete_person",
    "make_link",
)
FOLLOWS = {
    "post_events": (*_ABOUT, "post_events", "put_preference"),
    "put_preference": (*_ABOUT, "post_events"),
    "delete_person": (*_ABOUT, "post_events"),
}
"""What can be asked next of the person an operation was about."""
TAKES = {
    "export_person": ("import_person", "$response.body"),
    "delete_person": ("verify_receipt", "$response.body"),
    "get_next_question": (
        "post_events",
        {"events": [{"kind": "chose", "dilemma": "{$response.body#/dilemma/digest}", "groups": [[0]]}]},
    ),
}
"""What takes an operation's answer, and as which body."""
SAME_PAIR = ("put_preference", "delete_preference")
"""A person's own word, and its withdrawal."""

_SHOWN = {"dilemma": {"minLength": 1}}
_GROUPS = {"groups": {"minItems": 1, "items": {"minItems": 1}}}
NEEDED: tuple[tuple[tuple[ChoiceKind, ...], dict[str, Any]], ...] = (
    ((ChoiceKind.CHOSE, ChoiceKind.CHOSE_SEVERAL, ChoiceKind.RANKED), {**_SHOWN, **_GROUPS}),
    ((ChoiceKind.TIED, ChoiceKind.SKIPPED), _SHOWN),
    ((ChoiceKind.LIKED, ChoiceKind.DISLIKED), {"texts": {"minItems": 1, "maxItems": 1}}),
    ((ChoiceKind.LIKED, ChoiceKind.DISLIKED), {**_SHOWN, **_GROUPS}),
    ((ChoiceKind.EDITED,), {"texts": {"minItems": 2, "maxItems": 2}}),
    ((ChoiceKind.SAID,), {"pole": {"minLength": 1}}),
    ((ChoiceKind.RETRACTED,), {"target": {"minLength": 1}}),
)
"""Fields that each kind of event needs; of two ways to give one, either."""


def describe(app: FastAPI, *, models: Sequence[str], taxonomy: Taxonomy) -> dict[str, Any]:
    """The description of an application that serves these models and speaks of these value pairs."""
    made = get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes)
    parts = made.setdefault("components", {})
    parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "description": "An API key, cp_..."}}
    schemas = parts["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["ChatRequest"]["properties"]["model"]["enum"] = list(models)
    schemas["EventIn"]["properties"]["pole"]["enum"] = ["", *(pole.name for pole in taxonomy.poles)]
    schemas["EventIn"]["anyOf"] = [_needs(kinds, fields) for kinds, fields in NEEDED]
    for path, operation in _operations(made):
        operation["responses"].pop("422", None)
        if path.startswith(PREFIX):
            operation["security"] = [{"key": []}]
        for parameter in operation.get("parameters", ()):
            if parameter["name"] == "pair":
                parameter["schema"]["enum"] = [pair.name for pair in taxonomy]
        _link(operation)
        assert all(status in map(str, MEANINGS) or status.startswith("2") for status in operation["responses"])
    return made


def _operations(made: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, operations in made["paths"].items():
        for operation in operations.values():
            yield path, operation


def _needs(kinds: Sequence[ChoiceKind], fields: dict[str, Any]) -> dict[str, Any]:
    return {
        "properties": {"kind": {"enum": [kind.value for kind in kinds]}, **fields},
        "required": ["kind", *fields],
    }


def _link(operation: dict[str, Any]) -> None:
    """Say what to do with an answer: ask about the person it was about, or hand it on."""
    name = operation["operationId"]
    success = next(status for status in operation["responses"] if status.startswith("2"))
    person = {"id": "$request.path.id"}
    links: dict[str, Any] = {other: {"operationId": other, "parameters": person} for other in FOLLOWS.get(name, ())}
    if name in TAKES:
        taker, body = TAKES[name]
        about = {"parameters": person} if taker == "post_events" else {}
        links[taker] = {"operationId": taker, "requestBody": body, **about}
    if name == SAME_PAIR[0]:
        pair = {**person, "pair": "$request.path.pair"}
        links[SAME_PAIR[1]] = {"operationId": SAME_PAIR[1], "parameters": pair}
    if links:
        operation["responses"][success]["links"] = links
