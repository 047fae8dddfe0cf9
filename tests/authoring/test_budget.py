"""The cap holds, whatever order calls come back in and whatever they cost within their worst case."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.authoring.budget import Budget
from counterpoint.authoring.calls import CapReachedError, RunStoppedError


async def spend(budget, worst, paid, delay=0.0):
    async with budget.reserve(worst) as reservation:
        await asyncio.sleep(delay)
        reservation.paid = paid


@settings(max_examples=40, deadline=None)
@given(
    cap=st.floats(0.1, 5),
    calls=st.lists(st.tuples(st.floats(0.01, 1), st.floats(0, 1), st.integers(0, 3)), min_size=1, max_size=30),
)
def test_what_is_spent_never_passes_the_cap_where_calls_keep_to_their_worst_case(cap, calls):
    async def main():
        budget = Budget(cap)
        tasks = [spend(budget, worst, worst * share, delay / 1000) for worst, share, delay in calls]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(result is None or isinstance(result, CapReachedError) for result in results)
        return budget

    budget = asyncio.run(main())
    assert budget.spent <= cap + 1e-9
    assert budget.reserved == pytest.approx(0)
    assert budget.in_flight == 0


def test_a_call_waits_for_money_that_others_may_leave():
    async def main():
        budget = Budget(1.0)
        await asyncio.gather(spend(budget, 0.9, 0.1, 0.01), spend(budget, 0.9, 0.9))
        return budget.spent

    assert asyncio.run(main()) == pytest.approx(1.0)


def test_when_nothing_in_flight_could_leave_more_the_cap_is_reached():
    async def main():
        budget = Budget(1.0)
        await spend(budget, 0.8, 0.8)
        with pytest.raises(CapReachedError, match=r"\$1 is reached: \$0.8000 spent, and the next call may cost \$0.3"):
            await spend(budget, 0.3, 0.1)

    asyncio.run(main())


def test_calls_dearer_than_they_should_be_raise_what_is_set_aside():
    async def main():
        budget = Budget(1.0)
        await spend(budget, 0.1, 0.3)  # three times its worst case
        await spend(budget, 0.2, 0.2)  # 0.6 is set aside: 0.3 + 0.6 fits
        with pytest.raises(CapReachedError):
            await spend(budget, 0.2, 0.2)  # 0.5 + 0.6 doesn't
        return budget.spent

    assert asyncio.run(main()) == pytest.approx(0.5)


def test_what_earlier_processes_spent_counts():
    async def main():
        with pytest.raises(CapReachedError):
            await spend(Budget(1.0, spent=0.95), 0.1, 0.1)

    asyncio.run(main())


def test_a_stopped_budget_lets_nothing_more_through_but_what_is_in_flight():
    async def main():
        budget = Budget()
        flying = asyncio.create_task(spend(budget, 0.1, 0.1, 0.01))
        await asyncio.sleep(0)
        budget.stop(RunStoppedError("interrupted"))
        with pytest.raises(RunStoppedError, match="interrupted"):
            await spend(budget, 0.1, 0.1)
        await flying
        return budget.spent

    assert asyncio.run(main()) == pytest.approx(0.1)
