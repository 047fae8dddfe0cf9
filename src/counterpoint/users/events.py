"""What people did, as a log of JSON lines; settled, so that order and repetition make no difference.

One event is one line: `{"id": "e1", "person": "ann", "time": "2026-03-01T09:30:00Z", "kind": "chose", "dilemma":
"d7", "groups": [[2]]}`. Fields are those of `types.Choice`; time is ISO 8601 (without an offset: UTC) or seconds
since 1970.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_core import PydanticCustomError

from counterpoint.data.faults import Fault, explain, nearest, shown
from counterpoint.data.json_records import records
from counterpoint.data.rows import Row, Text
from counterpoint.errors import BadDataError, BadInputError
from counterpoint.types import Choice, ChoiceKind, Dilemma, Problem, Taxonomy

MOST_OPTIONS = 12
"""Options of a dilemma beyond which groups of several are too many to write down."""

MOMENT = "must be ISO 8601 or seconds (not milliseconds) since 1970"
"""What is said of a time that is none."""
_YEAR_10000 = 253402300800.0
"""Seconds since 1970; no later moment can be written down."""

_GROUPED = {ChoiceKind.CHOSE, ChoiceKind.CHOSE_SEVERAL, ChoiceKind.RANKED}
_SHOWN = _GROUPED | {ChoiceKind.TIED, ChoiceKind.SKIPPED}
_JUDGED = {ChoiceKind.LIKED, ChoiceKind.DISLIKED}


def _whole(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int):
        raise PydanticCustomError("option_index", "must be a whole number: an option's place, counted from 0")
    return value


_Index = Annotated[int, BeforeValidator(_whole)]


class _EventRow(Row):
    id: Text
    person: Text
    time: object
    kind: ChoiceKind
    dilemma: str = ""
    groups: tuple[tuple[_Index, ...], ...] = ()
    scene: str = ""
    texts: tuple[Text, ...] = ()
    pole: str = ""
    strength: float | None = Field(default=None, gt=0, le=20, allow_inf_nan=False)
    target: str = ""


class EventLog(NamedTuple):
    """The good events of a file in its order, and what is wrong with the others."""

    events: tuple[Choice, ...]
    problems: tuple[Problem, ...]


def by_id_and_digest(dilemmas: Iterable[Dilemma]) -> dict[str, Dilemma]:
    """Dilemmas under either of the names an event may use."""
    return {name: dilemma for dilemma in dilemmas for name in (dilemma.digest, dilemma.id)}


def load_events(path: Path, dilemmas: Mapping[str, Dilemma], taxonomy: Taxonomy) -> tuple[Choice, ...]:
    """Events of a JSONL file.

    Raises:
        BadDataError: with every problem found.
    """
    log = read_events(path, dilemmas, taxonomy)
    if log.problems:
        raise BadDataError(log.problems)
    return log.events


def read_events(path: Path, dilemmas: Mapping[str, Dilemma], taxonomy: Taxonomy) -> EventLog:
    """Every good event of a JSONL file and every problem. A line repeated is harmless; one id for two things is not."""
    events: dict[tuple[str, str], Choice] = {}
    problems: list[Problem] = []
    for item in records(path):
        if isinstance(item, Problem):
            problems.append(item)
            continue
        choice, faults = _event(item.value, dilemmas, taxonomy)
        if choice is not None and events.setdefault((choice.person, choice.id), choice) != choice:
            faults = [Fault("id", "is the id of a different event further up", shown(choice.id))]
        problems.extend(Problem(str(path), item.place, *fault) for fault in faults)
    return EventLog(tuple(events.values()), tuple(problems))


def _event(value: object, dilemmas: Mapping[str, Dilemma], taxonomy: Taxonomy) -> tuple[Choice | None, list[Fault]]:
    if not isinstance(value, dict):
        return None, [Fault("", "must be an object", shown(value))]
    try:
        row = _EventRow.model_validate(value, strict=False)
    except ValidationError as error:
        return None, explain(error, _EventRow)
    time = parse_time(row.time)
    faults = [] if time is not None else [Fault("time", MOMENT, shown(row.time))]
    choice = Choice(**{**row.model_dump(), "time": time or 0.0})
    faults += check(choice, dilemmas, taxonomy)
    return (None if faults else choice), faults


def check(choice: Choice, dilemmas: Mapping[str, Dilemma], taxonomy: Taxonomy) -> list[Fault]:
    """What is wrong with one event, its dilemma and poles looked up."""
    faults = []
    dilemma = dilemmas.get(choice.dilemma)
    if choice.dilemma and dilemma is None:
        hint = nearest(choice.dilemma, dilemmas)
        faults.append(Fault("dilemma", f"no dilemma has this id.{hint}", shown(choice.dilemma)))
    elif not choice.dilemma and (choice.kind in _SHOWN or choice.groups):
        faults.append(Fault("dilemma", f"is missing: {choice.kind} is about a dilemma"))
    faults += _check_groups(choice, len(dilemma.options) if dilemma else None)
    faults += _check_texts(choice)
    if choice.kind is ChoiceKind.SAID and choice.pole not in taxonomy.by_pole:
        hint = nearest(choice.pole, taxonomy.by_pole)
        faults.append(Fault("pole", f"no value pair of {taxonomy.name!r} has this pole.{hint}", shown(choice.pole)))
    if choice.kind is ChoiceKind.RETRACTED and not choice.target:
        faults.append(Fault("target", "is missing: the id of the event taken back"))
    return faults


def _check_groups(choice: Choice, count: int | None) -> list[Fault]:
    """`count` is the number of options shown; None if unknown."""
    groups, kind, value = choice.groups, choice.kind, shown(choice.groups)
    indices = [index for group in groups for index in group]
    faults = []
    if kind in _GROUPED and not (groups and groups[0]):
        faults.append(Fault("groups", f"is missing: {kind} needs the options, best group first", value))
    elif kind is ChoiceKind.CHOSE and len(groups[0]) != 1:
        faults.append(Fault("groups", "chose has one option in its first group; for more use chose_several", value))
    elif kind is ChoiceKind.TIED and groups and len(groups[0]) < 2:
        faults.append(Fault("groups", "tied needs two options at least in its first group", value))
    elif kind in _JUDGED and not choice.texts and [len(group) for group in groups[:1]] != [1]:
        faults.append(Fault("groups", f"{kind} needs a text, or a dilemma and the one option it is about", value))
    if len(set(indices)) != len(indices):
        faults.append(Fault("groups", "names an option twice", value))
    if count is not None and any(not 0 <= index < count for index in indices):
        faults.append(Fault("groups", f"options are numbered from 0 to {count - 1}", value))
    if count is not None and count > MOST_OPTIONS and kind in _SHOWN and any(len(group) > 1 for group in groups):
        faults.append(Fault("groups", f"several at once can be read among {MOST_OPTIONS} options at most", value))
    return faults


def _check_texts(choice: Choice) -> list[Fault]:
    needed = {ChoiceKind.EDITED: (2,), ChoiceKind.LIKED: (0, 1), ChoiceKind.DISLIKED: (0, 1)}.get(choice.kind, (0,))
    if len(choice.texts) in needed:
        return []
    wanted = "the reply before and after" if choice.kind is ChoiceKind.EDITED else f"{max(needed)} texts at most"
    return [Fault("texts", f"{choice.kind} takes {wanted}", shown(choice.texts))]


def parse_time(value: object) -> float | None:
    """Seconds since 1970 from seconds or ISO 8601 text; None if it is neither, or after the year 9999."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    except ValueError:
        try:
            moment = datetime.fromisoformat(str(value))
            seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return None
    return seconds if 0 <= seconds < _YEAR_10000 else None


