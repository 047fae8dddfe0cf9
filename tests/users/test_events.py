"""Events: reading, checking, settling."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.errors import BadDataError, BadInputError
from counterpoint.types import Choice, ChoiceKind
from counterpoint.users.events import (
    append_event,
    as_line,
    by_id_and_digest,
    by_person,
    format_time,
    load_events,
    parse_time,
    read_events,
    settle,
)
from users.small import TAXONOMY, dilemma

DILEMMAS = by_id_and_digest([dilemma("d1", "leap", "guard", "guard guard")])


def event(name: str, time: float, kind: ChoiceKind = ChoiceKind.CHOSE, person: str = "ann", target: str = "") -> Choice:
    if kind is ChoiceKind.RETRACTED:
        return Choice(name, person, time, kind, target=target)
    return Choice(name, person, time, kind, dilemma="d1", groups=((0,),))


EVENTS = [
    event("a", 1.0),
    event("b", 2.0),
    event("c", 3.0, ChoiceKind.RETRACTED, target="a"),
    event("d", 4.0),
    event("e", 5.0, ChoiceKind.RETRACTED, target="c"),
    event("a", 2.5, person="bob"),
]


@given(st.permutations(EVENTS + EVENTS[:3]))
def test_order_and_repetition_make_no_difference(arrived: list[Choice]) -> None:
    assert settle(arrived) == settle(EVENTS)


def test_what_was_taken_back_is_gone_until_the_retraction_is_taken_back() -> None:
    assert [e.id for e in settle(EVENTS[:4])] == ["b", "d"]
    assert [e.id for e in settle(EVENTS[:5])] == ["a", "b", "d"]


def test_the_past_knows_nothing_of_later_retractions() -> None:
    assert [e.id for e in settle(EVENTS[:4], as_of=2.0)] == ["a", "b"]
    assert [e.id for e in settle(EVENTS[:4], as_of=3.0)] == ["b"]


def test_a_retraction_may_arrive_before_what_it_takes_back_and_is_one_persons_own() -> None:
    assert [e.person for e in settle([EVENTS[2], EVENTS[5], EVENTS[0]])] == ["bob"]


def test_one_id_for_two_things_is_refused() -> None:
    with pytest.raises(BadInputError, match="id 'a'"):
        settle([event("a", 1.0), event("a", 2.0)])


def test_people_are_told_apart() -> None:
    assert {name: len(events) for name, events in by_person(EVENTS).items()} == {"ann": 5, "bob": 1}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1970-01-01T00:01:00Z", 60.0), ("1970-01-01T01:00:00+01:00", 0.0), ("1970-01-02", 86400.0), (12.5, 12.5)],
)
def test_times_are_iso_or_seconds(text: str | float, seconds: float) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "",
        "nan",
        "inf",
        -1.0,
        "1969-01-01",
        True,
        None,
        [1],
        10**400,
        253402300800,
        "9999-12-31T23:59-12:00",
    ],
)
def test_other_times_are_none(text: object) -> None:
    assert parse_time(text) is None


def test_milliseconds_are_refused_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "e.jsonl").write_text(
        '{"id": "a", "person": "ann", "time": 1772357400000, "kind": "chose", "dilemma": "d1", "groups": [[0]]}\n'
    )
    (problem,) = read_events(tmp_path / "e.jsonl", DILEMMAS, TAXONOMY).problems
    assert "not milliseconds" in str(problem)


@pytest.mark.parametrize("index", ["true", "1.0", '"1"', "null"])
def test_an_option_is_a_whole_number_and_nothing_that_looks_like_one(tmp_path: Path, index: str) -> None:
    (tmp_path / "e.jsonl").write_text(
        f'{{"id": "a", "person": "ann", "time": 1, "kind": "chose", "dilemma": "d1", "groups": [[{index}]]}}\n'
    )
    (problem,) = read_events(tmp_path / "e.jsonl", DILEMMAS, TAXONOMY).problems
    assert "groups[0][0]: must be a whole number" in str(problem)


def test_a_time_written_is_read_back() -> None:
    assert format_time(1772357400.0) == "2026-03-01T09:30:00Z"
    assert parse_time(format_time(1772357400.25)) == 1772357400.25


@given(
    kind=st.sampled_from(list(ChoiceKind)),
    scene=st.sampled_from(["", "gaming", "zu Hause, \u201enett\u201c\n"]),
    time=st.floats(0, 4e9),
)
def test_a_line_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, kind: ChoiceKind, scene: str, time: float
) -> None:
    choice = Choice("x", "ann", time, kind, scene=scene)
    match kind:
        case ChoiceKind.SAID:
            choice = replace(choice, pole="Now", strength=1.5)
        case ChoiceKind.RETRACTED:
            choice = replace(choice, target="w")
        case ChoiceKind.EDITED:
            choice = replace(choice, texts=("before", "after"))
        case ChoiceKind.TIED:
            choice = replace(choice, dilemma="d1", groups=((0, 2),))
        case ChoiceKind.SKIPPED:
            choice = replace(choice, dilemma="d1")
        case _:
            choice = replace(choice, dilemma="d1", groups=((1,), (0,)))
    path = tmp_path_factory.mktemp("log") / "events.jsonl"
    append_event(path, choice)
    assert load_events(path, DILEMMAS, TAXONOMY) == (choice,)


GOOD = {"id": "e", "person": "ann", "time": 1, "kind": "chose", "dilemma": "d1", "groups": [[0]]}


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"dilemma": "d2"}, "dilemma", "no dilemma"),
        ({"dilemma": ""}, "dilemma", "missing"),
        ({"groups": []}, "groups", "missing"),
        ({"groups": [[0, 1]]}, "groups", "chose_several"),
        ({"groups": [[3]]}, "groups", "from 0 to 2"),
        ({"groups": [[-1]]}, "groups", "from 0 to 2"),
        ({"groups": [[0], [0]]}, "groups", "twice"),
        ({"time": "noon"}, "time", "ISO 8601"),
        ({"kind": "chosen"}, "kind", ""),
        ({"knd": "chose"}, "knd", "unknown key"),
        ({"kind": "said", "pole": "Dareing"}, "pole", "'Daring'"),
        ({"kind": "retracted"}, "target", "missing"),
        ({"kind": "edited", "texts": ["one"]}, "texts", "before and after"),
        ({"kind": "liked", "groups": []}, "groups", "text"),
        ({"kind": "tied", "groups": [[1]]}, "groups", "two options"),
        ({"texts": ["stray"]}, "texts", "texts"),
        ({"strength": 0}, "strength", ""),
    ],
)
def test_each_mistake_is_told_with_its_field(tmp_path: Path, change: dict[str, object], field: str, says: str) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(json.dumps({**GOOD, **change}))
    (problem,) = read_events(path, DILEMMAS, TAXONOMY).problems
    assert problem.field == field
    assert problem.record == "line 1"
    assert says in problem.message


def test_every_problem_of_a_file_is_told_and_good_events_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    lines = [json.dumps(GOOD), "{", json.dumps([1]), json.dumps(GOOD), json.dumps({**GOOD, "time": 2})]
    path.write_text("\n".join(lines))
    log = read_events(path, DILEMMAS, TAXONOMY)
    assert [e.id for e in log.events] == ["e"]
    assert [p.record for p in log.problems] == ["line 2", "line 3", "line 5"]
    with pytest.raises(BadDataError, match="3 problems"):
        load_events(path, DILEMMAS, TAXONOMY)


def test_a_line_leaves_out_what_says_nothing() -> None:
    assert json.loads(as_line(event("a", 1.0))) == {**GOOD, "id": "a", "time": 1.0}
