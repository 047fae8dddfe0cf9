"""A model in process: replies join and leave its batch, a client that goes takes its reply along, faults stay alone."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import aclosing, suppress
from pathlib import Path

import httpx
import pytest

from counterpoint.models.decoding import Decoding
from counterpoint.serving.chat.backend import Order
from counterpoint.serving.chat.local import Local
from counterpoint.serving.doors.errors import ApiError
from counterpoint.serving.metrics import Metrics
from counterpoint.steering.asking import Message
from counterpoint.steering.steering import from_leans, nothing
from serving.served import MODEL, local, running, settings_for, small_service
from users.small import TAXONOMY

NOTHING = nothing(TAXONOMY)


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Local]:
    """A small model that writes four replies together."""
    made = local(settings_for(tmp_path, max_rows=4, max_waiting=8), Metrics())
    yield made
    asyncio.run(made.close())


def order(text: str = "Hello", *, tokens: int = 8, **more: object) -> Order:
    """One reply, the likeliest tokens."""
    decoding = Decoding(temperature=0, max_new_tokens=tokens)
    return Order(MODEL, (Message("user", text),), NOTHING, "base", decoding, **{"seed": 0, **more})  # type: ignore[arg-type]


def endless(backend: Local) -> None:
    """No token ends a reply any more."""
    backend.engine.generator.stop_tokens = frozenset()


async def text_of(backend: Local, wanted: Order) -> str:
    """All pieces of the first reply."""
    async with aclosing(backend.write(wanted)) as pieces:
        return "".join([piece.text async for piece in pieces if piece.index == 0])


def test_many_at_once_get_what_each_gets_alone(backend: Local) -> None:
    texts = [f"Hello {'very ' * n}much" for n in range(7)]
    alone = [asyncio.run(text_of(backend, order(text))) for text in texts]

    async def together() -> list[str]:
        return await asyncio.gather(*(text_of(backend, order(text)) for text in texts))

    assert asyncio.run(together()) == alone


def test_more_than_may_wait_are_refused(backend: Local) -> None:
    async def flood() -> list[object]:
        wanted = (text_of(backend, order(tokens=60)) for _ in range(60))
        return await asyncio.gather(*wanted, return_exceptions=True)

    found = asyncio.run(flood())
    refused = [one for one in found if isinstance(one, ApiError)]
    assert {(one.status, one.code) for one in refused} == {(503, "overloaded")}
    assert len([one for one in found if isinstance(one, str)]) >= 8


def test_a_stream_that_is_closed_takes_its_reply_out_of_the_batch(backend: Local) -> None:
    endless(backend)

    async def leave() -> None:
        async with aclosing(backend.write(order(tokens=1500, choices=4))) as pieces:
            await anext(pieces)

    asyncio.run(leave())
    _settled(backend)
    assert 0 < backend.engine.counts.tokens < 4 * 1500 / 2
    assert asyncio.run(text_of(backend, order())) != ""


def test_a_prompt_too_long_is_the_askers_mistake_and_nobody_elses(backend: Local) -> None:
    async def both() -> list[object]:
        wanted = (text_of(backend, order(text)) for text in ("word " * 3000, "Hello"))
        return await asyncio.gather(*wanted, return_exceptions=True)

    wrong, right = asyncio.run(both())
    assert isinstance(wrong, ApiError)
    assert wrong.status == 400
    assert right == asyncio.run(text_of(backend, order("Hello")))


def test_steering_changes_the_reply_and_leaves_the_model_as_it_was(backend: Local) -> None:
    before = asyncio.run(text_of(backend, order(tokens=20)))
    strong = from_leans({"Daring": 6.0}, TAXONOMY)
    steered = order(tokens=20)
    steered = Order(MODEL, steered.messages, strong, "mixture", steered.decoding, 0)
    assert asyncio.run(text_of(backend, steered)) != before
    assert asyncio.run(text_of(backend, order(tokens=20))) == before


def test_a_model_whose_thread_has_ended_is_not_ready(tmp_path: Path) -> None:
    made = local(settings_for(tmp_path), Metrics())
    asyncio.run(made.ready())
    asyncio.run(made.close())
    with pytest.raises(ApiError, match="stopped"):
        asyncio.run(made.ready())


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_goes_stops_its_reply(tmp_path: Path, stream: bool) -> None:
    settings = settings_for(tmp_path, pages=False, max_new_tokens=1500)
    with running(small_service(settings)) as served:
        backend = served.service.chat.backends[0]
        assert isinstance(backend, Local)
        endless(backend)
        body = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}], "stream": stream}
        body |= {"max_tokens": 1500, "n": 8, "temperature": 0}
        with served.client() as client:
            client.timeout = httpx.Timeout(5, read=0.7)
            with suppress(httpx.ReadTimeout), client.stream("POST", "/v1/chat/completions", json=body) as response:
                next(response.iter_lines())  # of a whole reply none comes in time
        _settled(backend)
        assert 0 < backend.engine.counts.tokens < 8 * 1500 / 2


def _settled(backend: Local) -> None:
    """Waits until the model writes nothing more; fails if it goes on for long."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        before = backend.engine.counts.tokens
        threading.Event().wait(0.5)
        if backend.engine.counts.tokens == before:
            return
    raise AssertionError("the model still writes")
