"""How much may be sent, and how slowly: a body is read here, whole, before anything looks at it."""

from __future__ import annotations

import asyncio

from counterpoint.serving.doors.asgi import ASGIApp, Message, Receive, Scope, Send, header
from counterpoint.serving.doors.errors import ApiError


class Bodies:
    """Refuses bodies that are too large (413) or too slow (408), or whose length is no number (400).

    Args:
        most: bytes.
        patience: seconds for the whole body.
    """

    def __init__(self, app: ASGIApp, *, most: int, patience: float) -> None:
        self.app, self.most, self.patience = app, most, patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            self._check_length(header(scope, "content-length"))
            async with asyncio.timeout(self.patience):
                body = await self._read(receive)
        except TimeoutError:
            refusal = ApiError(408, "body_timeout", f"the body did not arrive within {self.patience:g} s")
            await refusal.response()(scope, receive, send)
            return
        except ApiError as error:
            await error.response()(scope, receive, send)
            return
        if body is not None:
            await self.app(scope, _again(body, receive), send)

    def _check_length(self, told: str) -> None:
        if told and not told.isdigit():
            raise ApiError(400, "bad_length", "Content-Length is no number")
        if told and int(told[:20]) > self.most:
            raise self._too_large()

    async def _read(self, receive: Receive) -> bytes | None:
        """The body; None if the client went before it was complete."""
        parts, size = [], 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self.most:
                raise self._too_large()
            if not message.get("more_body", False):
                return b"".join(parts)

    def _too_large(self) -> ApiError:
        return ApiError(413, "body_too_large", f"the body has more than {self.most:,} bytes; send less at a time")


def _again(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once, and then what the connection gives: that the client went."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receiving() -> Message:
        return waiting.pop() if waiting else await receive()

    return receiving
