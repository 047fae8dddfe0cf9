"""Files in, a data set out: any format, every problem told."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from itertools import count, islice
from pathlib import Path
from typing import Any, NamedTuple

from counterpoint.data import toy
from counterpoint.data.checks import NO_PAIR, derived_id, unknown_pair
from counterpoint.data.faults import shown
from counterpoint.data.json_records import Record, records
from counterpoint.data.source import SOURCES, Context, Source
from counterpoint.data.taxonomy import taxonomy as find_taxonomy
from counterpoint.errors import BadDataError
from counterpoint.types import DataSet, Dilemma, OpenQuestion, Problem, Taxonomy

BUILT_IN = {"crossroads": "CC-BY-4.0"}
"""Data sets that come with the package, and their licences."""

_LOOKED_AT = 100
_log = logging.getLogger(__name__)


class Reading(NamedTuple):
    """The good records of an input, and what is wrong with the others."""

    data_set: DataSet
    problems: tuple[Problem, ...]


def load(
    path_or_name: str | Path,
    *,
    source: str | None = None,
    taxonomy: str | Path | Taxonomy | None = None,
    value_pair: str | None = None,
    keep_good: bool = False,
) -> DataSet:
    """The data set at a path, or the built-in one of that name.

    Args:
        path_or_name: a file, a folder whose `.json` and `.jsonl` files are read together, `"crossroads"` or `"toy"`.
        source: name of the format; found out from the content where not given.
        taxonomy: built-in name, TOML file or taxonomy; the format's own where not given.
        value_pair: what the rows are about, for formats whose rows don't say (BQD; the folder's name otherwise).
        keep_good: log problems as warnings and return the good records. Without it one problem refuses the input.

    Raises:
        BadDataError: with every problem found; also under `keep_good` if no record is good.
        UnknownNameError: there is no such format or taxonomy.
    """
    reading = read(path_or_name, source=source, taxonomy=taxonomy, value_pair=value_pair)
    data_set, problems = reading
    if problems and not (keep_good and (data_set.dilemmas or data_set.open_questions)):
        raise BadDataError(problems, _hint(reading))
    for problem in problems:
        _log.warning("left out: %s", problem)
    return data_set


def _hint(reading: Reading) -> str:
    """What to think of where everything is wrong in the same way."""
    data, problems = reading
    if data.dilemmas or data.open_questions or not all(problem.message.startswith(NO_PAIR) for problem in problems):
        return ""
    return f"No record is about a value pair of taxonomy {data.taxonomy.name!r}: give other data, or another --taxonomy"


def read(
    path_or_name: str | Path,
    *,
    source: str | None = None,
    taxonomy: str | Path | Taxonomy | None = None,
    value_pair: str | None = None,
) -> Reading:
    """What `load` reads, with the problems beside the good records instead of raised."""
    name = str(path_or_name)
    if name == toy.NAME:
        return Reading(toy.data_set(), ())
    licence = BUILT_IN.get(name, "")
    path = Path(str(files("counterpoint.data") / name / f"{name}.jsonl")) if licence else Path(path_or_name)
    given = find_taxonomy(taxonomy) if isinstance(taxonomy, str | Path) else taxonomy
    rows = _Rows(given, value_pair or "")
    for file in _files(path):
        rows.add_file(file, source)
    chosen = rows.taxonomy or find_taxonomy("vcd")
    data_set = DataSet(path.stem, chosen, tuple(rows.dilemmas), tuple(rows.open_questions), licence)
    return Reading(data_set, tuple(rows.problems))


@dataclass
class _Rows:
    """Rows gathered from one file after another; ids are unique over all of them."""

    taxonomy: Taxonomy | None
    value_pair: str
    dilemmas: list[Dilemma] = field(default_factory=list)
    open_questions: list[OpenQuestion] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    _seen: dict[str, str] = field(default_factory=dict)

    def add_file(self, path: Path, source: str | None) -> None:
        name = source or self._recognise(path)
        if name is None:
            return
        plugin = SOURCES.get(name)
        if self.taxonomy is None:
            self.taxonomy = find_taxonomy(plugin.default_taxonomy(_first_row(path, plugin)))
        pair = "" if plugin.names_value_pair else self.value_pair or path.resolve().parent.name
        if pair and pair not in self.taxonomy.by_name:
            fault = unknown_pair(pair, self.taxonomy, "")
            hint = (
                f"{fault.message} The rows don't say what they are about and neither does the folder: give value_pair"
            )
            self.problems.append(Problem(str(path), "", "", hint, fault.value))
            return
        context = Context(self.taxonomy, path, pair)
        for item in records(path):
            if isinstance(item, Problem):
                self.problems.append(item)
                continue
            parsed = plugin.parse(item.value, context)
            place = _place(item)
            self.problems += [Problem(str(path), place, *fault) for fault in parsed.faults]
            if parsed.record is not None:
                self._add(parsed.record, str(path), place)

    def _add(self, record: Dilemma | OpenQuestion, file: str, place: str) -> None:
        where = f"{file}, {place}"
        if not record.id:
            record = replace(record, id=self._new_id(derived_id(record)))
        if (before := self._seen.setdefault(record.id, where)) != where:
            before = before.removeprefix(f"{file}, ")
            message = f"is also that of {before}"
            self.problems.append(Problem(file, place, "id", message, shown(record.id)))
        elif isinstance(record, Dilemma):
            self.dilemmas.append(record)
        else:
            self.open_questions.append(record)

    def _new_id(self, wanted: str) -> str:
        """An id for a row without one. A row that stands there twice is no error; the second has `-2` after its id."""
        if wanted not in self._seen:
            return wanted
        return next(name for i in count(2) if (name := f"{wanted}-{i}") not in self._seen)

    def _recognise(self, path: Path) -> str | None:
        """The format that most of the first records look like; None, and why, if that is none or several."""
        plugins = {name: SOURCES.get(name) for name in SOURCES.names()}
        votes = dict.fromkeys(plugins, 0)
        broken: list[Problem] = []
        for item in islice(records(path), _LOOKED_AT):
            if isinstance(item, Problem):
                broken.append(item)
            elif isinstance(item.value, dict):
                for name, plugin in plugins.items():
                    votes[name] += plugin.recognises(item.value)
        best = [name for name, count in votes.items() if count == max(votes.values())]
        if len(best) == 1:
            return best[0]
        if max(votes.values()) > 0:
            message = f"looks like {' and '.join(best)} at once; say which with source="
            self.problems.append(Problem(str(path), "", "", message))
        else:
            self.problems += [item for item in records(path) if isinstance(item, Problem)] if broken else []
            if not broken or all(problem.record for problem in broken):
                message = f"no record looks like any known format ({', '.join(plugins)})"
                self.problems.append(Problem(str(path), "", "", message))
        return None


def _first_row(path: Path, plugin: Source) -> Mapping[str, Any]:
    """The first row that the format recognises."""
    values = (item.value for item in records(path) if isinstance(item, Record))
    return next((value for value in values if isinstance(value, dict) and plugin.recognises(value)), {})


def _files(path: Path) -> list[Path]:
    """The file itself, or the data files in and under a folder, sorted."""
    try:
        found = sorted(p for p in path.rglob("*") if p.suffix in (".json", ".jsonl") and p.is_file())
        return found if path.is_dir() and found else [path]
    except (OSError, ValueError):
        return [path]


def _place(item: Record) -> str:
    identity = item.value.get("id") if isinstance(item.value, dict) else None
    return f"{item.place} (id {identity[:60]!r})" if isinstance(identity, str) and identity else item.place
