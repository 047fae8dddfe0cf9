"""Simulated people do what their kind says, by the labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from counterpoint.types import ChoiceKind
from counterpoint.users.simulate import KINDS, Person, draw_choice, live, make_person
from users.small import TAXONOMY, dilemma, question

BANK = [dilemma(f"d{i}", "leap", "guard", "guard more", scene="home" if i % 2 else "work") for i in range(60)]
PERSON = Person("ann", {"Risk": "Careful", "Pace": "Now"})


def poles(person: Person, seed: int = 0) -> list[str]:
    events = live(person, BANK, TAXONOMY, np.random.default_rng(seed))
    return [d.options[e.groups[0][0]].pole for d, e in zip(BANK, events, strict=True)]


def test_the_consistent_always_take_their_side_and_any_option_of_it() -> None:
    assert set(poles(PERSON)) == {"Careful"}
    events = live(PERSON, BANK, TAXONOMY, np.random.default_rng(0))
    assert {e.groups[0][0] for e in events} == {1, 2}
    assert [e.kind for e in events[:1]] == [ChoiceKind.CHOSE]
    assert [e.time for e in events[:2]] == [86400.0, 172800.0]


def test_the_noisy_sometimes_take_any_option() -> None:
    # A third of random picks among three options is the other side.
    share = np.mean([pole == "Daring" for seed in range(20) for pole in poles(replace(PERSON, noise=0.6), seed)])
    assert share == pytest.approx(0.2, abs=0.03)


def test_the_conflicted_have_a_side_in_each_scene() -> None:
    taken = poles(replace(PERSON, in_scene={("work", "Risk"): "Daring"}))
    assert taken[:4] == ["Daring", "Careful", "Daring", "Careful"]


def test_the_flipping_turn_over_at_once() -> None:
    taken = poles(replace(PERSON, flips={"Risk": 20}))
    assert set(taken[:20]) == {"Careful"}
    assert set(taken[20:]) == {"Daring"}


def test_the_drifting_turn_over_bit_by_bit() -> None:
    many = np.array([[p == "Daring" for p in poles(replace(PERSON, drifts={"Risk": (10, 50)}), s)] for s in range(200)])
    assert many[:, :11].mean() == 0
    assert many[:, 50:].mean() == 1
    assert many[:, 30].mean() == pytest.approx(0.5, abs=0.12)


def test_a_dilemma_without_their_side_is_answered_anyhow() -> None:
    one_sided = dilemma("x", "guard", "guard again")
    assert Person("bob", {"Risk": "Daring"}).choose(one_sided, 0, TAXONOMY, np.random.default_rng(0)) in (0, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_made_and_lives(kind: str) -> None:
    person = make_person(kind, "p", TAXONOMY, np.random.default_rng(3), scenes=["home", "work"])  # type: ignore[arg-type]
    assert set(person.sides) == {"Risk", "Pace"}
    assert len(poles(person)) == 60


def test_the_same_seed_lives_the_same_life() -> None:
    assert poles(replace(PERSON, noise=0.5), 4) == poles(replace(PERSON, noise=0.5), 4)


def test_draws_follow_the_models_law() -> None:
    rng = np.random.default_rng(0)
    asked = question([1.0], [-1.0])
    share = np.mean([draw_choice(np.array([0.5]), asked, rng).chosen == 0 for _ in range(4000)])
    assert share == pytest.approx(1 / (1 + np.exp(-1.0)), abs=0.02)
