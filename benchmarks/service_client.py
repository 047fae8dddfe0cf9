"""A small HTTP client on asyncio, so that what is measured is the server: a tenth of a millisecond a request."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple
from urllib.parse import quote

GONE = (OSError, asyncio.IncompleteReadError)
"""What a server that went away looks like."""


class Answer(NamedTuple):
    """What came back. `seconds`: from the first byte sent to the last received."""

    status: int
    body: bytes
    seconds: float

    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


class Connection:
    """One keep-alive connection, one request at a time."""

    def __init__(self, port: int, key: str) -> None:
        self.port, self._key = port, key
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, content: object = None, *, key: str = "") -> Answer:
        """One request, sent again where a kept connection turns out closed. Raises one of `GONE` if nobody answers."""
        body = b"" if content is None else json.dumps(content).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self._key}\r\n"
        head += f"Idempotency-Key: {key}\r\n" if key else ""
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        kept = self._streams is not None
        try:
            return await self._exchange(head.encode() + body)
        except GONE:
            if not kept:
                raise
            return await self._exchange(head.encode() + body)  # servers close connections that were idle for long

    async def _exchange(self, sent: bytes) -> Answer:
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self.port)
            reader, writer = self._streams
            began = time.perf_counter()
            writer.write(sent)
            status, length, closes = _head(await reader.readuntil(b"\r\n\r\n"))
            received = await _chunks(reader) if length is None else await reader.readexactly(length)
            taken = time.perf_counter() - began
        except BaseException:
            self.close()
            raise
        if closes:
            self.close()
        return Answer(status, received, taken)

    def close(self) -> None:
        """Let go."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    """A body sent piece by piece."""
    received = b""
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        received += (await reader.readexactly(size + 2))[:-2]
    await reader.readuntil(b"\r\n")
    return received


def _head(raw: bytes) -> tuple[int, int | None, bool]:
    """Status, length of the body (None: in chunks), and whether the server closes."""
    first, *lines = raw.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if name}
    length = fields.get("content-length")
    closes = fields.get("connection", "").lower() == "close"
    return int(first.split()[1]), None if length is None else int(length), closes


def events_path(person: str) -> str:
    """Where a person's events go."""
    return f"/v1/users/{quote(person)}/events"


async def closed_loop(
    port: int, key: str, *, connections: int, requests: int, ask: Callable[[Connection], Awaitable[Answer]]
) -> list[Answer]:
    """So many requests over so many connections, each sending its next when it has its answer."""
    left = iter(range(requests))
    found: list[Answer] = []

    async def work() -> None:
        connection = Connection(port, key)
        for _ in left:
            found.append(await ask(connection))
        connection.close()

    await asyncio.gather(*(work() for _ in range(connections)))
    return found
