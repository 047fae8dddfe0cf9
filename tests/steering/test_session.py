"""Requests that join a running batch, leave it, or fail in it, and those beside them that notice nothing."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial
from queue import Empty, SimpleQueue

import pytest

from counterpoint.errors import BadInputError
from counterpoint.steering.asking import Request
from counterpoint.steering.engine import Engine, Limits
from counterpoint.steering.session import NotANumberError
from counterpoint.steering.steering import Steering, nothing
from small_language import language
from steering.small import GREEDY, PAIRS, TALK, engine, requests


def test_requests_that_join_one_by_one_are_answered_as_alone():
    made = engine()
    asked = requests(8)
    expected = made.answer(asked)
    session, done = made.session(), {}
    for i, request in enumerate(asked):  # one more every second step
        session.add(request, on_done=partial(done.__setitem__, i))
        session.step()
        session.step()
    while session.step():
        pass
    assert [done[i] for i in range(8)] == expected


def test_a_cancelled_request_hears_nothing_more():
    made, heard, done = engine(), {0: [], 1: [], 2: []}, {}
    session = made.session()
    numbers = [
        session.add(request, on_done=partial(done.__setitem__, i), on_text=heard[i].append)
        for i, request in enumerate(requests(3))
    ]
    session.step()
    session.cancel(numbers[1])
    assert session.active == 2
    before = list(heard[1])
    while session.step():
        pass
    assert heard[1] == before
    assert sorted(done) == [0, 2]


def test_a_request_cancelled_by_a_neighbour_in_the_middle_of_a_step_hears_nothing():
    made, heard = engine(), []
    session, (request,) = made.session(), requests(1)
    session.add(request, on_done=heard.append, on_text=lambda _: session.cancel(1))
    session.add(request, on_done=heard.append, on_text=heard.append)  # the same, so that both speak in the same step
    while session.step():
        pass
    assert [type(one).__name__ for one in heard] == ["Reply"]


def test_a_listener_that_fails_ends_its_own_request_only():
    made, done = engine(), {}
    asked = requests(3)
    expected = made.answer(asked)

    def hang_up(_):
        raise ConnectionError("gone")

    session = made.session()
    for i, request in enumerate(asked):
        session.add(
            request,
            on_done=partial(done.__setitem__, i),
            on_text=hang_up if i == 1 else None,
        )
    while session.step():
        pass
    assert isinstance(done[1], ConnectionError)
    assert [done[0], done[2]] == [expected[0], expected[2]]


def test_a_request_that_cannot_be_answered_does_not_join():
    session = engine().session()
    with pytest.raises(BadInputError):
        session.add(Request(TALK, Steering((1.0,)), "mixture"), on_done=print)
    assert session.active == 0
    assert session.step() == 0


def test_logits_that_are_no_numbers_end_the_request():
    made = Engine(language(), PAIRS)
    made.language.model.lm_head.weight.data[0, 0] = float("nan")
    with pytest.raises(NotANumberError, match="not numbers"):
        made.answer([Request(TALK, nothing(PAIRS), "base", GREEDY)])


def test_those_who_find_no_room_wait_their_turn():
    made = engine(limits=Limits(rows=6))
    session, done = made.session(), {}
    asked = [replace(request, method="mixture") for request in requests(6)]  # five rows each
    for i, request in enumerate(asked):
        session.add(request, on_done=partial(done.__setitem__, i))
    session.step()
    assert session.active == 6
    while session.step():
        pass
    assert list(done) == [0, 1, 2, 3, 4, 5]


def test_candidates_are_one_request():
    made, heard, done = engine(), [], []
    session = made.session()
    request = Request(TALK, Steering((2.0, 0.0)), "rerank", GREEDY)
    session.add(request, on_done=done.append, on_text=heard.append)
    while session.step():
        pass
    (reply,) = done
    assert heard == [reply.text]
    assert (reply.method, reply.steering, len(reply.others)) == ("rerank", request.steering, 7)
    number = session.add(request, on_done=done.append)
    session.step()
    session.cancel(number)
    assert (session.active, len(done)) == (0, 1)


def test_a_serving_thread_answers_what_arrives_meanwhile():
    made, arrived, answers = engine(), SimpleQueue(), SimpleQueue()
    asked = requests(12)
    expected = made.answer(asked)

    def serve():
        session, left = made.session(), len(asked)
        while left:
            try:
                while True:
                    i, request = arrived.get(block=not session.active)
                    session.add(request, on_done=lambda reply, i=i: answers.put((i, reply)))
                    left -= 1
            except Empty:
                pass
            session.step()
        while session.step():
            pass

    thread = threading.Thread(target=serve)
    thread.start()
    for pair in enumerate(asked):
        arrived.put(pair)
    beside = made.answer(asked[:3])  # from another thread: sessions take turns
    thread.join(60)
    assert beside == expected[:3]
    assert dict(answers.get(timeout=1) for _ in asked) == dict(enumerate(expected))
