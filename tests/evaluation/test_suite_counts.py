"""Tables over scores, worked by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.evaluation.suite_counts import Counts, Score

# group g has three units scored 1, 1, 0 and group h one scored 0; groups have equal say
SCORES = [
    *(Score("m", 0, "g", f"u{i}", "g", "hit", value) for i, value in enumerate((1.0, 1.0, 0.0))),
    Score("m", 0, "h", "u3", "h", "hit", 0.0),
]


def test_a_mean_gives_every_group_equal_say() -> None:
    (row,) = Counts(SCORES, ["m"], [0]).summary()
    assert row["mean"] == pytest.approx((2 / 3 + 0) / 2, abs=1e-6)
    assert (row["n"], row["undefined"], row["seeds"]) == (4, 0, 1)
    assert row["ci_low"] <= row["mean"] <= row["ci_high"]


def test_rows_say_how_many_scores_a_value_rests_on() -> None:
    rows = Counts(SCORES, ["m"], [0]).rows()
    assert [(row["group"], row["value"], row["n"]) for row in rows] == [("g", 0.666667, 3), ("h", 0.0, 1)]


def test_what_was_never_scored_is_null_and_not_zero() -> None:
    counts = Counts(SCORES, ["m", "lost"], [0])
    lost = counts.estimate("lost", "hit")
    assert (lost["mean"], lost["ci_low"], lost["n"], lost["undefined"]) == (None, None, 0, 2)
    (pair,) = counts.paired(["hit"], {})
    assert (pair["difference"], pair["p_value"]) == (None, None)
    assert "no answers in common" in pair["verdict"]


def test_no_scores_at_all_are_null_too() -> None:
    assert Counts([], ["m"], [0]).estimate("m", "hit")["mean"] is None


def test_a_pair_is_compared_on_what_both_were_scored_on() -> None:
    # b was scored on u0 and u1 alone, where it is wrong and a is right
    other = [Score("b", 0, "g", f"u{i}", "g", "hit", 0.0) for i in range(2)]
    (pair,) = Counts([*SCORES, *other], ["m", "b"], [0]).paired(["hit"], {})
    assert pair["difference"] == 1.0
    assert pair["p_value"] == 0.5  # of the four flips of two units, two are as far from 0


def test_the_lower_is_ahead_where_lower_is_better() -> None:
    scores = [Score(m, 0, "g", f"u{i}", "g", "wrong", v) for m, v in (("a", 0.0), ("b", 1.0)) for i in range(12)]
    counts = Counts(scores, ["a", "b"], [0])
    (higher,), (lower,) = (counts.paired(["wrong"], {}, lower_is_better=low) for low in ((), ("wrong",)))
    assert (higher["verdict"], lower["verdict"]) == ("b is ahead of a", "a is ahead of b")
    assert higher["difference"] == lower["difference"] == -1.0


def test_the_spread_over_seeds_is_their_standard_deviation() -> None:
    more = [Score("m", 1, s.group, s.unit, s.stratum, s.metric, 1.0) for s in SCORES]
    (row,) = Counts([*SCORES, *more], ["m"], [0, 1]).summary()
    assert row["sd_seeds"] == pytest.approx((1 - 1 / 3) / 2**0.5, abs=1e-6)  # of 1/3 and 1


@given(st.lists(st.tuples(st.sampled_from("gh"), st.integers(0, 3), st.booleans()), min_size=1, max_size=20))
def test_a_mean_equals_its_slow_definition(told: list[tuple[str, int, bool]]) -> None:
    scores = [Score("m", 0, group, f"{group}{unit}", group, "hit", float(hit)) for group, unit, hit in told]
    groups = {group: [float(hit) for g, _, hit in told if g == group] for group, _, _ in told}
    expected = sum(sum(hits) / len(hits) for hits in groups.values()) / len(groups)
    assert Counts(scores, ["m"], [0]).estimate("m", "hit")["mean"] == pytest.approx(expected, abs=1e-6)
