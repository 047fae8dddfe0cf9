"""A scripted local server that speaks the OpenAI protocol and plays the models, well or badly.

    with ScriptedServer(Script(malformed=0.3), {"River": lambda request, draw: {"name": "Oder"}}) as server:
        ... ask at server.url; then server.stats

Whether and how a request goes wrong depends on its content alone, so that equal requests fare equally in every run;
only `dies`, `fails` and the rate limit depend on how often it came. An answer counts as answered when all of it was
handed to a connection that was still open. It runs in a thread, or as a program of its own:

    python tests/authoring/scripted.py --players dilemmas --latency 0.1        # prints its URL; GET /stats
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

Player = Callable[[dict[str, Any], random.Random], Any]
"""The request and random numbers made from it in; the object to answer (or a text) out."""


@dataclass(frozen=True)
class Script:
    """How the server behaves. Shares are of requests, told apart by the hash of their content."""

    latency: float = 0.0
    """Seconds from request to answer."""
    jitter: float = 0.0
    """Up to so many seconds more, by content."""
    malformed: float = 0.0
    """Answers that are no answer in the form: cut JSON, missing fields, wrong types, prose."""
    sloppy: float = 0.0
    """Answers in the form but in a code fence, between words, or with trailing commas."""
    truncated: float = 0.0
    """Answers cut with finish_reason `length`."""
    refusing: float = 0.0
    """Answers that refuse."""
    repeating: float = 0.0
    """Answers that say the same as many others."""
    dies: float = 0.0
    """Requests whose connection is cut in the middle of the answer, the first `times` times."""
    fails: float = 0.0
    """Requests answered with status 500, the first `times` times."""
    times: int = 1
    """How often a request dies or fails before it is answered; a large number: always."""
    per_second: float | None = None
    """Requests let through in each second; others get status 429."""
    retry_after: float | None = 0.2
    """What a 429 says in Retry-After; None: nothing."""
    knows_forms: str = "json_schema"
    """`json_schema`, `json_object` or `text`: what response_format it takes; status 400 for more."""
    key: str = ""
    """The API key it wants; empty for none."""
    usage: bool = True
    """Whether it counts tokens."""
    seed: int = 0
    """Another seed, other requests go wrong."""


@dataclass
class Stats:
    """What the server has seen."""

    answered: Counter[str] = field(default_factory=Counter)
    """How often each request (by hash) got its whole answer."""
    seen: Counter[str] = field(default_factory=Counter)
    """How often each came."""
    kinds: Counter[str] = field(default_factory=Counter)
    """Answers by what was done: `good`, `malformed`, `refused`, `429`, ..."""
    tokens_in: int = 0
    """Of answered requests."""
    tokens_out: int = 0
    """Of answered requests."""
    in_flight: int = 0
    """Requests being answered."""
    most_in_flight: int = 0
    """The most at once."""
    first: float = 0.0
    """When the first request came, seconds."""
    last: float = 0.0
    """When the last answer went."""

    @property
    def calls(self) -> int:
        """Answered requests."""
        return self.answered.total()

    @property
    def paid_twice(self) -> int:
        """Answered requests beyond the first of each kind."""
        return sum(count - 1 for count in self.answered.values())


class ScriptedServer:
    """Serves in a thread of its own, from entering the context to leaving it.

    Args:
        script: how it behaves.
        players: what answers, by the title of the form asked for (as in response_format, or named in the messages);
            `""` answers all others. Without it an object is made up from the schema.
    """

    def __init__(self, script: Script = Script(), players: Mapping[str, Player] | None = None) -> None:
        self.script, self.players, self.stats = script, dict(players or {}), Stats()
        self.requests: list[dict[str, Any]] = []
        self.url = ""
        self._passed: deque[float] = deque()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._connection, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.stats.in_flight += 1
                self.stats.most_in_flight = max(self.stats.most_in_flight, self.stats.in_flight)
                try:
                    if not await self._respond(head[0], headers, body, reader, writer):
                        break
                finally:
                    self.stats.in_flight -= 1
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _respond(
        self,
        line: str,
        headers: Mapping[str, str],
        body: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        """Answer one request; whether the connection stays."""
        script, stats = self.script, self.stats
        stats.first = stats.first or time.monotonic()
        if line.startswith("GET /stats"):
            return await _send(writer, 200, summary(stats))
        if not line.startswith("POST /v1/chat/completions"):
            return await _send(writer, 404, {"error": {"message": "no such path"}})
        if script.key and headers.get("authorization") != f"Bearer {script.key}":
            return await _send(writer, 401, {"error": {"message": "wrong key"}})
        if wait := self._too_many():
            stats.kinds["429"] += 1
            extra = {} if script.retry_after is None else {"Retry-After": f"{max(wait, script.retry_after):.3f}"}
            return await _send(writer, 429, {"error": {"message": "slow down"}}, extra)
        request = json.loads(body)
        if problem := self._not_understood(request):
            stats.kinds["400"] += 1
            return await _send(writer, 400, {"error": {"message": problem}})
        key = hashlib.sha256(body).hexdigest()
        stats.seen[key] += 1
        chance = random.Random(f"{script.seed} {key}")
        await asyncio.sleep(script.latency + chance.random() * script.jitter)
        trouble = chance.random()
        if trouble < script.fails + script.dies and stats.seen[key] <= script.times:
            if trouble < script.fails:
                stats.kinds["500"] += 1
                return await _send(writer, 500, {"error": {"message": "out of order"}})
            stats.kinds["died"] += 1
            writer.write(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 4000\r\n\r\n{"choi')
            await writer.drain()
            return False
        try:
            kind, text, finish = self._say(request, chance)
        except Exception as error:  # a player's fault must not look like the server's death
            stats.kinds["player failed"] += 1
            return await _send(writer, 418, {"error": {"message": f"{type(error).__name__}: {error}"}})
        answer = completion(request, text, finish, usage=script.usage)
        if writer.transport.is_closing() or reader.at_eof():  # nobody is there any more
            return False
        stats.kinds[kind] += 1
        stays = await _send(writer, 200, answer)
        stats.answered[key] += 1
        self.requests.append(request)
        counts = completion(request, text, finish, usage=True)["usage"]
        stats.tokens_in += counts["prompt_tokens"]
        stats.tokens_out += counts["completion_tokens"]
        stats.last = time.monotonic()
        return stays

    def _too_many(self) -> float:
        """Seconds until a request would be let through; 0 if this one is."""
        if self.script.per_second is None:
            return 0.0
        now = time.monotonic()
        while self._passed and self._passed[0] <= now - 1:
            self._passed.popleft()
        if len(self._passed) >= self.script.per_second:
            return self._passed[0] + 1 - now
        self._passed.append(now)
        return 0.0

    def _not_understood(self, request: Mapping[str, Any]) -> str:
        kind = request.get("response_format", {}).get("type", "text")
        order = ("text", "json_object", "json_schema")
        return "" if order.index(kind) <= order.index(self.script.knows_forms) else f"response_format {kind}: unknown"

    def _say(self, request: dict[str, Any], chance: random.Random) -> tuple[str, str, str]:
        """What was done, the text, and the finish reason."""
        script = self.script
        bad = chance.random()
        good = self._play(request, random.Random(0) if chance.random() < script.repeating else chance)
        if bad < (share := script.malformed):
            return "malformed", _spoil(good, chance), "stop"
        if bad < (share := share + script.sloppy):
            return "sloppy", _slop(good, chance), "stop"
        if bad < (share := share + script.truncated):
            return "truncated", good[: len(good) // 2], "length"
        if bad < share + script.refusing:
            return "refused", "I'm sorry, but I can't help with that.", "stop"
        return "good", good, "stop"

    def _play(self, request: dict[str, Any], chance: random.Random) -> str:
        form = request.get("response_format", {}).get("json_schema", {})
        said = request["messages"][-1]["content"]
        name = form.get("name") or next((name for name in self.players if name and name in said), "")
        player = self.players.get(name) or self.players.get("")
        value = player(request, chance) if player else made_up(form.get("schema", {}), chance)
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def summary(stats: Stats) -> dict[str, Any]:
    """The stats as numbers."""
    names = ("tokens_in", "tokens_out", "in_flight", "most_in_flight", "first", "last", "calls", "paid_twice")
    return {"kinds": dict(stats.kinds), **{name: getattr(stats, name) for name in names}}


def completion(request: Mapping[str, Any], text: str, finish: str, *, usage: bool) -> dict[str, Any]:
    """The body of a chat completion; a token is four bytes."""
    read = sum(len(message["content"].encode()) for message in request["messages"]) // 4 + 1
    wrote = len(text.encode()) // 4 + 1
    counts = {"usage": {"prompt_tokens": read, "completion_tokens": wrote, "total_tokens": read + wrote}}
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": request["model"]}
    return {**head, "choices": [choice], **(counts if usage else {})}


def made_up(schema: Mapping[str, Any], chance: random.Random) -> Any:
    """Something of the schema's form."""
    if "enum" in schema:
        return chance.choice(schema["enum"])
    if "const" in schema:
        return schema["const"]
    kind = schema.get("type")
    if kind == "object":
        return {name: made_up(field, chance) for name, field in schema.get("properties", {}).items()}
    if kind == "array":
        count = chance.randint(schema.get("minItems", 1), schema.get("maxItems", max(3, schema.get("minItems", 1))))
        return [made_up(schema.get("items", {}), chance) for _ in range(count)]
    if kind == "integer":
        return chance.randint(schema.get("minimum", 0), schema.get("maximum", 5))
    if kind == "number":
        return chance.random()
    if kind == "boolean":
        return chance.random() < 0.5
    return " ".join("".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(3, 8))) for _ in range(12))


