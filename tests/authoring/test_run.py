"""Equal answers give equal rows, in whatever order they come and however often the run was stopped."""

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.authoring.calls import CallFailedError, RunStoppedError
from counterpoint.authoring.run import Draft, Journal, RejectedError, in_order, run


def numbers(tmp, slots, *, seed=0, stop_after=None, written=None, **how):
    """A run whose attempts are numbers made from slot and attempt; a number may stand in the rows once."""
    delays = random.Random(seed)
    count = 0

    async def write(slot, attempt):
        nonlocal count
        await asyncio.sleep(delays.random() / 500)
        if stop_after is not None and count >= stop_after:
            raise RunStoppedError("enough")
        count += 1
        if written is not None:
            written.append((slot, attempt))
        value = random.Random(f"{slot} {attempt}").randrange(2 * slots)
        if value % 5 == 0:
            raise RejectedError("multiple of five", str(value))
        if value % 7 == 0:
            raise CallFailedError("malformed", str(value))
        return Draft({"value": value})

    kept = set()

    def settle(draft):
        if draft.row["value"] in kept:
            raise RejectedError("twice")
        kept.add(draft.row["value"])
        return draft

    async def main():
        with Journal(tmp, identity="numbers") as journal:
            return await run(slots, write, settle, journal=journal, **how)

    return asyncio.run(main())


def said(outcome):
    rows = [(slot, attempt, draft.row["value"]) for slot, attempt, draft in outcome.rows]
    return rows, [(r.slot, r.attempt, r.reason) for r in outcome.rejections], outcome.unfilled


@settings(max_examples=15)
@given(st.integers(0, 1000), st.integers(1, 20))
def test_the_order_of_answers_decides_nothing(tmp_path_factory, seed, parallel):
    plain = said(numbers(tmp_path_factory.mktemp("run"), 12, parallel=1))
    assert said(numbers(tmp_path_factory.mktemp("run"), 12, seed=seed, parallel=parallel)) == plain


def test_what_is_tried_again_goes_before_what_was_never_tried(tmp_path):
    written = []
    outcome = numbers(tmp_path, 40, parallel=1, written=written)
    again = {(r.slot, r.attempt) for r in outcome.rejections if r.reason != "twice" and r.attempt < 2}
    assert again
    waited = [written.index((slot, attempt + 1)) - written.index((slot, attempt)) for slot, attempt in again]
    assert max(waited) < 10  # a few go while a rejection is written down; put at the end, the first would wait for 35


def test_rows_and_rejections_are_as_worked_by_a_plain_loop(tmp_path):
    outcome = numbers(tmp_path, 30, attempts=3)
    kept, rows, places = set(), {}, list(range(30))
    for attempt in range(3):
        again = []
        for slot in places:
            value = random.Random(f"{slot} {attempt}").randrange(60)
            if value % 5 and value % 7 and value not in kept:
                kept.add(value)
                rows[slot] = value
            else:
                again.append(slot)
        places = again
    assert {slot: draft.row["value"] for slot, _, draft in outcome.rows} == rows
    assert list(outcome.unfilled) == sorted(places)
    assert outcome.complete is (not places)


def test_a_run_stopped_again_and_again_ends_as_one_that_was_not_and_writes_nothing_twice(tmp_path):
    plain = said(numbers(tmp_path / "plain", 25))
    written = []
    for seed in range(40):
        outcome = numbers(tmp_path / "broken", 25, seed=seed, stop_after=3, written=written)
        if not outcome.stopped:
            break
        assert outcome.stopped == "enough"
    assert said(outcome) == plain
    assert len(written) == len(set(written))


def test_a_stopped_run_gives_the_rows_it_has(tmp_path):
    outcome = numbers(tmp_path, 20, stop_after=8, parallel=4)
    assert outcome.stopped == "enough"
    assert 0 < len(outcome.rows) <= 8
    assert len(outcome.rows) + len(outcome.unfilled) == 20


def test_an_attempt_without_an_answer_is_asked_for_again_by_a_resumed_run(tmp_path):
    async def main(answers):
        async def write(slot, attempt):  # noqa: ARG001
            if not answers:
                raise CallFailedError("unavailable", "no reply")
            return Draft({"value": slot})

        with Journal(tmp_path, identity="x") as journal:
            return await run(2, write, lambda draft: draft, journal=journal, attempts=2)

    assert asyncio.run(main(False)).unfilled == (0, 1)
    assert asyncio.run(main(True)).complete


def test_a_longer_run_goes_on_from_a_shorter_one(tmp_path):
    numbers(tmp_path, 10)
    written = []
    numbers(tmp_path, 10, written=written)
    assert written == []


def test_an_error_of_the_writer_is_raised_and_leaves_no_task_behind(tmp_path):
    async def write(slot, attempt):  # noqa: ARG001
        if slot == 3:
            raise ZeroDivisionError
        await asyncio.sleep(10)

    async def main():
        with Journal(tmp_path, identity="x") as journal:
            with pytest.raises(ZeroDivisionError):
                await asyncio.wait_for(one_bad(journal), 5)
            return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    async def one_bad(journal):
        async def quick(slot, attempt):
            return await write(slot, attempt) if slot == 3 else Draft({})

        return await run(5, quick, lambda draft: draft, journal=journal)

    assert asyncio.run(main()) == []


def test_what_is_told_adds_up(tmp_path):
    told = []
    outcome = numbers(tmp_path, 15, report=told.append)
    assert [tally.kept for tally in told] == sorted(tally.kept for tally in told)
    assert told[-1].kept == len(outcome.rows)
    assert sum(told[-1].rejected.values()) == len(outcome.rejections)


def test_results_come_in_the_order_of_their_items():
    async def work(i):
        await asyncio.sleep((7 * i % 5) / 1000)
        return i * i

    assert asyncio.run(in_order(range(20), work, parallel=6)) == [i * i for i in range(20)]
