"""What is acknowledged stays, and counts once: `kill -9` under load, retries, four replicas, replay."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from service_client import GONE, Connection, events_path
from service_world import WHO, Database, Figure, Server, Sizes, World
from sqlalchemy import select

from counterpoint.data import load
from counterpoint.serving.opening import open_scorer
from counterpoint.serving.people import People
from counterpoint.serving.store import schema
from counterpoint.serving.store.bank import Bank
from counterpoint.types import Dilemma

WRITERS = 16
PEOPLE = 8


@dataclass
class Log:
    """What the clients know: events they sent, by a token each, and those the service acknowledged."""

    sent: dict[str, tuple[str, dict[str, object]]] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    refused: Counter[int] = field(default_factory=Counter)


def event(rng: random.Random, dilemmas: list[Dilemma], token: str) -> dict[str, object]:
    """A choice without an id, so that nothing but the idempotency key keeps it from counting twice."""
    dilemma = rng.choice(dilemmas)
    return {
        "kind": "chose",
        "dilemma": dilemma.digest,
        "groups": [[rng.randrange(len(dilemma.options))]],
        "scene": token,
    }


async def send(connection: Connection, log: Log, token: str) -> None:
    """Send an event, or send it again."""
    person, content = log.sent[token]
    answer = await connection.ask("POST", events_path(person), {"events": [content]}, key=token)
    if answer.status == 201:
        log.acknowledged.add(token)
    else:
        log.refused[answer.status] += 1


def kills(world: World, sizes: Sizes) -> list[Figure]:
    """Servers under load are killed, one after another; each event that got no answer is sent again to the next."""
    database, log, rng = world.database("kills"), Log(), random.Random(1)
    dilemmas = list(load("crossroads").dilemmas)
    server = world.start(database)
    server.wait()
    for _ in range(sizes.kills):
        following = world.start(database)
        asyncio.run(_load_until_killed(server, following, log, rng, dilemmas))
        server = following
    asyncio.run(_finish(server, log))
    figures = _count(world.kind, database, log, f"over {sizes.kills} kill -9 under load")
    return [*figures, *replay(world, database, server, "after the kills")]


async def _load_until_killed(
    server: Server, following: Server, log: Log, rng: random.Random, dilemmas: list[Dilemma]
) -> None:
    """Load while the next one starts and a moment longer, then kill in the middle of it."""

    async def write(number: int) -> None:
        connection = Connection(server.port, server.database.key)
        waiting = [token for token in log.sent if token not in log.acknowledged and hash(token) % WRITERS == number]
        while True:
            if not waiting:
                waiting.append(f"t{len(log.sent)}")
                person = f"person {rng.randrange(PEOPLE)}"
                log.sent[waiting[0]] = person, event(rng, dilemmas, waiting[0])
            try:
                await send(connection, log, waiting[0])
            except GONE:
                return
            waiting.pop(0)

    writers = [asyncio.create_task(write(number)) for number in range(WRITERS)]
    await asyncio.to_thread(following.wait)
    await asyncio.sleep(rng.uniform(0.05, 0.5))
    server.kill()
    await asyncio.gather(*writers)


async def _finish(server: Server, log: Log) -> None:
    """Send again what was never answered."""
    connection = Connection(server.port, server.database.key)
    for token in [token for token in log.sent if token not in log.acknowledged]:
        await send(connection, log, token)
    connection.close()


def replicas(world: World, sizes: Sizes) -> list[Figure]:
    """Four servers, one person, every event sent to any of them; a third to two at once, a third again later."""
    database, log, rng = world.database("replicas"), Log(), random.Random(2)
    dilemmas = list(load("crossroads").dilemmas)
    for number in range(sizes.replica_events):
        log.sent[f"t{number}"] = "everybody's friend", event(rng, dilemmas, f"t{number}")
    with world.serve(database, count=4) as servers:
        asyncio.run(_scatter(servers, log, rng))
        figures = _count(world.kind, database, log, "4 replicas writing one person at once, retries with keys")
        return [*figures, *replay(world, database, servers[0], "after 4 replicas wrote")]


async def _scatter(servers: list[Server], log: Log, rng: random.Random) -> None:
    tokens = list(log.sent)
    plan = [(token, rng.randrange(3)) for token in tokens]
    queue = iter([*plan, *((token, 0) for token, kind in plan if kind == 2)])

    async def work() -> None:
        connections = [Connection(server.port, server.database.key) for server in servers]
        for token, kind in queue:
            chosen = rng.sample(connections, 2 if kind == 1 else 1)
            await asyncio.gather(*(send(connection, log, token) for connection in chosen))
        for connection in connections:
            connection.close()

    await asyncio.gather(*(work() for _ in range(WRITERS)))


def _count(kind: str, database: Database, log: Log, what: str) -> list[Figure]:
    """Lost: acknowledged and not there. Twice: there more than once."""
    statement = select(schema.events.c.payload)
    with database.open() as store, store.reading() as connection:
        kept = Counter(json.loads(payload)["scene"] for payload in connection.scalars(statement))
    lost = sum(token not in kept for token in log.acknowledged)
    twice = sum(count > 1 or token not in log.sent for token, count in kept.items())
    number = f"{len(log.acknowledged):,} acknowledged"
    refused = sum(log.refused.values())
    return [
        Figure(f"{kind}: acknowledged events lost {what} ({number})", float(lost), None, None, "0", lost == 0),
        Figure(f"{kind}: events applied twice {what} ({number})", float(twice), None, None, "0", twice == 0),
        Figure(f"{kind}: requests refused {what}", float(refused), None, None, "0", refused == 0),
    ]


def replay(world: World, database: Database, server: Server, when: str) -> list[Figure]:
    """Beliefs as served and as kept, against those worked out here from the event log alone."""
    data = load("crossroads")
    different = 0
    with database.open() as store:
        people = People(store, Bank.open(store, data, lambda: open_scorer("encoder", data)))
        count, unlike = people.rebuild(WHO, keep=False)
        different += unlike
        for row in people.people(WHO, limit=1000):
            told = asyncio.run(_preferences(server, row.name))
            mine = people.preferences(WHO, row.name)
            different += not np.array_equal([pair["mean"] for pair in told["value_pairs"]], mine.belief.mean)
    what = f"{world.kind}: beliefs other than a replay of the log {when} ({count} people)"
    return [Figure(what, float(different), None, None, "0", different == 0)]


async def _preferences(server: Server, person: str) -> dict[str, list[dict[str, float]]]:
    connection = Connection(server.port, server.database.key)
    answer = await connection.ask("GET", events_path(person).removesuffix("events") + "preferences")
    connection.close()
    assert answer.status == 200, answer.body
    found: dict[str, list[dict[str, float]]] = answer.json()
    return found
