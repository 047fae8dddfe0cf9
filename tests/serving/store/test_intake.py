"""Events as they are sent, checked and told apart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from counterpoint.errors import BadDataError
from counterpoint.serving.store.beliefs import as_choice as read_back
from counterpoint.serving.store.intake import MOST_TEXT, as_choice, as_stored, checked, split, storable
from counterpoint.serving.store.records import ConflictError, NewEvent, StoredEvent
from counterpoint.types import ChoiceKind as Kind
from serving.store.test_beliefs import BANK

NOW = 1_000_000.0


def test_what_is_kept_reads_back_as_what_was_sent() -> None:
    sent = [
        NewEvent(Kind.RANKED, "r", 5.0, "d1", ((1,), (0,)), scene="at home"),
        NewEvent(Kind.EDITED, "e", 6.0, texts=("a", "b")),
        NewEvent(Kind.SAID, "s", 7.0, pole="Now", strength=1.5),
        NewEvent(Kind.RETRACTED, "t", 8.0, target="r"),
    ]
    for choice in checked(sent, BANK, NOW):
        stored = as_stored(choice, sequence=3, learned_at=9.0)
        assert read_back(stored) == choice
        assert (stored.sequence, stored.learned_at, stored.happened_at) == (3, 9.0, choice.time)
        assert all(value not in ("", [], None) for value in stored.payload.values())


def test_dilemmas_are_kept_by_digest_whatever_name_was_used() -> None:
    digest = BANK.dilemmas["d1"].digest
    named = checked([NewEvent(Kind.SKIPPED, "a", 1.0, name) for name in ("d1", digest)], BANK, NOW)
    assert [choice.dilemma for choice in named] == [digest, digest]


def test_events_get_an_id_and_a_moment_where_they_have_none() -> None:
    first, second = checked([NewEvent(Kind.SAID, pole="Now")] * 2, BANK, NOW)
    assert first.id != second.id
    assert NOW <= first.time < second.time < NOW + 1e-3


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (NewEvent(Kind.SAID, "a", float("nan"), pole="Now"), "time"),
        (NewEvent(Kind.SAID, "a", NOW + 86401, pole="Now"), "time"),
        (NewEvent(Kind.SAID, "a\0", 1.0, pole="Now"), "id"),
        (NewEvent(Kind.SAID, "a", 1.0, pole="Now", strength=20.5), "strength"),
        (NewEvent(Kind.LIKED, "a", 1.0, texts=("x" * (MOST_TEXT + 1),)), "texts"),
        (NewEvent(Kind.LIKED, "a", 1.0, texts=("half \ud800",)), "texts"),
        (NewEvent(Kind.SKIPPED, "a", 1.0, "d1", scene="x" * 201), "scene"),
    ],
)
def test_what_can_not_be_is_refused(event: NewEvent, field: str) -> None:
    with pytest.raises(BadDataError) as caught:
        checked([event], BANK, NOW)
    assert [problem.field for problem in caught.value.problems] == [field]


def test_repetitions_are_told_from_conflicts() -> None:
    said = StoredEvent(0, "a", "said", 1.0, 0.0, {"pole": "Now"})
    later = replace(said, happened_at=2.0)
    assert split([said, said], {}, [True, True]) == ([said], 1)
    assert split([later], {"a": said}, [False]) == ([], 1)
    for other in (later, replace(said, kind="liked"), replace(said, payload={"pole": "Later"})):
        with pytest.raises(ConflictError, match="'a' stands for a different event"):
            split([other], {"a": said}, [True])
        with pytest.raises(ConflictError):
            split([said, other], {}, [True, True])


def test_text_is_what_every_database_can_keep() -> None:
    assert storable({"a": ["ok", "\N{SNOWMAN}", 3, None, {"b": "\n"}]})
    for bad in ("\0", ["\ud800"], {"\0": 1}, {"a": [{"b": "x\udfff"}]}):
        assert not storable(bad)


def test_a_choice_names_nobody() -> None:
    assert as_choice(NewEvent(Kind.SAID, pole="Now"), NOW).person == ""
