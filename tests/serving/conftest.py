"""A store on either database, fresh for every test, with a small world of people in it."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from counterpoint.serving.people import People
from counterpoint.serving.store import keys, migrate
from counterpoint.serving.store.bank import Bank
from counterpoint.serving.store.connect import connect
from counterpoint.serving.store.records import Principal, Scope
from counterpoint.serving.store.store import Store
from counterpoint.types import DataSet
from serving.postgres import Cluster, binaries, running
from users.small import TAXONOMY, WordScorer, dilemma

DATA = DataSet("small", TAXONOMY, tuple(dilemma(f"d{i}", "leap fast", "guard slow") for i in range(24)))
_numbers = itertools.count()


@dataclass
class Clock:
    """Says what it is set to."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL cluster for the whole session."""
    if binaries() is None:
        pytest.skip("PostgreSQL's binaries (initdb, pg_ctl) are not on this machine")
    with running() as cluster:
        engine = connect(cluster.create("template_of_ours"))
        migrate.upgrade(engine)
        engine.dispose()
        yield cluster


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with tables and nothing in them."""
    path = tmp_path_factory.mktemp("sqlite") / "empty.db"
    engine = connect(f"sqlite:///{path}")
    migrate.upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A migrated database of either kind."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "store.db")
        return f"sqlite:///{tmp_path / 'store.db'}"
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.create(f"test_{next(_numbers)}", template="template_of_ours")


@pytest.fixture
def clock() -> Clock:
    """What the store takes for the time."""
    return Clock()


@pytest.fixture
def store(url: str, tmp_path: Path, clock: Clock) -> Iterator[Store]:
    """A store with the tenants acme and rival."""
    store = Store.open(url, secrets=tmp_path / "store.db.secrets", clock=clock)
    for tenant in ("acme", "rival"):
        keys.create_tenant(store, tenant)
    yield store
    store.close()


@pytest.fixture
def who() -> Principal:
    """A key of acme's."""
    return Principal("acme", "key-1", frozenset(Scope), "request-1")


@pytest.fixture
def rival() -> Principal:
    """A key of another tenant's."""
    return Principal("rival", "key-2", frozenset(Scope), "request-2")


@pytest.fixture
def people(store: Store) -> People:
    """People asked small dilemmas, `d0` to `d23`: option 0 is daring and fast, option 1 careful and slow."""
    return People(store, Bank.open(store, DATA, WordScorer))
