"""Settings from a TOML file, `--set a.b=c` and flags into one frozen dataclass; every mistake names the nearest key."""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import tomli_w
from pydantic import TypeAdapter, ValidationError

from counterpoint.errors import BadInputError

T = TypeVar("T")


Presets = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""From what was said to defaults that fit it."""


def resolve(
    kind: type[T],
    *,
    file: Path | None = None,
    sets: Sequence[str] = (),
    flags: Mapping[str, Any],
    presets: Presets | None = None,
) -> T:
    """An instance of the dataclass `kind`: defaults, then the file, then flags that are not None, then `--set`s.

    Raises:
        BadInputError: the file can't be read, a key is unknown, or a value has the wrong type.
    """
    values: dict[str, Any] = read_toml(file) if file is not None else {}
    _merge(values, {key: value for key, value in flags.items() if value is not None})
    for text in sets:
        _merge(values, parse_set(text))
    _check_keys(kind, values, "")
    if presets is not None:
        said, values = values, {}
        _merge(values, presets(said))
        _merge(values, said)
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or kind.__name__
        hint = "; write several, or one, as a list: [1, 2] or [1]" if first["type"] == "tuple_type" else ""
        raise BadInputError(f"setting {key}: {first['msg']} (got {first['input']!r}){hint}") from error


def read_toml(file: Path) -> dict[str, Any]:
    """The file's tables; `BadInputError` where it can't be read."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInputError(f"{file}: can't be read as TOML: {error}") from error


def to_toml(config: Any) -> str:
    """A dataclass as TOML; None is left out, because TOML has no null."""
    return tomli_w.dumps(_without_none(dataclasses.asdict(config)))


def parse_set(text: str) -> dict[str, Any]:
    """`a.b=c` as nested tables; c is read as TOML, or as a plain string where it is none."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise BadInputError(f"--set {text!r}: expected KEY=VALUE, such as fit.epochs=3")
    try:
        parsed: Any = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value
    for part in reversed(key.strip().split(".")):
        parsed = {part: parsed}
    return dict(parsed)


def _merge(into: dict[str, Any], other: Mapping[str, Any]) -> None:
    for key, value in other.items():
        if isinstance(value, Mapping):
            if not isinstance(into.get(key), dict):
                into[key] = {}  # of our own: what the caller gave stays as it is
            _merge(into[key], value)
        else:
            into[key] = value


def _check_keys(kind: Any, values: Mapping[str, Any], prefix: str) -> None:
    known, hints = [field.name for field in dataclasses.fields(kind)], get_type_hints(kind)
    for key, value in values.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            guess = f" Did you mean {prefix + near[0]!r}?" if near else ""
            raise BadInputError(f"unknown setting {prefix + key!r}.{guess} Known: {', '.join(sorted(known))}")
        if isinstance(value, Mapping) and dataclasses.is_dataclass(inner := hints[key]):
            _check_keys(inner, value, f"{prefix}{key}.")


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [_without_none(inner) for inner in value]
    return value
