"""Calls are spaced as the limits say; a pause holds everything."""

import asyncio

from counterpoint.authoring.limits import RateLimit


class Clock:
    """Time that passes only in sleep."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        self.now += seconds


def starts(limit, clock, *tokens):
    async def main():
        times = []
        for count in tokens:
            await limit.wait(count)
            times.append(clock() - 100.0)
        return times

    return asyncio.run(main())


def test_thirty_requests_a_minute_are_two_seconds_apart():
    clock = Clock()
    limit = RateLimit(30, clock=clock, sleep=clock.sleep)
    assert starts(limit, clock, 1, 1, 1) == [0.0, 2.0, 4.0]


def test_a_call_of_six_hundred_tokens_takes_half_a_minute_of_twelve_hundred():
    clock = Clock()
    limit = RateLimit(None, 1200, clock=clock, sleep=clock.sleep)
    assert starts(limit, clock, 600, 100, 100) == [0.0, 30.0, 35.0]


def test_the_stricter_limit_counts():
    clock = Clock()
    limit = RateLimit(60, 600, clock=clock, sleep=clock.sleep)
    assert starts(limit, clock, 5, 50, 5) == [0.0, 1.0, 6.0]


def test_time_that_was_not_used_is_not_saved_up():
    clock = Clock()
    limit = RateLimit(60, clock=clock, sleep=clock.sleep)
    starts(limit, clock, 1)
    clock.now += 60
    assert starts(limit, clock, 1, 1) == [60.0, 61.0]


def test_a_pause_holds_calls_and_the_longest_counts():
    clock = Clock()
    limit = RateLimit(clock=clock, sleep=clock.sleep)
    limit.pause(5)
    limit.pause(3)
    assert starts(limit, clock, 1, 1) == [5.0, 5.0]
