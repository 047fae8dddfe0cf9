"""What is wrong with one row, in words a person can act on; pydantic's findings said in ours."""

from __future__ import annotations

import difflib
import reprlib
import typing
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60
_SHORT.maxlevel = 3


class Fault(NamedTuple):
    """One thing wrong with one row: the field's path in the file's own words, what is wrong, and the value found."""

    field: str
    message: str
    value: str = ""


def shown(value: object) -> str:
    """A value as it may stand in a message: short and of bounded depth; `repr` escapes what can't be printed."""
    return _SHORT.repr(value)


def nearest(name: str, known: Iterable[str]) -> str:
    """` Did you mean 'x'?`, or nothing where no known name is near."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else ""


def explain(error: ValidationError, model: type[BaseModel]) -> list[Fault]:
    """Every finding of a failed validation of `model`."""
    return [_fault(finding, model) for finding in error.errors(include_url=False) if not _follows(finding)]


def _follows(finding: Mapping[str, Any]) -> bool:
    """Whether a list is only called too short because entries of it are wrong, which is told already."""
    return finding["type"] == "too_short" and bool(len(finding["input"]) >= finding["ctx"]["min_length"])


def _fault(finding: Mapping[str, Any], model: type[BaseModel]) -> Fault:
    kind, location, context = finding["type"], finding["loc"], finding.get("ctx", {})
    value = shown(finding["input"])
    match kind:
        case "missing":
            return Fault(_path(location), "is missing")
        case "extra_forbidden":
            known = _known_keys(model, location[:-1])
            guess = nearest(str(location[-1]), known)
            return Fault(_path(location), f"unknown key.{guess} Known: {', '.join(known)}", value)
        case "string_type":
            message = "must be text"
        case "string_unicode":
            message = "holds half a surrogate pair, which is no text"
        case "string_pattern_mismatch":
            message = "is empty"
        case "string_too_long":
            message = f"is longer than {context['max_length']:,} characters"
        case "list_type" | "tuple_type":
            message = "must be a list"
        case "model_type" | "dict_type" | "model_attributes_type":
            message = "must be an object with named fields"
        case "too_short":
            message = f"has {len(finding['input'])} of at least {context['min_length']} entries"
        case _:
            message = finding["msg"][:1].lower() + finding["msg"][1:]
    return Fault(_path(location), message, value)


def _path(location: Iterable[str | int]) -> str:
    """`("options", 1, "pole")` as `options[1].pole`."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path.encode("utf-8", "backslashreplace").decode("utf-8")


def _known_keys(model: type[BaseModel], location: Iterable[str | int]) -> list[str]:
    """Names of the fields of the model found at `location` inside `model`."""
    for part in location:
        if isinstance(part, int):
            continue
        annotation = _field(model, part)
        candidates = [annotation, *typing.get_args(annotation)]
        model = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), model)
    return [field.alias or name for name, field in model.model_fields.items()]


def _field(model: type[BaseModel], name: str) -> Any:
    for key, field in model.model_fields.items():
        if name in (key, field.alias):
            return field.annotation
    return None
