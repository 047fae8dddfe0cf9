"""Parts that share no scenario."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import RISK, TIME, data_set, two_options

from counterpoint.data import check_no_leak, load, split
from counterpoint.data.split import scenario_key
from counterpoint.errors import BadInputError
from counterpoint.types import DataSet

TEN = data_set(*(two_options(f"d{i}", scenario=f"scenario {i // 2}") for i in range(20)))
"""Twenty dilemmas, two to a scenario."""

some_data = st.lists(
    st.tuples(st.sampled_from([RISK, TIME]), st.integers(0, 12)), min_size=1, max_size=40, unique=True
).map(lambda found: data_set(*(two_options(f"{pair} {i}", pair, f"scenario {i}") for pair, i in found)))


def names(part: DataSet) -> list[str]:
    return [dilemma.id for dilemma in part.dilemmas]


def test_thirty_dilemmas_of_a_pair_fall_into_24_3_and_3() -> None:
    parts = split(load("crossroads"))
    for part, size in zip(parts, (24, 3, 3), strict=True):
        assert set(Counter(dilemma.value_pair for dilemma in part.dilemmas).values()) == {size}
        assert len(part) == 6 * size


def test_dilemmas_of_one_scenario_stay_together() -> None:
    parts = split(TEN, (0.6, 0.2, 0.2))
    assert [len(part) for part in parts] == [12, 4, 4]
    for part in parts:
        assert set(Counter(dilemma.scenario for dilemma in part.dilemmas).values()) == {2}


@given(some_data, st.integers(0, 3))
def test_parts_hold_everything_once_and_share_no_scenario(found: DataSet, seed: int) -> None:
    train, validation, test = split(found, (0.5, 0.25, 0.25), seed)
    assert sorted(names(train) + names(validation) + names(test)) == sorted(names(found))
    check_no_leak(train.dilemmas, test.dilemmas)
    check_no_leak(train.dilemmas, validation.dilemmas)
    check_no_leak(validation.dilemmas, test.dilemmas)


@given(some_data, st.randoms(use_true_random=False))
def test_the_order_in_the_file_changes_nothing(found: DataSet, random: object) -> None:
    shuffled = list(found.dilemmas)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    parts, again = split(found), split(data_set(*shuffled))
    assert [names(part) for part in parts] == [names(part) for part in again]


def test_another_seed_divides_otherwise_and_the_same_seed_alike() -> None:
    found = load("crossroads")
    assert [names(part) for part in split(found, seed=1)] == [names(part) for part in split(found, seed=1)]
    assert set(names(split(found, seed=1).test)) != set(names(split(found, seed=2).test))


def test_all_of_it_may_go_into_one_part() -> None:
    assert [len(part) for part in split(TEN, (1, 0, 0))] == [20, 0, 0]
    assert [len(part) for part in split(TEN, (0, 0, 1))] == [0, 0, 20]


@pytest.mark.parametrize("wrong", [(0.8, 0.2), (0.5, 0.5, 0.5), (1.5, -0.5, 0), (float("nan"), 0.5, 0.5), ()])
def test_fractions_that_are_none_are_refused(wrong: tuple[float, ...]) -> None:
    with pytest.raises(BadInputError, match="add up to 1"):
        split(TEN, wrong)


def test_scenarios_are_compared_by_their_words() -> None:
    one = two_options("a", scenario="You're in a CAFÉ.\n Tea?")
    two = two_options("b", scenario="you're in a cafe\u0301 \u2014 tea")
    other = two_options("c", scenario="You're in a café. Coffee?")
    assert scenario_key(one) == scenario_key(two) != scenario_key(other)
    assert scenario_key(two_options("d", scenario="?!")) != scenario_key(two_options("e", scenario="!?"))


def test_a_leak_is_refused_and_named() -> None:
    with pytest.raises(BadInputError, match=r"1 test dilemmas .* d1 = d0"):
        check_no_leak([TEN.dilemmas[1]], [TEN.dilemmas[0], TEN.dilemmas[5]])
    check_no_leak([TEN.dilemmas[1]], [TEN.dilemmas[5]])


def test_the_published_file_divides_by_pair(published_data: object) -> None:
    found = load(f"{published_data}/vcd/vcd_dev.json")
    whole = Counter(dilemma.value_pair for dilemma in found.dilemmas)
    for part, fraction in zip(split(found), (0.8, 0.1, 0.1), strict=True):
        for pair, count in Counter(dilemma.value_pair for dilemma in part.dilemmas).items():
            assert abs(count - fraction * whole[pair]) <= 1
