"""The records everything else passes around: frozen, and without heavy imports."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property


@dataclass(frozen=True)
class Pole:
    """One side of a value conflict. `stems` are the beginnings of words that give the pole away in a text."""

    name: str
    description: str
    stems: tuple[str, ...] = ()


@dataclass(frozen=True)
class ValuePair:
    """One bipolar preference dimension. Which pole is called positive is a convention: it fixes a sign."""

    name: str
    positive: Pole
    negative: Pole

    @property
    def poles(self) -> tuple[Pole, Pole]:
        """Positive first."""
        return (self.positive, self.negative)

    def pole(self, name: str) -> Pole:
        """The pole of that name; `KeyError` if this pair has none."""
        for pole in self.poles:
            if pole.name == name:
                return pole
        raise KeyError(name)

    def other(self, name: str) -> Pole:
        """The pole opposite to the one named."""
        return self.negative if self.pole(name) is self.positive else self.positive


@dataclass(frozen=True)
class Taxonomy:
    """A named list of value pairs. Their order fixes the axes of a preference vector `[value_pair]`."""

    name: str
    pairs: tuple[ValuePair, ...]

    def __iter__(self) -> Iterator[ValuePair]:
        return iter(self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    @cached_property
    def by_name(self) -> Mapping[str, ValuePair]:
        """Value pairs by name."""
        return {pair.name: pair for pair in self.pairs}

    @cached_property
    def by_pole(self) -> Mapping[str, ValuePair]:
        """Value pairs by the name of either pole."""
        return {pole.name: pair for pair in self.pairs for pole in pair.poles}

    @cached_property
    def poles(self) -> tuple[Pole, ...]:
        """All poles, pair by pair, the positive one first: `[pole]`."""
        return tuple(pole for pair in self.pairs for pole in pair.poles)


@dataclass(frozen=True)
class Option:
    """One thing a person could do in a dilemma, the pole it serves, and why somebody would do it (may be empty)."""

    text: str
    pole: str
    explanation: str = ""


@dataclass(frozen=True)
class Dilemma:
    """A situation with two or more options, each on one side of one value pair."""

    id: str
    value_pair: str
    scenario: str
    options: tuple[Option, ...]
    question: str = ""
    scene: str = ""
    open_question: str = ""
    source: str = ""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what a person reads (scenario, question, option texts as a set): the same whatever their order."""
        return content_hash(self.scenario, self.question, sorted(option.text for option in self.options))

    def gold(self, pole: str) -> tuple[int, ...]:
        """Indices of the options that serve `pole`."""
        return tuple(i for i, option in enumerate(self.options) if option.pole == pole)

    def reordered(self, order: tuple[int, ...]) -> Dilemma:
        """The same dilemma with option `order[i]` in place i."""
        return Dilemma(
            id=self.id,
            value_pair=self.value_pair,
            scenario=self.scenario,
            options=tuple(self.options[i] for i in order),
            question=self.question,
            scene=self.scene,
            open_question=self.open_question,
            source=self.source,
        )


@dataclass(frozen=True)
class OpenQuestion:
    """A question to be answered in free text; the answer shows one pole of the value pair or the other."""

    id: str
    value_pair: str
    prompt: str
    source: str = ""


class ChoiceKind(StrEnum):
    """What somebody did when shown something."""

    CHOSE = "chose"
    CHOSE_SEVERAL = "chose_several"
    RANKED = "ranked"
    TIED = "tied"
    SKIPPED = "skipped"
    LIKED = "liked"
    DISLIKED = "disliked"
    EDITED = "edited"
    SAID = "said"
    RETRACTED = "retracted"


@dataclass(frozen=True)
class Choice:
    """What one person did, when (seconds since 1970, UTC) and where.

    `groups` holds indices of the dilemma's options, best group first, equals together: chose option 2 of three is
    `((2,), (0, 1))`. For kinds about text (`LIKED`, `DISLIKED`, `EDITED`) `texts` holds the reply (before, after);
    for `SAID`, `pole` and `strength` (log-odds); for `RETRACTED`, `target` is the id of the event taken back.
    """

    id: str
    person: str
    time: float
    kind: ChoiceKind
    dilemma: str = ""
    groups: tuple[tuple[int, ...], ...] = ()
    scene: str = ""
    texts: tuple[str, ...] = ()
    pole: str = ""
    strength: float | None = None
    target: str = ""


@dataclass(frozen=True)
class DataSet:
    """Rows of one or more files together with the taxonomy that names their value pairs."""

    name: str
    taxonomy: Taxonomy
    dilemmas: tuple[Dilemma, ...]
    open_questions: tuple[OpenQuestion, ...] = ()
    licence: str = ""

    def __len__(self) -> int:
        return len(self.dilemmas)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what the rows say, whatever the format and order they came in."""
        return content_hash(
            sorted([d.digest, d.value_pair, sorted((o.text, o.pole) for o in d.options)] for d in self.dilemmas),
            sorted([q.value_pair, q.prompt] for q in self.open_questions),
        )

    def subset(self, dilemmas: tuple[Dilemma, ...]) -> DataSet:
        """The same data set with only these dilemmas."""
        return DataSet(self.name, self.taxonomy, dilemmas, (), self.licence)


@dataclass(frozen=True)
class Problem:
    """One thing wrong with one record of an input file, said so that the reader can mend it."""

    file: str
    record: str
    field: str
    message: str
    value: str = ""

    def __str__(self) -> str:
        where = ", ".join(part for part in (self.record, self.field) if part)
        got = f" (got {self.value})" if self.value else ""
        return f"{self.file}: {where + ': ' if where else ''}{self.message}{got}"


def content_hash(*parts: object) -> str:
    """SHA-256 (hex) of JSON-able parts, written canonically."""
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()
