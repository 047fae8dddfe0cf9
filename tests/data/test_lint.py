"""What lint finds, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from made_up import AVERSE, RISK, TAKING, VCD, data_set, dilemma, two_options
from numpy.typing import NDArray

from counterpoint.data.lint import Finding, lint, near_duplicates
from counterpoint.types import DataSet, Option


def fair(n: int = 40) -> DataSet:
    """Poles take turns in place and length."""
    made = []
    for i in range(n):
        first, second = (TAKING, AVERSE) if i % 2 else (AVERSE, TAKING)
        texts = ("long text", "short") if i // 2 % 2 else ("short", "long text")
        made.append(dilemma(f"d{i}", (f"{texts[0]} {i}", first), (f"{texts[1]} {i}", second)))
    return data_set(*made)


def found(data: DataSet, check: str) -> list[Finding]:
    return [finding for finding in lint(data).findings if finding.check == check]


def test_a_fair_data_set_is_clean() -> None:
    assert lint(fair()).clean


def test_a_first_option_always_of_one_pole_is_an_error_for_the_pair_and_the_whole() -> None:
    leaky = data_set(*(two_options(f"d{i}") for i in range(40)))
    where = {
        (finding.severity, finding.where) for finding in found(leaky, "position balance") if "first" in finding.message
    }
    assert where == {
        ("error", f"{RISK}, {TAKING}"),
        ("error", f"{RISK}, {AVERSE}"),
        ("error", "all, positive"),
        ("error", "all, negative"),
    }


def test_a_longer_pole_is_an_error() -> None:
    swapped = (dilemma(f"d{i}", ("wait a while", AVERSE), ("go", TAKING)) for i in range(40))
    assert {finding.where for finding in found(data_set(*swapped), "length balance")} >= {f"{RISK}, {TAKING}"}


@pytest.mark.parametrize(("flipped", "clean"), [(0, True), (2, True), (3, False)])
def test_five_points_from_chance_are_allowed_and_more_are_not(flipped: int, clean: bool) -> None:
    # of 40 dilemmas 20 begin with either pole; 22 of 40 are 55%, exactly five points over chance, 23 are more
    rows = [d.reordered((1, 0)) if i < 2 * flipped and not i % 2 else d for i, d in enumerate(fair().dilemmas)]
    assert (found(data_set(*rows), "position balance") == []) is clean


def test_a_single_dilemma_out_of_balance_is_allowed_in_a_small_set() -> None:
    rows = [dilemma("1", ("aa", TAKING), ("bb", AVERSE)), dilemma("2", ("aa", AVERSE), ("bb", TAKING))]
    assert found(data_set(*rows, dilemma("3", ("aa", TAKING), ("bb", AVERSE))), "position balance") == []


def test_options_mostly_of_one_pole_are_a_warning() -> None:
    rows = [dilemma(f"d{i}", ("aa", TAKING), ("bb", AVERSE), ("cc", AVERSE)) for i in range(20)]
    (finding,) = found(data_set(*rows), "pole balance")
    assert (finding.severity, finding.where) == ("warning", RISK)
    assert "33.3% of 60 options are of pole 'Risk-taking'" in finding.message


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("Take a risk now", "risk"),
        ("Take it, RISKILY", "riskily"),
        ("Be risk-averse", "averse, risk, risk averse"),
        ("Walk briskly to the asterisk", ""),
        ("Collaborate", ""),
    ],
)
def test_words_of_a_pole_are_found_by_stem_within_the_pair_only(text: str, given: str) -> None:
    rows = data_set(*fair().dilemmas, dilemma("bad", (text, TAKING), ("wait", AVERSE)))
    messages = [finding.message for finding in found(rows, "pole words")]
    assert messages == ([f"the text of option 1 has a pole's word: {given}"] if given else [])


def test_a_poles_word_in_an_explanation_is_a_warning() -> None:
    one = two_options("bad")
    told = Option("other text", TAKING, "You like risk.")
    rows = data_set(type(one)("bad", RISK, "scenario", (told, one.options[1])))
    (finding,) = found(rows, "pole words")
    assert (finding.severity, finding.where) == ("warning", "bad")


def test_the_same_dilemma_twice_is_an_error_in_whatever_order() -> None:
    one = two_options("a", scenario="same")
    again = type(one)("b", RISK, "same", one.options[::-1])
    (finding,) = found(data_set(one, again), "repeats")
    assert (finding.severity, finding.where) == ("error", "a, b")


def letters(texts: Sequence[str]) -> NDArray[np.float32]:
    """A toy embedding: which letters a text has."""
    rows = np.array([[float(chr(97 + i) in text) for i in range(26)] for text in texts], dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_near_duplicates_are_told_with_their_cosine() -> None:
    rows = data_set(
        dilemma("1", ("abc", TAKING), ("xyz", AVERSE), scenario="stone"),
        dilemma("2", ("abc", TAKING), ("cba", AVERSE), scenario="notes"),
        dilemma("3", ("abc", TAKING), ("xyz", AVERSE), scenario="ship"),
    )
    assert [(finding.where, finding.message) for finding in near_duplicates(rows, letters)] == [
        ("1, 2", "scenarios have cosine 1.00"),
        ("2", "options 1 and 2 have cosine 1.00"),
    ]


def test_without_an_embedding_near_duplicates_are_not_looked_for() -> None:
    rows = data_set(dilemma("1", ("abc", TAKING), ("cba", AVERSE)))
    assert found(rows, "near duplicates") == []


def test_errors_come_before_warnings() -> None:
    rows = [dilemma(f"d{i}", ("aa", TAKING), ("risk", AVERSE), ("cc", AVERSE)) for i in range(20)]
    severities = [finding.severity for finding in lint(DataSet("x", VCD, tuple(rows))).findings]
    assert severities == sorted(severities)
    assert {"error", "warning"} == set(severities)
