"""Acc_one of rules that read nothing or only words, against numbers worked by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from made_up import AVERSE, RISK, TAKING, TIME, data_set, dilemma, two_options

from counterpoint.data import load
from counterpoint.data.rules_of_thumb import OVERALL, RuleScore, bag_of_words, reading_nothing
from counterpoint.types import DataSet

FOUR = data_set(
    dilemma("1", ("aaaa", TAKING), ("bb", AVERSE)),
    dilemma("2", ("a", TAKING), ("bb", AVERSE), ("cc", AVERSE)),
    dilemma("3", ("aaa", AVERSE), ("b", TAKING), ("cc", TAKING)),
    dilemma("4", ("aa", TAKING), ("bb", AVERSE), ("c", TAKING), ("ddd", TAKING)),
)


def score(found: list[RuleScore], rule: str, pair: str = RISK, pole: str = TAKING) -> RuleScore:
    (one,) = (s for s in found if (s.rule, s.value_pair, s.pole) == (rule, pair, pole))
    return one


@pytest.mark.parametrize(
    ("rule", "acc_one", "chance", "n"),
    [
        # shares of Risk-taking options: 1/2, 1/3, 2/3, 3/4; their mean over the four is 2.25 / 4
        ("first", 3 / 4, 2.25 / 4, 4),
        ("last", 2 / 4, 2.25 / 4, 4),
        ("position 2", 1 / 4, 2.25 / 4, 4),
        ("position 3", 2 / 3, 1.75 / 3, 3),
        ("position 4", 1.0, 0.75, 1),
        ("longest", 2 / 4, 2.25 / 4, 4),  # 1: a; 2: b or c, both averse; 3: a; 4: d
        ("shortest", 3 / 4, 2.25 / 4, 4),  # 1: b; 2: a; 3: b; 4: c
    ],
)
def test_the_rules_have_the_scores_worked_by_hand(rule: str, acc_one: float, chance: float, n: int) -> None:
    found = score(reading_nothing(FOUR), rule)
    assert (found.acc_one, found.chance, found.n) == pytest.approx((acc_one, chance, n))


def test_the_other_pole_is_the_complement() -> None:
    for found in reading_nothing(FOUR):
        if (found.value_pair, found.pole) == (RISK, TAKING):
            other = score(reading_nothing(FOUR), found.rule, RISK, AVERSE)
            assert (other.acc_one, other.chance) == pytest.approx((1 - found.acc_one, 1 - found.chance))


def test_a_tie_in_length_counts_in_parts() -> None:
    tied = data_set(dilemma("1", ("aa", TAKING), ("bb", AVERSE), ("cc", AVERSE), ("d", AVERSE)))
    assert score(reading_nothing(tied), "longest").acc_one == pytest.approx(1 / 3)


def test_the_whole_is_the_mean_over_dilemmas_not_over_pairs() -> None:
    found = data_set(*FOUR.dilemmas, two_options("5", TIME))
    # first: 3 of 4 on the one pair and 1 of 1 on the other
    whole = score(reading_nothing(found), "first", OVERALL, "positive")
    assert (whole.acc_one, whole.n) == (pytest.approx(4 / 5), 5)


def test_nothing_is_scored_on_nothing() -> None:
    assert reading_nothing(data_set()) == []
    assert bag_of_words(data_set()) == []


def worded(positive: str, negative: str) -> DataSet:
    made = (dilemma(str(i), (f"{positive} {i}", TAKING), (f"{negative} {i}", AVERSE)) for i in range(20))
    return data_set(*made)


def test_a_word_that_marks_a_pole_gives_the_bag_of_words_everything() -> None:
    for pole in (TAKING, AVERSE):
        assert score(bag_of_words(worded("leap", "wait")), "bag of words", pole=pole).acc_one == 1


def test_words_that_mark_nothing_give_it_chance() -> None:
    assert score(bag_of_words(worded("same", "same")), "bag of words").acc_one == pytest.approx(0.5)


def test_a_dilemma_is_never_trained_on_its_own_scenario() -> None:
    # every dilemma has words of its own, so only looking at the test fold could tell the poles apart
    own = data_set(*(dilemma(str(i), (f"yes{i} " * 3, TAKING), (f"no{i} " * 3, AVERSE)) for i in range(20)))
    assert score(bag_of_words(own), "bag of words").acc_one == pytest.approx(0.5)


def test_naive_bayes_agrees_with_a_library(published_data: Path) -> None:
    text = pytest.importorskip("sklearn.feature_extraction.text")
    bayes = pytest.importorskip("sklearn.naive_bayes")
    from counterpoint.data.rules_of_thumb import _word_odds

    dilemmas = [d for d in load(published_data / "vcd" / "vcd_dev.json").dilemmas if d.value_pair == RISK]
    counter = text.CountVectorizer(token_pattern=r"[^\W_]+(?:'[^\W_]+)?")
    counts = counter.fit_transform([o.text for d in dilemmas for o in d.options])
    model = bayes.MultinomialNB(alpha=1.0).fit(counts, [o.pole == TAKING for d in dilemmas for o in d.options])
    expected = model.feature_log_prob_[1] - model.feature_log_prob_[0]
    odds = _word_odds(dilemmas, TAKING)
    for word, column in counter.vocabulary_.items():
        assert math.isclose(odds[word], expected[column], abs_tol=1e-9)


def test_the_leak_of_position_in_the_published_file_is_measured(published_data: Path) -> None:
    found = reading_nothing(load(published_data / "vcd" / "vcd_dev.json"))
    assert round(score(found, "first", OVERALL, "positive").acc_one, 2) == 0.86
    assert round(score(found, "position 2", OVERALL, "negative").acc_one, 2) == 0.84
    assert round(score(found, "first", OVERALL, "positive").chance, 2) == 0.49
