"""Who talks with the model: personas of a file, or profiles crossed with personalities drawn by a seed.

ALOE (Wu et al. 2024, arXiv 2410.03642) has 100 cases: 20 held-out profiles with each of 5 held-out personalities.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from counterpoint.data.conversations import Persona, load_personas
from counterpoint.errors import BadInputError
from counterpoint.types import content_hash

T = TypeVar("T")

PROFILES, PERSONALITIES = "profile.jsonl", "personality.jsonl"
"""Files of a folder of descriptions, a JSON string a line."""


def load_people(path: Path, *, cases: int, profiles: int, personalities: int, seed: int) -> tuple[Persona, ...]:
    """The cases of a file of personas, or of a folder with `profile.jsonl` and `personality.jsonl`.

    Args:
        path: where they are.
        cases: of a file, at most so many are drawn.
        profiles: of a folder, so many are drawn, each met with all personalities drawn.
        personalities: likewise.
        seed: of the drawing.

    Raises:
        BadInputError: nothing readable is there, or a folder holds too few descriptions.
        BadDataError: a file of personas is not well formed.
    """
    if not path.is_dir():
        people = load_personas(path)
        return tuple(_drawn(people, min(cases, len(people)), f"cases {seed}"))
    lives = _draw_texts(path / PROFILES, profiles, f"profiles {seed}")
    manners = _draw_texts(path / PERSONALITIES, personalities, f"personalities {seed}")
    return tuple(
        Persona(f"case-{content_hash(life, manner)[:12]}", life, manner) for life in lives for manner in manners
    )


def check_held_out(people: Iterable[Persona], trained_on: Iterable[Persona]) -> None:
    """Refuse cases with a profile or a personality that was trained on.

    Raises:
        BadInputError: which ones.
    """
    seen = {_plain(text) for persona in trained_on for text in (persona.profile, persona.personality)}
    known = [p.id for p in people if _plain(p.profile) in seen or _plain(p.personality) in seen]
    if known:
        raise BadInputError(
            f"{len(known)} cases have a profile or personality that was trained on ({', '.join(known[:5])}). "
            "Give held-out people"
        )


def _draw_texts(file: Path, count: int, seed: str) -> list[str]:
    texts = list(dict.fromkeys(_texts(file)))
    if count < 1 or len(texts) < count:
        raise BadInputError(f"{file}: holds {len(texts)} different descriptions; expected {count} at least")
    return _drawn(texts, count, seed)


def _texts(file: Path) -> Iterable[str]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{file}: can't be read ({error}); expected a JSON string a line") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        texts = _strings(line)
        if not texts or not all(text.strip() for text in texts):
            raise BadInputError(f"{file}, line {number}: expected a JSON string with a description, got {line[:60]!r}")
        yield from (text.strip() for text in texts)


def _strings(line: str) -> list[str]:
    """The JSON strings of a line, which should be one: the published pool once has two without a break between them.
    Nothing where there is anything else."""
    found, rest, decoder = [], line.strip(), json.JSONDecoder()
    while rest:
        try:
            text, end = decoder.raw_decode(rest)
        except ValueError:
            return []
        if not isinstance(text, str):
            return []
        found.append(text)
        rest = rest[end:].lstrip()
    return found


def _drawn(items: Sequence[T], count: int, seed: str) -> list[T]:
    """So many, in their own order; the same ones on every machine."""
    kept = sorted(random.Random(f"aloe {seed}").sample(range(len(items)), count))
    return [items[i] for i in kept]


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
