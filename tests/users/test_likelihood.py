"""What each kind of event says, worked by hand with evidence 2 nats for each of a pole's words."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from counterpoint.types import Choice, ChoiceKind
from counterpoint.users.belief import Belief
from counterpoint.users.events import by_id_and_digest
from counterpoint.users.evidence import Evidence
from counterpoint.users.laplace import posterior
from counterpoint.users.likelihood import SAID_COUNT, SKIP_WEIGHT, observe, stages, tie
from counterpoint.users.model import Observation
from users.small import TAXONOMY, WordScorer, dilemma, question

DILEMMAS = by_id_and_digest([dilemma("d", "leap", "guard", "guard fast", scene="home")])
EVIDENCE = Evidence(WordScorer(), TAXONOMY, elsewhere=1.0)


def seen(kind: ChoiceKind, **fields: object) -> list[Observation]:
    return observe([Choice("e", "ann", 5.0, kind, **fields)], EVIDENCE, DILEMMAS)  # type: ignore[arg-type]


def likelihood(observations: list[Observation], preference: list[float]) -> float:
    total = 0.0
    for o in observations:
        total += o.weight * np.log(softmax(o.question.features @ np.array(preference) + o.question.bias)[o.chosen])
    return float(np.exp(total))


def test_choosing_is_a_softmax_of_preference_times_evidence() -> None:
    (observation,) = seen(ChoiceKind.CHOSE, dilemma="d", groups=((0,),))
    x = observation.question.features
    # leap: (2 - 0) / 2 above what normalising takes; guard: (0 - 2) / 2; only differences count.
    assert x[:, 0] - x[1, 0] == pytest.approx([2, 0, 0], abs=1e-6)
    assert x[:, 1] - x[0, 1] == pytest.approx([0, 0, 1], abs=1e-6)
    expected = np.exp(1.0) / (np.exp(1.0) + np.exp(-1.0) + np.exp(-1.0 + 0.5))
    assert likelihood([observation], [1.0, 0.5]) == pytest.approx(expected, abs=1e-6)
    assert (observation.question.time, observation.question.scene, observation.event) == (5.0, "home", "e")
    assert observation.told == "Chose: leap"


def test_a_ranking_is_choosing_again_and_again() -> None:
    # Plackett-Luce with strengths 1, 2, 3: rank 2 > 1 > 0 is 3/6 * 2/3.
    rows = question([np.log(1.0)], [np.log(2.0)], [np.log(3.0)])
    assert likelihood(stages(rows, [(2,), (1,), (0,)]), [1.0]) == pytest.approx(3 / 6 * 2 / 3)


def test_several_chosen_are_one_set_among_the_sets_of_its_size() -> None:
    # Products of strengths: {1,2} 6, {0,2} 3, {0,1} 2.
    rows = question([np.log(1.0)], [np.log(2.0)], [np.log(3.0)])
    assert likelihood(stages(rows, [(2, 1)]), [1.0]) == pytest.approx(6 / 11)
    assert stages(rows, [(0, 1, 2)]) == []


def test_all_orders_of_a_ranking_add_up_to_one() -> None:
    from itertools import permutations

    rng = np.random.default_rng(0)
    rows = question(*rng.normal(size=(4, 2)))
    orders = permutations(range(4))
    assert sum(likelihood(stages(rows, [(i,) for i in order]), [0.7, -1.0]) for order in orders) == pytest.approx(1)


def test_a_tie_is_davidsons() -> None:
    # Strengths 1 and 4: no difference has sqrt(4) = 2, so 2 / (1 + 4 + 2).
    rows = question([np.log(1.0)], [np.log(4.0)])
    assert likelihood(tie(rows, ()), [1.0]) == pytest.approx(2 / 7)


def test_a_tie_at_the_top_also_beats_the_rest() -> None:
    # {0,1} of products 4, 3, 12 for {0,1}, {0,2}, {1,2}; then 2 / 7.
    rows = question([np.log(1.0)], [np.log(4.0)], [np.log(3.0)])
    assert likelihood(tie(rows, [(0, 1)]), [1.0]) == pytest.approx(4 / 19 * 2 / 7)


def test_a_skip_is_a_quarter_of_a_tie() -> None:
    skipped, tied = seen(ChoiceKind.SKIPPED, dilemma="d"), seen(ChoiceKind.TIED, dilemma="d")
    assert SKIP_WEIGHT == 0.25
    assert likelihood(skipped, [1.0, 0.0]) == pytest.approx(likelihood(tied, [1.0, 0.0]) ** 0.25)


def test_liking_and_disliking_a_reply_are_opposites() -> None:
    liked = seen(ChoiceKind.LIKED, texts=("we leap",))
    disliked = seen(ChoiceKind.DISLIKED, texts=("we leap",))
    # Evidence 1 for Daring against the middle of "leap" and "guard", which is 0.
    assert likelihood(liked, [1.5, 9.0]) == pytest.approx(1 / (1 + np.exp(-1.5)), abs=1e-5)
    assert likelihood(liked, [1.5, 9.0]) + likelihood(disliked, [1.5, 9.0]) == pytest.approx(1)


def test_liking_one_option_compares_it_with_the_others_shown() -> None:
    liked = seen(ChoiceKind.LIKED, dilemma="d", groups=((0,),))
    # leap has 2 more than guard, 2 more than guard fast: 2 - mean(2, 0, 0) = 4/3.
    assert likelihood(liked, [1.0, 0.0]) == pytest.approx(1 / (1 + np.exp(-4 / 3)), abs=1e-6)


def test_an_edit_prefers_the_reply_after() -> None:
    edited = seen(ChoiceKind.EDITED, texts=("we leap", "we guard"))
    assert likelihood(edited, [1.0, 0.0]) == pytest.approx(1 / (1 + np.exp(2.0)), abs=1e-5)


def test_saying_so_counts_as_four_choices_and_can_be_outweighed() -> None:
    said = seen(ChoiceKind.SAID, pole="Careful", strength=3.0)
    assert likelihood(said, [-1.0, 5.0]) == pytest.approx((1 / (1 + np.exp(-3.0))) ** SAID_COUNT)
    once = posterior(said, Belief.flat(2))
    assert once.positive[0] < 0.05
    acts = seen(ChoiceKind.CHOSE, dilemma="d", groups=((0,),))
    assert posterior(said + acts * 10, Belief.flat(2)).positive[0] > 0.5


def test_taking_back_says_nothing_itself() -> None:
    assert seen(ChoiceKind.RETRACTED, target="x") == []


def test_the_events_own_scene_comes_before_the_dilemmas() -> None:
    (observation,) = seen(ChoiceKind.CHOSE, dilemma="d", groups=((0,),), scene="work")
    assert observation.question.scene == "work"