def format_time(seconds: float) -> str:
    """ISO 8601 in UTC, to the microsecond where there is one."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def as_line(choice: Choice) -> str:
    """One JSON line, without fields that say nothing; reading it gives an equal event."""
    fields: dict[str, object] = {
        "id": choice.id,
        "person": choice.person,
        "time": choice.time,
        "kind": choice.kind.value,
        "dilemma": choice.dilemma,
        "groups": choice.groups,
        "scene": choice.scene,
        "texts": choice.texts,
        "pole": choice.pole,
        "strength": choice.strength,
        "target": choice.target,
    }
    kept = {name: value for name, value in fields.items() if value not in ("", (), None)}
    return json.dumps(kept, ensure_ascii=False)


def append_event(path: Path, choice: Choice) -> None:
    """Add one line to a log, creating it if need be; the line is on disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(as_line(choice) + "\n")


def settle(events: Iterable[Choice], *, as_of: float | None = None) -> tuple[Choice, ...]:
    """What stands, in the order of time: repetitions dropped, what was taken back left out.

    The result depends on the set of events alone, not on how they arrived. Taking back a retraction reinstates.

    Args:
        events: in any order, with repetitions, of one person or several.
        as_of: ignore what happened after this moment, retractions included; None: ignore nothing.

    Raises:
        BadInputError: two different events have one id.
    """
    known: dict[tuple[str, str], Choice] = {}
    for event in events:
        if known.setdefault((event.person, event.id), event) != event:
            raise BadInputError(
                f"two different events of {event.person!r} have the id {event.id!r}; ids must be unique"
            )
    past = [event for event in known.values() if as_of is None or event.time <= as_of]
    gone: set[tuple[str, str]] = set()
    for event in sorted(past, key=_order, reverse=True):
        if event.kind is ChoiceKind.RETRACTED and (event.person, event.id) not in gone:
            gone.add((event.person, event.target))
    standing = (e for e in past if (e.person, e.id) not in gone and e.kind is not ChoiceKind.RETRACTED)
    return tuple(sorted(standing, key=_order))


def by_person(events: Sequence[Choice]) -> dict[str, list[Choice]]:
    """Events of each person, people in the order of their names."""
    people: dict[str, list[Choice]] = {name: [] for name in sorted({event.person for event in events})}
    for event in events:
        people[event.person].append(event)
    return people


def _order(event: Choice) -> tuple[float, str, str]:
    return event.time, event.person, event.id
