"""An answer begins in time or is given up; once begun it may take as long as it takes."""

from __future__ import annotations

import asyncio

from counterpoint.serving.doors.asgi import Receive, Scope, Send
from counterpoint.serving.doors.deadlines import Deadlines
from serving.doors.asking import ask, echo


def test_an_answer_that_does_not_begin_is_504_and_its_work_is_cancelled() -> None:
    cancelled = []

    async def dawdle() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    refused = ask(Deadlines(echo(lambda _: dawdle()), seconds=0.05))
    assert (refused.status_code, refused.json()["error"]["code"]) == (504, "timeout")
    assert cancelled


def test_an_answer_that_has_begun_may_go_on() -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(0.2)
        await send({"type": "http.response.body", "body": b"done"})

    assert ask(Deadlines(slow, seconds=0.05)).content == b"done"
