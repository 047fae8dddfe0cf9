"""A real service of small parts: a real database, HTTP server and language model, of a few weights."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import uvicorn
from fastapi import FastAPI

from counterpoint.serving.app import create_app
from counterpoint.serving.chat.backend import Backend
from counterpoint.serving.chat.chat import Chat
from counterpoint.serving.chat.local import Local
from counterpoint.serving.desk import Desk
from counterpoint.serving.doors.sessions import Sessions
from counterpoint.serving.metrics import Metrics
from counterpoint.serving.opening import working_methods
from counterpoint.serving.people import People
from counterpoint.serving.service import Service
from counterpoint.serving.settings import Settings
from counterpoint.serving.storage import open_store
from counterpoint.serving.store import keys
from counterpoint.serving.store.bank import Bank
from counterpoint.serving.store.records import ConflictError, Scope
from counterpoint.steering.engine import Engine
from counterpoint.types import DataSet
from small_language import language
from users.small import TAXONOMY, WordScorer, dilemma

MODEL = "lm:small"
DATA = DataSet("small", TAXONOMY, tuple(dilemma(f"d{i}", "leap fast", "guard slow") for i in range(24)))


@dataclass(frozen=True)
class Running:
    """A service on a port of its own."""

    url: str
    service: Service

    def key(self, *scopes: Scope, tenant: str = "acme", lasts: float | None = None) -> str:
        """A new API key's secret; for everything unless scopes are named."""
        return keys.issue(self.service.store, tenant, "test", scopes or tuple(Scope), lasts=lasts).secret

    def client(self, *scopes: Scope, tenant: str = "acme") -> httpx.Client:
        """HTTP with such a key."""
        headers = {"authorization": f"Bearer {self.key(*scopes, tenant=tenant)}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)


def small_service(settings: Settings, backends: Sequence[Backend] | None = None) -> Service:
    """A service with the tenants acme and rival, people asked small dilemmas, and a small model."""
    store = open_store(settings.store, settings.secrets)
    for tenant in ("acme", "rival"):
        with suppress(ConflictError):
            keys.create_tenant(store, tenant)
    metrics = Metrics()
    people = People(store, Bank.open(store, DATA, WordScorer))
    backends = backends or [local(settings, metrics)]
    secret = bytes.fromhex(store.vault.keyed_hash("sessions of the pages"))
    sessions = Sessions(secret, secure=settings.secure_cookies)
    chat = Chat(backends, people, settings, metrics)
    return Service(settings, store, people, Desk(store), chat, sessions, metrics)


def local(settings: Settings, metrics: Metrics, *, name: str = MODEL) -> Local:
    """A random language model in process."""
    engine = Engine(language("chatml"), TAXONOMY)
    return Local(
        name,
        engine,
        methods=working_methods(engine),
        max_waiting=settings.max_waiting,
        max_rows=settings.max_rows,
        metrics=metrics,
    )


def settings_for(folder: Path, **changes: object) -> Settings:
    """Settings with a database in a folder and no rate limit."""
    return Settings(**{"store": f"sqlite:///{folder / 'store.db'}", "rate": 0, "key_cache": 0, **changes})  # type: ignore[arg-type]


@contextmanager
def running(service: Service) -> Iterator[Running]:
    """Served by uvicorn in a thread until the block ends; requests under way are finished."""
    with plain_server(create_app(service.settings, service)) as url:
        yield Running(url, service)


@contextmanager
def plain_server(app: FastAPI) -> Iterator[str]:
    """Any application on a port of its own; its address."""
    # connections are kept longer than httpx keeps them, as `counterpoint serve` does: else one may close as it is used
    config = uvicorn.Config(
        app, port=0, log_config=None, access_log=False, timeout_graceful_shutdown=20, timeout_keep_alive=30
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=asyncio.run, args=(server.serve(),), daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)