def _spoil(text: str, chance: random.Random) -> str:
    ways: list[Callable[[], str]] = [
        lambda: text[: len(text) // 2],
        lambda: "Here is what I would suggest: it depends on the circumstances.",
        lambda: json.dumps({"answer": text[:40]}),
        lambda: json.dumps(dict.fromkeys(json.loads(text))) if text.startswith("{") else "null",
        lambda: "[]",
    ]
    return chance.choice(ways)()


def _slop(text: str, chance: random.Random) -> str:
    ways = [
        f"```json\n{text}\n```",
        f"Of course. Here is the object:\n\n{text}\n\nLet me know if it should be different {{or not}}.",
        text.removesuffix("}") + ",}" if text.endswith("}") else text,
        f"<think>What was asked? {{}}</think>\n{text}",
    ]
    return chance.choice(ways)


async def _send(
    writer: asyncio.StreamWriter, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> bool:
    data = json.dumps(body, ensure_ascii=False).encode()
    extra = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{extra}content-length: {len(data)}\r\n\r\n"
    writer.write(head.encode() + data)
    await writer.drain()
    return True


def main() -> None:
    """Serve until killed; prints the URL on the first line."""
    import argparse

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--players", default="", help="`dilemmas`; otherwise answers are made up from the form")
    parser.add_argument("--script", default="{}", help="JSON of Script's fields")
    arguments = parser.parse_args()
    players: Mapping[str, Player] = {}
    if arguments.players == "dilemmas":
        from authoring.dilemma_player import players as make

        players = make()
    with ScriptedServer(Script(**json.loads(arguments.script)), players) as server:
        print(server.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()
