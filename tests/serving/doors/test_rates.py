"""Token buckets by hand, and by their law."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from counterpoint.serving.doors.rates import MOST_BUCKETS, Rates


def test_a_burst_passes_and_then_one_request_for_each_token_gained() -> None:
    rates = Rates(2.0, 3)  # 2 tokens a second, 3 at most
    assert [rates.take("k", 0.0).wait for _ in range(3)] == [0, 0, 0]
    assert rates.take("k", 0.0).wait == 0.5  # one token takes half a second
    assert rates.take("k", 0.25).wait == 0.25  # half a token is there
    verdict = rates.take("k", 0.5)
    assert (verdict.wait, verdict.remaining, verdict.reset) == (0, 0, 1.5)


def test_keys_do_not_share() -> None:
    rates = Rates(1.0, 1)
    assert rates.take("a", 0.0).wait == 0
    assert rates.take("b", 0.0).wait == 0
    assert rates.take("a", 0.0).wait == 1


def test_a_rate_of_0_lets_everything_pass() -> None:
    rates = Rates(0.0, 1)
    assert all(rates.take("k", 0.0).wait == 0 for _ in range(100))


def test_of_many_keys_the_one_unseen_for_longest_is_forgotten() -> None:
    rates = Rates(0.001, 1)
    for number in range(MOST_BUCKETS + 1):
        rates.take(f"k{number}", 0.0)
    assert rates.take(f"k{MOST_BUCKETS}", 0.0).wait > 0
    assert rates.take("k0", 0.0).wait == 0


@given(st.lists(st.floats(0, 2), max_size=60), st.floats(0.1, 10), st.integers(1, 9))
def test_no_more_pass_than_the_burst_and_what_was_gained(gaps: list[float], rate: float, burst: int) -> None:
    rates, now, passed = Rates(rate, burst), 0.0, 0
    for gap in gaps:
        now += gap
        passed += rates.take("k", now).wait == 0
    assert passed <= burst + rate * now + 1e-6
