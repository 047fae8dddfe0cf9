"""ASGI applications asked without a network, for doors that are easiest seen alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx

from counterpoint.serving.doors.asgi import ASGIApp, Receive, Scope, Send


def ask(app: ASGIApp, method: str = "GET", path: str = "/", **more: Any) -> httpx.Response:
    """One request."""

    async def asking() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, **more)

    return asyncio.run(asking())


def echo(act: Callable[[Scope], Any] = lambda _: None) -> ASGIApp:
    """Answers with the body it was sent, after doing something."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found = act(scope)
        if asyncio.iscoroutine(found):
            await found
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return app


async def pieces(*parts: bytes, wait: float = 0.0) -> AsyncIterator[bytes]:
    """A body that comes in parts, without a length."""
    for part in parts:
        await asyncio.sleep(wait)
        yield part
