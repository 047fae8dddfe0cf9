"""What a request costs: beside the same server's /healthz, and with a thousand or a million people in the store."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from service_client import Answer, Connection, closed_loop, events_path
from service_durability import event
from service_world import TENANT, Database, Figure, Server, Sizes, World
from sqlalchemy import Connection as Connection_
from sqlalchemy import Table

from counterpoint.data import load
from counterpoint.serving.opening import open_scorer
from counterpoint.serving.store import schema
from counterpoint.serving.store.bank import Bank
from counterpoint.serving.store.beliefs import Beliefs
from counterpoint.serving.store.records import StoredEvent
from counterpoint.serving.store.store import as_json

CONNECTIONS = 32
RESIDENTS = 1000
AT_ONCE = 20_000
Ask = Callable[[Connection], Awaitable[Answer]]


def latency(world: World, sizes: Sizes) -> list[Figure]:
    """99th percentiles of `POST events` and `/healthz`, in turns, and their ratio, round by round."""
    database, rng = world.database("latency"), random.Random(3)
    seed(database, RESIDENTS, sequence=0)
    dilemmas = list(load("crossroads").dilemmas)

    def post(connection: Connection) -> Awaitable[Answer]:
        person = f"person {rng.randrange(RESIDENTS)}"
        return connection.ask("POST", events_path(person), {"events": [event(rng, dilemmas, "home")]})

    def health(connection: Connection) -> Awaitable[Answer]:
        return connection.ask("GET", "/healthz")

    ratios, posts, healths = [], [], []
    with world.serve(database) as [server]:
        _round(server, post, 200, 201)
        _round(server, health, 200, 200)
        for _ in range(sizes.rounds):
            healths.append(_round(server, health, sizes.requests, 200))
            posts.append(_round(server, post, sizes.requests, 201))
            ratios.append(_p99(posts[-1]) / _p99(healths[-1]))
    ratio = float(np.median(ratios))
    low, high = _bootstrap(np.array(ratios), np.median)
    all_posts, all_healths = np.concatenate(posts), np.concatenate(healths)
    return [
        Figure(
            f"{world.kind}: p99 of POST events over p99 of /healthz, {CONNECTIONS} connections, 1 server process",
            ratio,
            low,
            high,
            "<= 8",
            ratio <= 8,
        ),
        Figure(f"{world.kind}: p99 of POST events, ms", _p99(all_posts) * 1e3, None, None, "reported", None),
        Figure(f"{world.kind}: p99 of /healthz, ms", _p99(all_healths) * 1e3, None, None, "reported", None),
        Figure(f"{world.kind}: events a second", CONNECTIONS / float(all_posts.mean()), None, None, "reported", None),
    ]


def _round(server: Server, ask: Ask, requests: int, expected: int) -> NDArray[np.float64]:
    answers = asyncio.run(
        closed_loop(server.port, server.database.key, connections=CONNECTIONS, requests=requests, ask=ask)
    )
    wrong = [answer for answer in answers if answer.status != expected]
    assert not wrong, (wrong[0].status, wrong[0].body)
    return np.array([answer.seconds for answer in answers])


def crowd(world: World, sizes: Sizes) -> list[Figure]:
    """The same requests, one at a time and in turns, to a server over few people and to one over many."""
    few, many = world.database("few"), world.database("many")
    began = time.perf_counter()
    seed(few, RESIDENTS, sequence=3)
    seed(many, sizes.people, sequence=3)
    print(f"{world.kind}: {sizes.people:,} people in {time.perf_counter() - began:.0f} s", flush=True)
    with world.serve(few) as [small], world.serve(many) as [large]:
        times = asyncio.run(_in_turns((small, RESIDENTS), (large, sizes.people), sizes.requests // 4))
    figures = []
    for what, pairs in times.items():
        ratio = float(np.median(pairs[:, 1]) / np.median(pairs[:, 0]))
        low, high = _bootstrap(pairs, lambda sample: np.median(sample[:, 1]) / np.median(sample[:, 0]))
        what = f"{world.kind}: cost of {what} at {sizes.people:,} people over {RESIDENTS:,} (medians)"
        figures.append(Figure(what, ratio, low, high, "<= 1.5", ratio <= 1.5))
    return figures


async def _in_turns(
    small: tuple[Server, int], large: tuple[Server, int], requests: int
) -> dict[str, NDArray[np.float64]]:
    """Seconds `[request, (few, many)]` by kind of request; a few requests first to warm up."""
    rng, dilemmas = random.Random(4), list(load("crossroads").dilemmas)
    connections = [(Connection(server.port, server.database.key), count) for server, count in (small, large)]
    kinds = {
        "POST events": lambda c, person: c.ask("POST", events_path(person), {"events": [event(rng, dilemmas, "home")]}),
        "GET preferences": lambda c, person: c.ask("GET", events_path(person).replace("events", "preferences")),
        "GET next-question": lambda c, person: c.ask("GET", events_path(person).replace("events", "next-question")),
    }
    times: dict[str, list[list[float]]] = {kind: [] for kind in kinds}
    for number in range(requests + 20):
        for kind, ask in kinds.items():
            pair = [0.0, 0.0]
            for which in (0, 1) if rng.random() < 0.5 else (1, 0):  # neither is always the first
                connection, count = connections[which]
                answer = await ask(connection, name(rng.randrange(count)))
                assert answer.status in (200, 201), answer.body
                pair[which] = answer.seconds
            if number >= 20:
                times[kind].append(pair)
    for connection, _ in connections:
        connection.close()
    return {kind: np.array(pairs) for kind, pairs in times.items()}


def name(number: int) -> str:
    """What the number's person is called."""
    return f"person {number}"


