"""How long an answer may take to begin. Streams that have begun keep their own time (`chat/`)."""

from __future__ import annotations

import asyncio

from counterpoint.serving.doors.asgi import ASGIApp, Message, Receive, Scope, Send, on_start
from counterpoint.serving.doors.errors import ApiError


class Deadlines:
    """504 for a request that has not begun to answer after `seconds`; what it was doing is cancelled."""

    def __init__(self, app: ASGIApp, *, seconds: float) -> None:
        self.app, self.seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False
        try:
            async with asyncio.timeout(self.seconds) as limit:

                def begin(_: Message) -> None:
                    nonlocal begun
                    begun = True
                    limit.reschedule(None)

                await self.app(scope, receive, on_start(send, begin))
        except TimeoutError:
            if begun or not limit.expired():
                raise
            refusal = ApiError(504, "timeout", f"no answer within {self.seconds:g} s")
            await refusal.response()(scope, receive, send)
