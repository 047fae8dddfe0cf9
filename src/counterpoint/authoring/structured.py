"""Answers in a form: the form in plain words, and an answer read as tolerantly as can be without guessing.

What is taken: JSON in a code fence, with words around it, after a model's thinking, with trailing commas. What is not:
a half object, a value of the wrong type, a missing field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

T = TypeVar("T", bound=BaseModel)

_BRACE = re.compile(r"\{")
_DECODER = json.JSONDecoder(strict=False)
_MOST_STARTS = 50
_THINKING = re.compile(r"^.*?</think(?:ing)?>", re.DOTALL)
_STRING_OR_COMMA = re.compile(r'"(?:[^"\\]|\\.)*"|,(?=\s*[}\]])', re.DOTALL)
_REFUSAL = re.compile(
    r"\b(?:i(?:'|’)?m (?:very |really )?sorry|i apologi[sz]e|as an ai\b"
    r"|i (?:cannot|can(?:'|’)?t|am unable to|won(?:'|’)t) )",
    re.IGNORECASE,
)


@cache
def schema_of(form: type[BaseModel]) -> dict[str, Any]:
    """The form's JSON schema as endpoints want it: no references, no unknown fields, every field required."""
    schema = form.model_json_schema()
    plain: dict[str, Any] = _plain(schema, schema.get("$defs", {}))
    return plain


def in_words(schema: Mapping[str, Any]) -> str:
    """The form described to a model: a skeleton of the object with what belongs in each place."""
    return (
        "Answer with one JSON object of this form and with nothing before or after it; what stands in <> says what "
        f"belongs there:\n{_skeleton(schema, '')}"
    )


def read_as(form: type[T], text: str) -> T | str:
    """The value in the text, or what is wrong with it in words for its author."""
    problem = ""
    for candidate in _candidates(text):
        try:
            return form.model_validate(candidate)
        except ValidationError as error:
            problem = problem or "; ".join(_said(fault) for fault in error.errors()[:5])
    return problem or "there is no JSON object in it"


def refuses(text: str) -> bool:
    """Whether an answer without any JSON says that the model won't answer. Nothing at all says nothing."""
    return "{" not in text and _REFUSAL.search(text[:300]) is not None


def _candidates(text: str) -> Iterator[dict[str, Any]]:
    """JSON objects that stand in the text, from the first on; of nested ones the outer first."""
    text = _THINKING.sub("", text.replace("\ufeff", ""), count=1)
    starts = [match.start() for match in _BRACE.finditer(text)]
    for start in starts[:_MOST_STARTS]:
        for piece in (text[start:], _STRING_OR_COMMA.sub(_without_comma, text[start:])):
            try:
                value, _ = _DECODER.raw_decode(piece)
            except (ValueError, RecursionError):
                continue
            yield value
            break


def _without_comma(match: re.Match[str]) -> str:
    return "" if match.group() == "," else match.group()


def _said(fault: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in fault["loc"])
    return f"{where}: {fault['msg']}" if where else str(fault["msg"])


def _plain(node: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(node, list):
        return [_plain(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        name = node["$ref"].rsplit("/", 1)[-1]
        rest = {key: value for key, value in node.items() if key != "$ref"}
        return _plain({**definitions[name], **rest}, definitions)
    plain = {key: _plain(value, definitions) for key, value in node.items() if key not in ("$defs", "default")}
    if plain.get("type") == "object" and "properties" in plain:
        plain |= {"additionalProperties": False, "required": list(plain["properties"])}
    return plain


def _skeleton(node: Mapping[str, Any], indent: str) -> str:
    inner = indent + "  "
    said = node.get("description", "")
    if "enum" in node or "const" in node:
        choices = " or ".join(json.dumps(value) for value in node.get("enum", [node.get("const")]))
        return f"<{choices}{': ' + said if said else ''}>"
    if node.get("type") == "object":
        fields = [
            f"{inner}{json.dumps(name)}: {_skeleton(field, inner)}"
            for name, field in node.get("properties", {}).items()
        ]
        return "{\n" + ",\n".join(fields) + f"\n{indent}}}"
    if node.get("type") == "array":
        return f"[<{_how_many(node)}{': ' + said if said else ''}>\n{inner}{_skeleton(node['items'], inner)}\n{indent}]"
    if "anyOf" in node:
        return " or ".join(_skeleton(choice, indent) for choice in node["anyOf"])
    if node.get("type") == "null":
        return "null"
    kind = {"string": "", "integer": "whole number", "number": "number", "boolean": "true or false"}.get(
        str(node.get("type")), ""
    )
    inside = ": ".join(part for part in (kind, said) if part) or "text"
    return f'"<{inside}>"' if node.get("type") == "string" else f"<{inside}>"


def _how_many(node: Mapping[str, Any]) -> str:
    least, most = node.get("minItems"), node.get("maxItems")
    if least is not None and least == most:
        return f"exactly {least} of these"
    if least is not None and most is not None:
        return f"{least} to {most} of these"
    if least is not None:
        return f"at least {least} of these"
    return "any number of these" if most is None else f"at most {most} of these"
