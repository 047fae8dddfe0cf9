"""Why a reply leans as it does: the events that count, by an independent count; what was left out; in words."""

from __future__ import annotations

import json

import pytest

from counterpoint.errors import BadInputError
from counterpoint.steering.explain import Explanation, History, explain, said_of
from counterpoint.steering.steering import Policy, from_belief, from_leans, nothing
from counterpoint.types import Choice, ChoiceKind, Taxonomy
from counterpoint.users.belief import Belief
from counterpoint.users.evidence import Evidence
from counterpoint.users.inference import infer_person
from counterpoint.users.models.contextual import Contextual
from counterpoint.users.models.gaussian import Gaussian
from users.small import TAXONOMY, WordScorer, dilemma

BANK = {d.id: d for d in [dilemma("risk", "leap", "guard"), dilemma("pace", "fast", "slow", pair="Pace")]}
BANK["loud"] = dilemma("loud", "leap leap leap", "guard")
PRIOR = Belief.flat(2)
MODEL = Gaussian(PRIOR)
EVIDENCE = Evidence(WordScorer(), TAXONOMY)


def chose(id: str, what: str, option: int, day: int, person: str = "ann") -> Choice:
    return Choice(id, person, 86400.0 * day, ChoiceKind.CHOSE, what, ((option,),))


EVENTS = [
    *(chose(f"r{i}", "risk", 1, i) for i in range(1, 7)),
    chose("against", "risk", 0, 8),
    chose("much", "loud", 1, 9),
    chose("p1", "pace", 0, 10),
    chose("other", "loud", 0, 11, person="bob"),
]


def history(events: list[Choice] = EVENTS) -> History:
    return History.of("ann", events, MODEL, EVIDENCE, BANK)


def applied(events: list[Choice] = EVENTS, policy: Policy | None = None) -> Explanation:
    own = history(events)
    steering = from_belief(own.belief, TAXONOMY, prior=PRIOR, policy=policy)
    return explain(steering, TAXONOMY, method="mixture", history=own)


def test_an_event_moved_a_leaning_by_what_is_missing_without_it() -> None:
    found = {reason.event: reason for reason in history().reasons(0, most=20)}
    for left_out in ("r1", "against", "much"):
        whole, rest = (
            infer_person("ann", events, model=MODEL, evidence=EVIDENCE, dilemmas=BANK).belief
            for events in (EVENTS, [event for event in EVENTS if event.id != left_out])
        )
        assert found[left_out].moved == pytest.approx(whole.mean[0] - rest.mean[0])


def test_the_events_named_are_those_that_moved_most_among_all() -> None:
    own = history()
    every = {
        event.id: abs(own.belief.mean[0] - history([e for e in EVENTS if e.id != event.id]).belief.mean[0])
        for event in EVENTS
        if event.person == "ann"
    }
    best = sorted(every.values(), reverse=True)[:3]
    assert [abs(reason.moved) for reason in own.reasons(0)] == pytest.approx(best)
    assert own.reasons(0, most=1)[0].event == "against"  # the only one of its kind is the most surprising


def test_an_event_that_speaks_against_a_leaning_has_the_other_sign() -> None:
    found = {reason.event: reason.moved for reason in history().reasons(0, most=20)}
    assert found["against"] > 0 > found["much"]  # Daring is the positive side


def test_others_events_and_those_about_other_pairs_are_not_named() -> None:
    assert {reason.event for reason in history().reasons(1, most=20)} == {"p1"}


def test_what_was_applied_and_what_left_out_in_words() -> None:
    found = applied()
    (one,) = found.applied
    assert (one.leaning.pole, found.method, found.abstained) == ("Careful", "mixture", "")
    assert found.uncertain == ("Pace",)
    lines = found.text.splitlines()
    assert lines[0].startswith(f"Leans to Careful: strength {one.leaning.strength:.2f} (odds x")
    assert lines[0].endswith("sure of the side.")
    assert lines[1].endswith("1970-01-09  Chose: leap  [against]")
    assert lines[-1] == "Left out, too little is known: Pace."


