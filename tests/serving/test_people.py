"""What the service does for one person, on both databases."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from counterpoint.errors import BadDataError, BadInputError, UnknownNameError
from counterpoint.serving.people import MOST, People
from counterpoint.serving.store.audit import AuditLine, trail
from counterpoint.serving.store.beliefs import SAID_SD
from counterpoint.serving.store.intake import as_choice
from counterpoint.serving.store.records import (
    ConflictError,
    NewEvent,
    PersonDeletedError,
    Principal,
    UnknownPersonError,
)
from counterpoint.serving.store.vault import verify
from counterpoint.types import ChoiceKind as Kind
from counterpoint.users.ask import Rule
from counterpoint.users.belief import Belief
from counterpoint.users.events import settle
from counterpoint.users.likelihood import observe
from counterpoint.users.model import USER_MODELS, fold
from serving.conftest import Clock


def chose(number: int, option: int, *, time: float | None = None) -> NewEvent:
    moment = float(number + 1) if time is None else time
    return NewEvent(Kind.CHOSE, f"e{number}", moment, f"d{number}", ((option,),))


CAREFUL = [chose(n, 1) for n in range(6)]
EVERY_KIND = [
    *CAREFUL,
    NewEvent(Kind.CHOSE_SEVERAL, "several", 10.0, "d10", ((0, 1),)),
    NewEvent(Kind.RANKED, "ranked", 11.0, "d11", ((1,), (0,))),
    NewEvent(Kind.TIED, "tied", 12.0, "d12"),
    NewEvent(Kind.SKIPPED, "skipped", 13.0, "d13"),
    NewEvent(Kind.LIKED, "liked", 14.0, texts=("we guard and guard",)),
    NewEvent(Kind.DISLIKED, "disliked", 15.0, texts=("just leap",)),
    NewEvent(Kind.EDITED, "edited", 16.0, texts=("leap now", "guard it")),
    NewEvent(Kind.SAID, "said", 17.0, pole="Later"),
    NewEvent(Kind.RETRACTED, "back", 18.0, target="e0"),
]


def belief(people: People, who: Principal, person: str = "ann") -> bytes:
    return people.preferences(who, person).belief.pack()


def risk(people: People, who: Principal, person: str = "ann") -> tuple[float, float]:
    leaning = people.preferences(who, person).leanings[0]
    return leaning.mean, leaning.sd


# Learning


def test_a_belief_is_the_fold_of_what_stands(people: People, who: Principal) -> None:
    people.record(who, "ann", EVERY_KIND)
    choices = [as_choice(event, 0.0) for event in EVERY_KIND]
    observations = observe(settle(choices), people.bank.read(choices), people.bank.dilemmas)
    expected = fold(USER_MODELS.get("gaussian")(Belief.flat(2)), observations)
    found = people.preferences(who, "ann").belief
    assert found.mean == pytest.approx(expected.mean, abs=1e-12)
    assert found.covariance == pytest.approx(expected.covariance, abs=1e-12)
    # five choices that stand, a ranking, a tie, a skip, two opinions, an edit, a word; all options taken says nothing
    assert found.count == expected.count == 5 + 1 + 1 + 1 + 2 + 1 + 1


def test_whatever_the_order_and_the_batches_the_belief_is_the_same_to_the_last_bit(
    people: People, who: Principal
) -> None:
    people.record(who, "in order", EVERY_KIND)
    expected = belief(people, who, "in order")
    rng = np.random.default_rng(0)
    for number in range(12):
        name, shuffled = f"person {number}", [EVERY_KIND[i] for i in rng.permutation(len(EVERY_KIND))]
        while shuffled:
            size = int(rng.integers(1, 5))
            people.record(who, name, shuffled[:size])
            del shuffled[:size]
        assert belief(people, who, name) == expected
    assert people.rebuild(who) == (13, 0)


def test_one_event_further_is_the_same_as_a_replay(people: People, who: Principal) -> None:
    for event in EVERY_KIND:
        people.record(who, "ann", [event])
        assert people.rebuild(who, keep=False) == (1, 0)


def test_a_repeated_event_counts_once(people: People, who: Principal) -> None:
    first = people.record(who, "ann", CAREFUL[:2])
    again = people.record(who, "ann", [CAREFUL[0], chose(7, 0), CAREFUL[0]])
    assert (first.added, first.repeated) == (2, 0)
    assert (again.added, again.repeated, again.events) == (1, 2, ("e0", "e7", "e0"))
    assert people.preferences(who, "ann").observations == 3


def test_an_event_sent_again_without_its_time_is_the_same_event(people: People, who: Principal, clock: Clock) -> None:
    event = replace(chose(1, 1), time=None)
    people.record(who, "ann", [event])
    clock.now += 60
    assert people.record(who, "ann", [event]).repeated == 1


@pytest.mark.parametrize("other", [chose(0, 0), chose(0, 1, time=9.0), NewEvent(Kind.SKIPPED, "e0", 1.0, "d0")])
def test_one_id_for_two_things_is_refused_and_changes_nothing(people: People, who: Principal, other: NewEvent) -> None:
    people.record(who, "ann", CAREFUL)
    before = belief(people, who)
    with pytest.raises(ConflictError, match="'e0' stands for a different event"):
        people.record(who, "ann", [chose(9, 0), other])
    assert belief(people, who) == before
    with pytest.raises(ConflictError):
        people.record(who, "bob", [CAREFUL[0], other])


def test_a_retry_with_its_idempotency_key_is_answered_as_at_first(people: People, who: Principal, clock: Clock) -> None:
    nameless = [NewEvent(Kind.CHOSE, dilemma="d1", groups=((1,),)), NewEvent(Kind.SAID, pole="Later")]
    first = people.record(who, "ann", nameless, key="k")
    before = belief(people, who)
    clock.now += 1
    again = people.record(who, "ann", nameless, key="k")
    assert (again.events, again.added, again.repeated) == (first.events, 0, 2)
    assert belief(people, who) == before
    with pytest.raises(ConflictError, match="idempotency key 'k'"):
        people.record(who, "ann", nameless[:1], key="k")
    assert people.record(who, "bob", nameless[:1], key="k").added == 1  # keys are each person's own


def test_events_without_a_time_happened_in_the_order_sent(people: People, who: Principal) -> None:
    sent = people.record(who, "ann", [NewEvent(Kind.CHOSE, dilemma=f"d{n}", groups=((0,),)) for n in range(5)]).events
    assert tuple(event["id"] for event in people.export(who, "ann")["events"]) == sent


def test_one_bad_event_refuses_the_batch_and_every_problem_is_told(people: People, who: Principal) -> None:
    bad = [
        CAREFUL[0],
        chose(99, 0),
        chose(1, 2),
        NewEvent(Kind.CHOSE, "", -1.0, "d1", ((0,),)),
        NewEvent(Kind.CHOSE, "", 1e9, "d1", ((0,),)),
        NewEvent(Kind.LIKED, texts=("nul \0",)),
        NewEvent(Kind.SAID, pole="Sideways", strength=float("nan")),
        NewEvent(Kind.RETRACTED),
        NewEvent(Kind.SKIPPED, "x" * 201, 1.0, "d1"),
    ]
    with pytest.raises(BadDataError) as caught:
        people.record(who, "ann", bad)
    told = [(problem.record, problem.field) for problem in caught.value.problems]
    assert told == [
        ("event 1", "dilemma"),
        ("event 2", "groups"),
        ("event 3", "time"),
        ("event 4", "time"),
        ("event 5", "texts"),
        ("event 6", "strength"),
        ("event 6", "pole"),
        ("event 7", "target"),
        ("event 8", "id"),
    ]
    with pytest.raises(BadInputError, match="no events"):
        people.record(who, "ann", [])
    with pytest.raises(UnknownPersonError):
        people.preferences(who, "ann")


@pytest.mark.parametrize("name", ["", "nul\0", "line\nbreak", "\ud800", "x" * 201])
def test_names_that_a_database_could_not_keep_are_refused(people: People, who: Principal, name: str) -> None:
    for ask in (people.preferences, people.export, people.delete, people.belief):
        with pytest.raises(BadInputError, match="a person's name has"):
            ask(who, name)
    with pytest.raises(BadInputError):
        people.record(who, name, CAREFUL)


# A person's own word


def test_their_own_word_outranks_inference_until_withdrawn(people: People, who: Principal, clock: Clock) -> None:
    people.record(who, "ann", CAREFUL)
    inferred = belief(people, who)
    assert risk(people, who)[0] < 0
    said = people.correct(who, "ann", "Risk", 2.0).leanings[0]
    assert (said.mean, said.sd) == pytest.approx((2.0, SAID_SD))
    assert (said.corrected, said.words) == (2.0, "says so themselves: Daring")
    clock.now += 10
    people.record(who, "ann", [chose(n, 1, time=clock.now) for n in range(10, 14)])
    assert risk(people, who) == pytest.approx((2.0, SAID_SD))
    assert people.correct(who, "ann", "Risk", -1.0).leanings[0].mean == pytest.approx(-1.0)
    assert people.rebuild(who) == (1, 0)
    people.withdraw(who, "ann", "Risk")
    people.record(who, "bob", [*CAREFUL, *(chose(n, 1, time=clock.now) for n in range(10, 14))])
    assert belief(people, who) == belief(people, who, "bob") != inferred
    assert people.rebuild(who) == (2, 0)


def test_a_correction_to_the_middle_says_neither(people: People, who: Principal) -> None:
    leaning = people.correct(who, "ann", "Risk", 0.0).leanings[0]
    assert (leaning.mean, leaning.probability_positive) == (0.0, 0.5)
    assert leaning.words == "says so themselves: neither side"


def test_withdrawing_what_was_never_said_changes_nothing(people: People, who: Principal) -> None:
    people.record(who, "ann", CAREFUL)
    before = people.preferences(who, "ann")
    after = people.withdraw(who, "ann", "Pace")
    assert (after.sequence, after.belief.pack()) == (before.sequence, before.belief.pack())
    with pytest.raises(UnknownPersonError):
        people.withdraw(who, "nobody", "Risk")


def test_a_correction_can_be_retried_and_refused(people: People, who: Principal) -> None:
    first = people.correct(who, "ann", "Risk", 1.0, key="k")
    assert people.correct(who, "ann", "Risk", 1.0, key="k").sequence == first.sequence == 1
    with pytest.raises(ConflictError):
        people.correct(who, "ann", "Risk", 2.0, key="k")
    for value in (MOST + 0.1, float("nan"), float("inf")):
        with pytest.raises(BadInputError, match="-5 to 5"):
            people.correct(who, "ann", "Risk", value)
    with pytest.raises(UnknownNameError, match="Did you mean 'Risk'"):
        people.correct(who, "ann", "Rsk", 1.0)


def test_the_latest_word_stands_even_where_events_are_dated_ahead_of_our_clock(
    people: People, who: Principal, clock: Clock
) -> None:
    people.record(who, "ann", [chose(1, 1, time=clock.now + 3600)])
    people.correct(who, "ann", "Risk", 1.0)
    people.correct(who, "ann", "Risk", -1.0)
    assert people.preferences(who, "ann").leanings[0].corrected == -1.0


# Telling


def test_the_past_is_told_by_when_it_happened_and_by_when_we_knew(people: People, who: Principal, clock: Clock) -> None:
    clock.now = 100.0
    people.record(who, "ann", CAREFUL[3:])
    clock.now = 200.0
    people.record(who, "ann", CAREFUL[:3])
    people.record(who, "first three", CAREFUL[:3])
    people.record(who, "last three", CAREFUL[3:])
    happened = people.preferences(who, "ann", as_of=3.0)
    assert happened.belief.pack() == belief(people, who, "first three")
    assert (happened.observations, happened.as_of, happened.last_event) == (3, 3.0, 3.0)
    known = people.preferences(who, "ann", known_at=150.0)
    assert known.belief.pack() == belief(people, who, "last three")
    assert people.preferences(who, "ann", as_of=0.5).summary == "No idea yet about Risk and Pace."


def test_preferences_are_said_in_words_and_figures(people: People, who: Principal) -> None:
    people.record(who, "ann", CAREFUL)
    told = people.preferences(who, "ann")
    leaning = told.leanings[0]
    assert (leaning.value_pair, leaning.positive, leaning.negative) == ("Risk", "Daring", "Careful")
    assert leaning.low < leaning.mean < leaning.high < 0.2
    assert leaning.evidence == pytest.approx(np.log(1 / leaning.sd))
    assert leaning.words == "leans clearly to Careful"
    assert told.summary.startswith("ann leans clearly to Careful.")
    assert (told.observations, told.sequence, told.last_event, told.last_change) == (6, 6, 6.0, None)


def test_a_newcomer_is_steered_by_nothing_and_not_made_by_asking(people: People, who: Principal) -> None:
    assert people.belief(who, "stranger").pack() == Belief.flat(2).pack()
    assert people.next_question(who, "stranger") is not None
    for options in (["guard", "leap"], ["leap", "guard"]):
        assert [ranked.text for ranked in people.rank(who, "stranger", options)] == options
    assert people.people(who) == ()


def test_the_path_leads_from_a_newcomer_to_the_belief_of_now(people: People, who: Principal) -> None:
    people.record(who, "ann", EVERY_KIND)
    people.correct(who, "ann", "Pace", 1.5)
    points = people.path(who, "ann")
    assert points[0].belief.pack() == Belief.flat(2).pack()
    assert points[-1].belief.pack() == belief(people, who)
    assert len(points) == 1 + len(EVERY_KIND) - 2 + 1  # the retraction and what it took back are gone
    assert [point.time for point in points] == sorted(point.time for point in points)
    few = people.path(who, "ann", most=4)
    assert len(few) == 4
    assert few[-1].belief.pack() == belief(people, who)


def test_reasons_are_the_pulls_of_single_events(people: People, who: Principal) -> None:
    people.record(who, "ann", [CAREFUL[0], chose(1, 0), NewEvent(Kind.SAID, "s", 3.0, pole="Now", strength=1.0)])
    people.correct(who, "ann", "Risk", 2.0)
    why = people.explain(who, "ann")
    # options lie 1 either way on Risk and, being about Risk, 0.1 on Pace; the prior variance is 1
    assert [(reason.event, round(reason.push, 6)) for reason in why["Risk"][1:]] == [("e0", -1.0), ("e1", 1.0)]
    assert why["Risk"][0].words == "Their own word: Daring."
    assert why["Risk"][1].words == "Chose: guard slow"
    # said: four choices of +0.5 against -0.5, each 0.5 above what is expected
    assert [(reason.event, round(reason.push, 6)) for reason in why["Pace"]] == [("s", 2.0), ("e0", -0.1), ("e1", 0.1)]
    assert list(people.explain(who, "ann", value_pair="Pace", most=1)) == ["Pace"]
    with pytest.raises(UnknownNameError):
        people.explain(who, "ann", value_pair="Speed")


def test_an_interview_asks_nothing_twice_and_stops_when_told(people: People, who: Principal) -> None:
    seen: list[str] = []
    rule = Rule(cost=0.0, certainty=1.0, most=5)
    while (asked := people.next_question(who, "ann", rule=rule)) is not None:
        assert asked.information > 0
        assert asked.asked == len(seen)
        seen.append(asked.dilemma.digest)
        people.record(who, "ann", [NewEvent(Kind.CHOSE, dilemma=asked.dilemma.digest, groups=((1,),))])
    assert len(seen) == len(set(seen)) == 5


def test_options_are_ranked_as_the_person_would_choose(people: People, who: Principal) -> None:
    people.record(who, "ann", CAREFUL)
    options = ["we leap", "nothing", "we guard"]
    ranked = people.rank(who, "ann", options, scenario="a cliff")
    assert [one.text for one in ranked] == ["we guard", "nothing", "we leap"]
    assert sum(one.probability for one in ranked) == pytest.approx(1.0)
    assert all(options[one.index] == one.text for one in ranked)
    with pytest.raises(BadInputError, match="two options or more"):
        people.rank(who, "ann", ["only"])


# Everything held


def test_an_export_imports_again_to_an_identical_belief(
    people: People, who: Principal, rival: Principal, clock: Clock
) -> None:
    people.record(who, "ann", EVERY_KIND, key="k")
    people.correct(who, "ann", "Pace", 1.5)
    people.log_prompt(who, "ann", {"messages": [{"role": "user", "content": "hello"}]})
    document = json.loads(json.dumps(people.export(who, "ann")))
    clock.now += 1000
    told = people.take_in(rival, document)
    assert told.belief.pack() == belief(people, who)
    again = people.export(rival, "ann")
    for part in ("person", "created", "events", "belief", "dilemmas", "own_evidence", "requests", "prompts"):
        assert again[part] == document[part], part
    assert people.record(rival, "ann", EVERY_KIND).repeated == len(EVERY_KIND)
    assert people.rebuild(rival) == (1, 0)
    with pytest.raises(ConflictError, match="here already"):
        people.take_in(rival, document)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ({"schema": "counterpoint.person/9"}, "schema"),
        ({"events": [{"sequence": 1}]}, "is missing"),
        ({"person": ""}, "person"),
        ({"created": "now"}, "created"),
        ({"prompts": [{"at": 1.0, "request": "", "content": {"a": "\0"}}]}, "no text"),
        ({"requests": [{"key": "k", "digest": "0" * 64, "outcome": {"events": []}, "at": 1.0}] * 2}, "two things"),
        ({"own_evidence": [{"key": "0" * 64, "width": 1, "log_probs": "00000000"}]}, "doesn't fit the taxonomy"),
        ({"own_evidence": [{"key": "0" * 64, "width": 1, "log_probs": "0000c07f" * 4}]}, "doesn't fit the taxonomy"),
    ],
)
def test_what_is_no_export_is_refused(people: People, who: Principal, damage: dict[str, object], told: str) -> None:
    people.record(who, "ann", EVERY_KIND)
    document = people.export(who, "ann") | {"person": "bob"} | damage
    with pytest.raises(BadDataError, match=told):
        people.take_in(who, document)
    assert [row.name for row in people.people(who)] == ["ann"]


def test_an_import_with_events_that_make_no_sense_is_refused_whole(people: People, who: Principal) -> None:
    people.record(who, "ann", CAREFUL)
    people.correct(who, "ann", "Risk", 1.0)
    for place, payload in (
        (0, {"dilemma": "nowhere", "groups": [[0]]}),
        (1, {"dilemma": "d1", "groups": [[0]], "value": 1.0}),
        (2, {"dilemma": "d1", "texts": ["x" * 20_001], "groups": [[0]]}),
        (6, {"value_pair": "Risk", "value": 99.0}),
        (6, {"value_pair": "Risk"}),
        (6, {"value_pair": "Speed", "value": 1.0}),
    ):
        document = people.export(who, "ann") | {"person": "bob"}
        document["events"][place]["payload"] = payload
        with pytest.raises(BadDataError, match=f"event {place}"):
            people.take_in(who, document)
    assert [row.name for row in people.people(who)] == ["ann"]


def test_deleting_takes_exactly_one_person(people: People, who: Principal, rival: Principal) -> None:
    for asking in (who, rival):
        for name in ("ann", "anna", "bob"):
            people.record(asking, name, EVERY_KIND, key="k")
    kept = {name: people.export(who, name) for name in ("anna", "bob")}
    receipt = people.delete(who, "ann")
    assert verify(receipt)
    assert receipt["rows"] | {"people": 1, "events": len(EVERY_KIND), "beliefs": 1, "requests": 1} == receipt["rows"]
    assert people.delete(who, "ann") == receipt
    with pytest.raises(PersonDeletedError):
        people.preferences(who, "ann")
    for late in (CAREFUL, EVERY_KIND):
        with pytest.raises(PersonDeletedError, match="late are refused"):
            people.record(who, "ann", late)
    with pytest.raises(PersonDeletedError):
        people.take_in(who, kept["bob"] | {"person": "ann"})
    assert people.belief(who, "ann").pack() == Belief.flat(2).pack()
    for name, before in kept.items():
        after = people.export(who, name)
        assert {**after, "exported": 0, "audit": 0} == {**before, "exported": 0, "audit": 0}
    assert [row.name for row in people.people(who)] == ["anna", "bob"]
    assert [row.name for row in people.people(rival)] == ["ann", "anna", "bob"]
    with pytest.raises(UnknownPersonError):
        people.delete(who, "zoe")


def test_tenants_never_meet(people: People, who: Principal, rival: Principal) -> None:
    people.record(who, "ann", CAREFUL)
    people.record(rival, "ann", [chose(n, 0) for n in range(6)])
    assert risk(people, who)[0] == -risk(people, rival)[0] != 0
    people.record(who, "only here", CAREFUL)
    for ask in (people.preferences, people.export, people.delete, people.path, people.explain):
        with pytest.raises(UnknownPersonError):
            ask(rival, "only here")
    assert people.belief(rival, "only here").pack() == Belief.flat(2).pack()
    assert [row.name for row in people.people(rival)] == ["ann"]


def test_everything_that_is_read_or_changed_is_written_down(people: People, who: Principal, rival: Principal) -> None:
    people.record(who, "ann", CAREFUL)
    people.preferences(who, "ann")
    people.correct(who, "ann", "Risk", 1.0)
    people.export(who, "ann")
    with people.store.begin(who) as tx:
        ann = tx.find("ann")
        lines = trail(tx, person=ann)
    assert [line.what for line in lines] == ["events added", "preferences read", "corrected", "exported"]
    assert {(line.who, line.whose, line.request) for line in lines} == {("key-1", ann.id, "request-1")}
    with people.store.begin(rival) as tx:
        assert trail(tx) == ()
    people.delete(who, "ann")
    with people.store.begin(who) as tx:
        last: AuditLine = trail(tx)[-1]
        assert len(trail(tx)) == 5
    assert (last.what, last.whose) == ("person deleted", ann.id)


def test_people_are_listed_a_page_at_a_time(people: People, who: Principal) -> None:
    for name in ("cy", "ann", "bob", "dee", "eve"):
        people.record(who, name, CAREFUL[:1])
    first = people.people(who, limit=2)
    assert [row.name for row in first] == ["ann", "bob"]
    assert [row.name for row in people.people(who, after=first[-1].name, limit=2)] == ["cy", "dee"]
