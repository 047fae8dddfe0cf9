"""What the service's benchmark runs on: databases, real `counterpoint serve` processes, figures."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))  # the cluster that the tests use

from counterpoint.serving.store import keys, migrate  # noqa: E402
from counterpoint.serving.store.connect import connect  # noqa: E402
from counterpoint.serving.store.records import Principal, Scope  # noqa: E402
from counterpoint.serving.store.store import Store  # noqa: E402
from serving.postgres import Cluster, running  # noqa: E402

TENANT = "bench"
WHO = Principal(TENANT, "benchmark", frozenset(Scope))
STARTING = 180.0
"""Seconds a server may take to get ready on a busy machine."""


@dataclass(frozen=True)
class Figure:
    """One line: `low` and `high` are a 95% interval where there is one; `holds` is null for what is only reported."""

    what: str
    value: float | None
    low: float | None
    high: float | None
    bar: str
    holds: bool | None


@dataclass(frozen=True)
class Sizes:
    """How much of everything."""

    kills: int
    replica_events: int
    rounds: int
    requests: int
    people: int
    marked: int
    marked_requests: int


FULL = Sizes(kills=50, replica_events=1200, rounds=8, requests=1600, people=1_000_000, marked=64, marked_requests=2000)
QUICK = Sizes(kills=4, replica_events=240, rounds=3, requests=640, people=50_000, marked=16, marked_requests=160)


@dataclass(frozen=True)
class Database:
    """A migrated store with one tenant. `key` is the secret of an API key with every scope."""

    url: str
    secrets: Path
    key: str
    folder: Path

    @contextlib.contextmanager
    def open(self) -> Iterator[Store]:
        """The store, from this process."""
        store = Store.open(self.url, secrets=self.secrets)
        try:
            yield store
        finally:
            store.close()


class World:
    """Where databases and servers come from.

    Args:
        kind: `sqlite` or `postgresql`.
        folder: for files; on the disk that is measured.
        cluster: of PostgreSQL's.
        zygote: a process with everything imported, of which servers are forks.
    """

    def __init__(self, kind: str, folder: Path, cluster: Cluster | None, zygote: subprocess.Popen[str]) -> None:
        self.kind, self.folder, self._cluster, self._zygote = kind, folder, cluster, zygote
        self._count = 0

    def database(self, name: str) -> Database:
        """A new one."""
        folder = self.folder / name
        folder.mkdir()
        url = f"sqlite:///{folder / 'store.db'}" if self._cluster is None else self._cluster.create(f"bench_{name}")
        engine = connect(url)
        migrate.upgrade(engine)
        engine.dispose()
        store = Store.open(url, secrets=folder / "secrets")
        keys.create_tenant(store, TENANT)
        secret = keys.issue(store, TENANT, "benchmark", tuple(Scope)).secret
        store.close()
        return Database(url, folder / "secrets", secret, folder)

    def start(self, database: Database, *options: str) -> Server:
        """A `counterpoint serve` on the database, with no model of its own unless options say so; not ready yet."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = int(free.getsockname()[1])
        self._count += 1
        log = database.folder / f"server-{self._count}.log"
        told = ["--store", database.url, "--secrets", str(database.secrets), "--port", str(port), "--set", "rate=0"]
        if "--model" not in options:
            told += ["--upstream", "http://127.0.0.1:9/v1", "--model", "nobody", "--data", "crossroads"]
        assert self._zygote.stdin is not None
        assert self._zygote.stdout is not None
        self._zygote.stdin.write(json.dumps({"argv": [*told, *options], "log": str(log)}) + "\n")
        self._zygote.stdin.flush()
        return Server(int(self._zygote.stdout.readline()), port, database, log)

    @contextlib.contextmanager
    def serve(self, database: Database, *options: str, count: int = 1) -> Iterator[list[Server]]:
        """So many servers on one database, ready."""
        servers = [self.start(database, *options) for _ in range(count)]
        try:
            for server in servers:
                server.wait()
            yield servers
        finally:
            for server in servers:
                server.kill()


@dataclass(frozen=True)
class Server:
    """A process that serves."""

    pid: int
    port: int
    database: Database
    log: Path

    def wait(self) -> None:
        """Until it is ready."""
        deadline = time.monotonic() + STARTING
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5).close()
                return
            time.sleep(0.05)
        raise RuntimeError(f"a server did not start:\n{self.log.read_text()[-2000:]}")

    def kill(self) -> None:
        """`kill -9`; nothing if it is gone already."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


@contextlib.contextmanager
def world(kind: str) -> Iterator[World]:
    """Everything the benchmark needs, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="counterpoint-service-"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        cluster = stack.enter_context(running(durable=True)) if kind == "postgresql" else None
        zygote = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("service_zygote.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        stack.callback(_stop, zygote)
        assert zygote.stdout is not None
        assert zygote.stdout.readline() == "ready\n"
        yield World(kind, folder, cluster, zygote)


def _stop(zygote: subprocess.Popen[str]) -> None:
    """It ends what it forked once nobody talks to it."""
    assert zygote.stdin is not None
    zygote.stdin.close()
    zygote.wait(30)
