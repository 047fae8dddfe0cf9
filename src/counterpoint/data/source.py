"""The contract of data formats. Every format is a row of JSON objects; a source says what one object means.

Finding the file, its encoding and its JSON is `json_records`; what every dilemma must satisfy is `checks`; a source
adds the names of its fields. So a new format is one file in `sources/`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from counterpoint.data.faults import Fault
from counterpoint.registry import Registry
from counterpoint.types import DataSet, Dilemma, OpenQuestion, Taxonomy


@dataclass(frozen=True)
class Context:
    """What a source may know besides the row: the taxonomy in use, the file, and the value pair asked for (or '')."""

    taxonomy: Taxonomy
    path: Path
    value_pair: str = ""


class Parsed(NamedTuple):
    """What one object gave: a record, or what is wrong with it. Never both, never neither."""

    record: Dilemma | OpenQuestion | None
    faults: tuple[Fault, ...] = ()


class Source(Protocol):
    """A file format. Stateless; one file each in `sources/`, with a module-level `SOURCE`."""

    @property
    def names_value_pair(self) -> bool:
        """Whether rows say what they are about. Where they don't, the caller or the folder's name does."""
        ...

    @property
    def container(self) -> Literal["lines", "array"]:
        """How a written file holds its objects. Read are both."""
        ...

    def recognises(self, row: Mapping[str, Any]) -> bool:
        """Whether the object has the fields that mark this format; no object has those of two."""
        ...

    def default_taxonomy(self, row: Mapping[str, Any]) -> str:
        """Name of the built-in taxonomy to use where none is given, judged by the first row recognised."""
        ...

    def parse(self, row: object, context: Context) -> Parsed:
        """One object read; every fault of it is told, none is raised."""
        ...

    def render(self, data_set: DataSet) -> Iterator[dict[str, Any]]:
        """Objects to write, in order; `BadInputError` where the format can't hold the data."""
        ...


SOURCES: Registry[Source] = Registry("data format", "counterpoint.data.sources", "SOURCE")