def seed(database: Database, people: int, *, sequence: int) -> None:
    """People with the same few events each, put there without the service: rows as it would write them."""
    rng, data = random.Random(5), load("crossroads")
    ids = sorted(f"{rng.getrandbits(128):032x}" for _ in range(people))
    names = iter(rng.sample(range(people), people))
    with database.open() as store:
        bank = Bank.open(store, data, lambda: open_scorer("encoder", data))
        lived = [_lived(n + 1, data.dilemmas[n].digest) for n in range(sequence)]
        belief = Beliefs(bank).as_row(Beliefs(bank).replay(lived, bank.read([])))
        events = [{**asdict(event), "payload": as_json(event.payload)} for event in lived]
        for start in range(0, people, AT_ONCE):
            own = [{"tenant": TENANT, "person": id_} for id_ in ids[start : start + AT_ONCE]]
            rows = {
                schema.people: [
                    {"tenant": TENANT, "id": one["person"], "name": name(next(names)), "created": 1.0}
                    | {"sequence": sequence, "erasing": 0}
                    for one in own
                ],
                schema.events: [{**one, **event} for one in own for event in events],
                schema.beliefs: [{**one, **belief} for one in own] if sequence else [],
            }
            with store.transaction() as connection:
                for table, found in rows.items():
                    _put(connection, table, found)
        if not store.is_sqlite:
            with store.upkeep() as connection:
                connection.exec_driver_sql("VACUUM ANALYZE")


def _lived(sequence: int, digest: str) -> StoredEvent:
    return StoredEvent(
        sequence, f"e{sequence}", "chose", float(sequence), 5.0, {"dilemma": digest, "groups": [[sequence % 2]]}
    )


def _put(connection: Connection_, table: Table, rows: list[dict[str, Any]]) -> None:
    """Many rows, the fast way of either database."""
    if not rows:
        return
    columns = list(rows[0])
    if connection.dialect.name == "sqlite":
        connection.execute(table.insert(), rows)
        return
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({', '.join(columns)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row([row[column] for column in columns])


def _p99(seconds: NDArray[np.float64]) -> float:
    return float(np.quantile(seconds, 0.99))


def _bootstrap(values: NDArray[np.float64], statistic: Callable[[NDArray[np.float64]], object]) -> tuple[float, float]:
    """95% interval over resampled rows."""
    rng = np.random.default_rng(0)
    found = [float(statistic(values[rng.integers(len(values), size=len(values))])) for _ in range(1000)]  # type: ignore[arg-type]
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)
