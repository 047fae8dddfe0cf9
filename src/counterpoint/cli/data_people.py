"""Personas, which are no dilemmas, as `counterpoint data inspect` and `validate` tell of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from statistics import mean
from typing import Any

from counterpoint.data.conversations import Persona
from counterpoint.data.json_records import records
from counterpoint.errors import BadInputError
from counterpoint.types import Problem


def holds_personas(path: str) -> bool:
    """Whether a file's first record is a persona's.

    Raises:
        BadInputError: it is an event's: those are checked against the dilemmas they are about.
    """
    if not Path(path).is_file():
        return False
    for item in islice(records(Path(path)), 1):
        fields = set() if isinstance(item, Problem) or not isinstance(item.value, dict) else set(item.value)
        if {"person", "kind", "time"} <= fields:
            hint = f"counterpoint infer {path} --data DILEMMAS reads and checks them"
            raise BadInputError(f"{path}: holds events of people, not dilemmas; {hint}")
        return {"profile", "personality"} <= fields
    return False


def summary(personas: Sequence[Persona]) -> dict[str, Any]:
    """How many, of how many different texts, how long."""
    found: dict[str, Any] = {"personas": len(personas)}
    for field in ("profile", "personality"):
        texts = [str(getattr(persona, field)) for persona in personas]
        words = mean(len(text.split()) for text in texts) if texts else None
        found[field] = {"different": len(set(texts)), "mean_words": None if words is None else round(words, 1)}
    return found


def in_words(found: dict[str, Any]) -> str:
    """The summary in a line."""
    parts = [
        f"{found[field]['different']} different {plural} of {found[field]['mean_words']} words in the mean"
        for field, plural in (("profile", "profiles"), ("personality", "personalities"))
    ]
    return f"{found['personas']} personas: {', '.join(parts)}"
