"""Kinds of values that several routes take, with their limits, as they stand in the OpenAPI description."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Path
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError
from starlette.requests import Request

from counterpoint.serving.doors.errors import ApiError
from counterpoint.serving.doors.keys import caller
from counterpoint.serving.store.records import Principal, Scope
from counterpoint.serving.store.schema import NAME
from counterpoint.users.events import MOMENT, format_time, parse_time

_STORABLE = {"pattern": r"^[^\x00]*$"}
_PLAIN = {"pattern": r"^[^\x00-\x1f\x7f-\xa0\xad/\\\ufffd\u2028\u2029]+$"}
"""For the description, roughly; what checks are the functions below."""


class Strict(BaseModel):
    """A request's body: fields that nobody knows are refused, and "1" is no number."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)


def storable(text: str) -> str:
    """Text that every database takes; `ValueError` for NUL and half characters."""
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise PydanticCustomError("storable_text", "must not hold NUL or half of a surrogate pair")
    return text


def name(text: str) -> str:
    """A name that can stand in a URL, a log and every database."""
    if not storable(text).isprintable() or any(letter in "/\\\N{REPLACEMENT CHARACTER}" for letter in text):
        raise PydanticCustomError("plain_name", "must hold printable characters alone, and no slash")
    if text in (".", ".."):
        raise PydanticCustomError("plain_name", "must not be a dot or two")
    return text


def moment(value: Any) -> float:
    """Seconds since 1970 from what a client sends."""
    seconds = parse_time(value)
    if seconds is None:
        raise PydanticCustomError("moment", MOMENT)
    return seconds


Text = Annotated[str, Field(max_length=20_000, json_schema_extra=_STORABLE), AfterValidator(storable)]
"""What a person reads or wrote."""
Short = Annotated[str, Field(max_length=NAME, json_schema_extra=_STORABLE), AfterValidator(storable)]
"""A name of something that exists, or nothing."""
Name = Annotated[str, Field(min_length=1, max_length=NAME, json_schema_extra=_PLAIN), AfterValidator(name)]
"""A name to be given."""
_MOMENT_SCHEMA = {
    "anyOf": [
        {"type": "number", "minimum": 0, "exclusiveMaximum": 253402300800},
        {"type": "string", "format": "date-time"},
    ],
    "description": "ISO 8601 or seconds since 1970.",
}
Moment = Annotated[float, BeforeValidator(moment), WithJsonSchema(_MOMENT_SCHEMA, mode="validation")]
"""ISO 8601 (without an offset: UTC) or seconds since 1970."""


def written(seconds: float | None) -> str | None:
    """A moment as answers have it: ISO 8601 in UTC."""
    return None if seconds is None else format_time(seconds)


async def _person(id: Annotated[str, Path(min_length=1, max_length=NAME, json_schema_extra=_PLAIN)]) -> str:
    try:
        return name(id)
    except PydanticCustomError as error:
        raise ApiError(400, "bad_name", f"the person's name {error.message()}", param="id") from None


Person = Annotated[str, Depends(_person)]
"""The person a path names: 1 to 200 characters, as the tenant calls them."""


def who_may(right: Scope) -> Any:
    """The caller, if their key has this scope."""

    async def dependency(request: Request) -> Principal:
        return caller(request, right)

    return Depends(dependency)


Reader = Annotated[Principal, who_may(Scope.READ)]
Writer = Annotated[Principal, who_may(Scope.WRITE)]
Deleter = Annotated[Principal, who_may(Scope.DELETE)]
Talker = Annotated[Principal, who_may(Scope.CHAT)]
Admin = Annotated[Principal, who_may(Scope.ADMIN)]