def test_a_leaning_that_is_not_clear_says_so() -> None:
    (one,) = applied([chose("r1", "risk", 1, 1), chose("r2", "risk", 1, 2), chose("r3", "risk", 1, 3)]).applied
    assert 0.8 < one.probability < 0.95
    assert "Leans to Careful, not certainly: " in applied([chose(f"r{i}", "risk", 1, i) for i in (1, 2, 3)]).text


def test_abstaining_tells_why() -> None:
    found = applied([])
    assert found.method == "base"
    assert found.text == "Nothing was applied: too little is known about Risk, Pace."
    assert (
        explain(from_belief(None, TAXONOMY), TAXONOMY).text
        == "Nothing was applied: nothing is known about this person."
    )
    assert explain(nothing(TAXONOMY), TAXONOMY).text == "Nothing was applied: no leaning was asked for."


def test_conflicting_evidence_names_events_for_both_sides() -> None:
    mixed = [chose(f"m{i}", "risk", i % 2, i + 1) for i in range(12)]
    found = applied(mixed, Policy(both_sides=True))
    (conflict,) = found.conflicts
    assert conflict.value_pair == "Risk"
    assert found.both_sides
    assert "Risk: the evidence speaks for both sides; both sides are shown." in found.text
    assert "left out" in applied(mixed).text
    signs = {reason.moved > 0 for reason in history(mixed).reasons(0, most=8)}
    assert signs == {True, False}


def test_what_was_asked_for_needs_no_evidence() -> None:
    found = explain(from_leans({"Daring": 2}, TAXONOMY), TAXONOMY, method="instruction", history=history())
    assert found.text == "Leans to Daring: strength 2.00 (odds x7.4), as asked for."
    assert found.applied[0].reasons == ()


def test_scenes_are_kept_apart() -> None:
    work = [Choice(f"w{i}", "ann", 86400.0 * i, ChoiceKind.CHOSE, "risk", ((1,),), scene="work") for i in range(1, 6)]
    home = [Choice(f"h{i}", "ann", 86400.0 * i, ChoiceKind.CHOSE, "risk", ((0,),), scene="home") for i in range(1, 6)]
    sides = {}
    for scene in ("work", "home"):
        own = History.of("ann", work + home, Contextual(PRIOR), EVIDENCE, BANK, scene=scene)
        sides[scene] = own.belief.mean[0]
        assert {reason.event[0] for reason in own.reasons(0)} == {scene[0]}
    assert sides["work"] < 0 < sides["home"]


def test_the_record_is_json_and_holds_the_text() -> None:
    found = applied()
    record = json.loads(json.dumps(found.record()))
    assert record["text"] == found.text
    assert record["applied"][0]["reasons"][0].keys() == {"event", "time", "said", "moved"}


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (Choice("e", "a", 0, ChoiceKind.TIED, "risk"), "Saw no difference"),
        (Choice("e", "a", 0, ChoiceKind.SKIPPED, "risk"), "Skipped"),
        (Choice("e", "a", 0, ChoiceKind.LIKED, "risk", ((1,),)), "Liked: guard"),
        (Choice("e", "a", 0, ChoiceKind.DISLIKED, texts=("No\nway.",)), "Disliked: No way"),
        (Choice("e", "a", 0, ChoiceKind.EDITED, texts=("a", "b")), "Rewrote it as: b"),
        (Choice("e", "a", 0, ChoiceKind.SAID, pole="Daring"), "Said: Daring"),
        (Choice("e", "a", 0, ChoiceKind.LIKED, texts=("x" * 200,)), "Liked: " + "x" * 80 + "..."),
    ],
)
def test_events_in_words(choice: Choice, said: str) -> None:
    assert said_of(choice, BANK) == said


def test_another_taxonomys_steering_is_refused() -> None:
    with pytest.raises(BadInputError, match="value pairs"):
        explain(nothing(TAXONOMY), Taxonomy("one", TAXONOMY.pairs[:1]))
