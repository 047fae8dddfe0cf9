"""Taxonomies: the value pairs of a data set. Four are built in; your own is a TOML file of the same form."""

from __future__ import annotations

import tomllib
from collections import Counter
from functools import cache
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from counterpoint.data.faults import Fault, explain
from counterpoint.data.rows import Row, Text
from counterpoint.errors import BadDataError, UnknownNameError
from counterpoint.types import Pole, Problem, Taxonomy, ValuePair

_BUILT_IN = files("counterpoint.data") / "taxonomies"


class _PoleTable(Row):
    name: Text
    description: Text
    stems: tuple[Text, ...] = ()


class _PairTable(Row):
    name: Text
    positive: _PoleTable
    negative: _PoleTable


class _TaxonomyTable(Row):
    name: Text
    pairs: tuple[_PairTable, ...]


def taxonomy_names() -> tuple[str, ...]:
    """Names of the built-in taxonomies, sorted."""
    return tuple(sorted(item.name.removesuffix(".toml") for item in _BUILT_IN.iterdir() if item.name.endswith(".toml")))


def taxonomy(name_or_path: str | Path) -> Taxonomy:
    """A built-in taxonomy by name, or a user's own by the path of its TOML file.

    Raises:
        UnknownNameError: neither a built-in name nor a file.
        BadDataError: the file is not a taxonomy; every problem in it is listed.
    """
    if str(name_or_path) in taxonomy_names():
        return _built_in(str(name_or_path))
    path = Path(name_or_path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _bad(str(path), [Fault("", f"is not UTF-8 (byte {error.start})")]) from None
    except FileNotFoundError:
        raise UnknownNameError("taxonomy", str(name_or_path), taxonomy_names()) from None
    except (OSError, ValueError) as error:
        raise _bad(str(path), [Fault("", f"cannot be read: {error}")]) from None
    return parse_taxonomy(text, str(path))


def built_in_with(value_pair: str = "", pole: str = "", default: str = "vcd") -> str:
    """Name of the built-in taxonomy that has this value pair or pole; `default` if none has."""
    for name in taxonomy_names():
        found = _built_in(name)
        if value_pair in found.by_name or pole in found.by_pole:
            return name
    return default


def parse_taxonomy(text: str, file: str) -> Taxonomy:
    """A taxonomy from TOML text; `file` is named in errors. Raises `BadDataError` as `taxonomy` does."""
    try:
        table = _TaxonomyTable.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise _bad(file, [Fault("", f"is not TOML: {error}")]) from None
    except ValidationError as error:
        raise _bad(file, explain(error, _TaxonomyTable)) from None
    if faults := _repeated(table):
        raise _bad(file, faults)
    return Taxonomy(table.name, tuple(_pair(pair) for pair in table.pairs))


@cache
def _built_in(name: str) -> Taxonomy:
    return parse_taxonomy((_BUILT_IN / f"{name}.toml").read_text("utf-8"), f"{name}.toml")


def _pair(table: _PairTable) -> ValuePair:
    return ValuePair(table.name, Pole(**table.positive.model_dump()), Pole(**table.negative.model_dump()))


def _repeated(table: _TaxonomyTable) -> list[Fault]:
    """Names must be unique: a pole's name alone says which pair it belongs to."""
    pairs = Counter(pair.name for pair in table.pairs)
    poles = Counter(pole.name for pair in table.pairs for pole in (pair.positive, pair.negative))
    faults = [Fault("pairs", "the same name for several value pairs", name) for name, n in pairs.items() if n > 1]
    faults += [Fault("pairs", "the same name for several poles", name) for name, n in poles.items() if n > 1]
    return faults if table.pairs else [Fault("pairs", "has no value pair")]


def _bad(file: str, faults: list[Fault]) -> BadDataError:
    return BadDataError([Problem(file, "", *fault) for fault in faults], "See docs/data.md for the form of a taxonomy.")
