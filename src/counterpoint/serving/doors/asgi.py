"""Types of the ASGI protocol, and the one thing all doors do: look at an answer's beginning."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["ASGIApp", "Message", "Receive", "Scope", "Send", "header", "on_start"]


def on_start(send: Send, act: Callable[[Message], None]) -> Send:
    """`send`, with `act` told of the message that begins the answer, to change or to note."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            act(message)
        await send(message)

    return sending


def header(scope: Scope, name: str) -> str:
    """A request header; empty if it is not there."""
    wanted = name.lower().encode("latin-1")
    for key, value in scope["headers"]:
        if key == wanted:
            return bytes(value).decode("latin-1")
    return ""
