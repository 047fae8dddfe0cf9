"""Rules that read nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterpoint.data import load, shuffle_options
from counterpoint.evaluation.answers import ask_rule
from counterpoint.evaluation.metrics import acc_one
from counterpoint.evaluation.rules import RULES, best_rules, chance
from counterpoint.types import Dilemma, Option
from small_encoder import RISK, TWO_PAIRS, made_up_dilemmas

TAKING, AVERSE = "Risk-taking", "Risk-averse"


def dilemma(*poles: str) -> Dilemma:
    """Options of lengths 1, 2, 1, 2 ..."""
    options = tuple(Option("ab"[: 1 + i % 2], pole) for i, pole in enumerate(poles))
    return Dilemma("-".join(poles), RISK, "s", options)


def test_each_rule_picks_by_place_or_length_the_first_of_equals() -> None:
    picks = {name: (rule(dilemma(TAKING, AVERSE)), rule(dilemma(*[TAKING] * 5))) for name, rule in RULES.items()}
    assert picks == {
        "first": (0, 0),
        "second": (1, 1),
        "third": (1, 2),
        "last": (1, 4),
        "longest": (1, 1),
        "shortest": (0, 0),
    }


def test_the_best_rule_of_each_pole_is_chosen_on_training_dilemmas() -> None:
    train = [dilemma(AVERSE, AVERSE, TAKING, AVERSE)] * 3 + [dilemma(TAKING, AVERSE)]
    assert best_rules(train, TWO_PAIRS) == {TAKING: "third", AVERSE: "second"}


def test_chance_is_the_mean_share_of_a_pole_s_options() -> None:
    found = [dilemma(TAKING, AVERSE), dilemma(TAKING, AVERSE, AVERSE, AVERSE)]
    assert chance(found, TAKING) == (1 / 2 + 1 / 4) / 2
    assert chance(found, AVERSE) == (1 / 2 + 3 / 4) / 2
    assert chance(found, "Assertive") is None


def test_a_rule_s_answers_are_told_in_the_file_s_order() -> None:
    found = made_up_dilemmas(40)
    rules = dict.fromkeys([pole.name for pole in TWO_PAIRS.poles], "first")
    for answer in ask_rule(rules, found, TWO_PAIRS, order_seed=3):
        [asked] = [d for d in found if d.id == answer.dilemma]
        assert asked.options[answer.chosen] == shuffle_options(asked, 3).options[0]
        assert answer.gold == asked.gold(answer.pole)
        assert answer.selected == (answer.chosen,)
        assert answer.confidence is None
    assert {a.chosen for a in ask_rule(rules, found, TWO_PAIRS, order_seed=None)} == {0}


def test_position_alone_scores_085_on_the_published_order_and_next_to_chance_when_shuffled(
    published_data: Path,
) -> None:
    found = load(published_data / "vcd" / "vcd_dev.json")
    rules = best_rules(found.dilemmas, found.taxonomy)
    assert set(rules.values()) == {"first", "second"}

    def mean_acc_one(order_seed: int | None) -> float:
        answers = ask_rule(rules, found.dilemmas, found.taxonomy, order_seed=order_seed)
        by_pole = [[acc_one(a) for a in answers if a.pole == pole.name] for pole in found.taxonomy.poles]
        return sum(sum(values) / len(values) for values in by_pole) / len(by_pole)

    assert mean_acc_one(None) == pytest.approx(0.85, abs=0.015)
    chances = [chance(found.dilemmas, pole.name) or 0.0 for pole in found.taxonomy.poles]
    assert mean_acc_one(0) == pytest.approx(sum(chances) / len(chances), abs=0.04)
