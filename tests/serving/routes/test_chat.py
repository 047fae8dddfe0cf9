"""A client that goes before its whole reply is there: whatever the moment, the reply ends with it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from counterpoint.serving.app import create_app
from counterpoint.serving.chat.backend import Order, Piece
from counterpoint.serving.store import keys
from counterpoint.serving.store.records import Scope
from serving.served import MODEL, settings_for, small_service

LAST = 3000


class Steady:
    """A piece at every turn of the event loop."""

    models = (MODEL,)
    methods = ("icl",)
    written = 0

    async def write(self, order: Order) -> AsyncGenerator[Piece, None]:
        """One reply of 3000 pieces."""
        assert order.choices == 1
        for self.written in range(1, LAST):
            await asyncio.sleep(0)
            yield Piece(0, "a")
        yield Piece(0, finish="length", read=1, written=LAST)

    async def ready(self) -> None:
        """It always is."""

    async def close(self) -> None:
        """Nothing to stop."""


@pytest.mark.parametrize("turns", range(8))
def test_a_client_may_go_at_any_turn_of_the_loop(tmp_path: Path, turns: int) -> None:
    backend = Steady()
    service = small_service(settings_for(tmp_path, pages=False), [backend])
    app = create_app(service.settings, service)
    key = keys.issue(service.store, "acme", "test", tuple(Scope)).secret
    body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]}).encode()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/v1/chat/completions",
        "raw_path": b"/v1/chat/completions",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"authorization", f"Bearer {key}".encode()), (b"content-type", b"application/json")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    asked, statuses = iter([{"type": "http.request", "body": body, "more_body": False}]), []

    async def receive() -> dict[str, Any]:
        for message in asked:
            return message
        while backend.written < 50:
            await asyncio.sleep(0)
        for _ in range(turns):
            await asyncio.sleep(0)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        statuses.append(message.get("status"))

    asyncio.run(app(scope, receive, send))
    assert statuses[0] == 499
    assert 50 <= backend.written < 100
