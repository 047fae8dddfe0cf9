"""From any version of the tables to the newest: Alembic, without a file of settings.

Several replicas may start at once: the one that comes first upgrades, the others wait (an advisory lock on PostgreSQL,
a write transaction on SQLite), and find nothing left to do. Either all steps are made or none.
"""

from __future__ import annotations

import os
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from counterpoint.serving.store.connect import store_errors
from counterpoint.serving.store.records import StoreError

_LOCK = 0x636F756E
"""Any number that nobody else uses for an advisory lock."""


class Version(NamedTuple):
    """Which migration a database is at (None: empty) and which is the newest."""

    found: str | None
    newest: str

    @property
    def is_newest(self) -> bool:
        """Nothing left to do."""
        return self.found == self.newest


def version(engine: Engine) -> Version:
    """Where a database stands. Asking makes no SQLite file: `upgrade` does, with a mode of its own."""
    if engine.dialect.name == "sqlite" and not Path(str(engine.url.database)).exists():
        return Version(None, _newest())
    with store_errors(), engine.connect() as connection:
        return Version(MigrationContext.configure(connection).get_current_revision(), _newest())


def require_newest(engine: Engine) -> None:
    """Raise `StoreError` unless the tables are of the newest version."""
    at = version(engine)
    if not at.is_newest:
        found = "has no tables yet" if at.found is None else f"is at version {at.found}"
        raise StoreError(f"the database {found}, this program needs {at.newest}; do: counterpoint db upgrade")


def upgrade(engine: Engine, revision: str = "head") -> Version:
    """Bring the tables to the newest version, or to the one named. A new SQLite file is for its owner's eyes."""
    if engine.dialect.name == "sqlite":
        _make_file(Path(str(engine.url.database)))
    with store_errors(), engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    return version(engine)


def _make_file(path: Path) -> None:
    """Mode 0600; SQLite gives the same to the files beside it."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError as error:
        raise StoreError(f"{path} can't be made: {error.strerror}") from None


def _config() -> Config:
    config = Config()
    config.set_main_option(
        "script_location", str(files("counterpoint.serving.store") / "migrations").replace("%", "%%")
    )
    return config


@cache
def _newest() -> str:
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head
