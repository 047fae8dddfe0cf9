"""A PostgreSQL cluster of our own: made in a temporary folder, on a socket alone, gone afterwards.

PostgreSQL refuses to run as root; then it runs as the user `postgres`, or `nobody` where there is none.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
"""Where distributions put the binaries."""


def binaries() -> Path | None:
    """The folder of `initdb` and `pg_ctl`, of the newest version there is; None if there is none."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    folders = [folder for pattern in FOLDERS for folder in Path("/").glob(pattern[1:]) if (folder / "initdb").exists()]
    return max(folders, key=lambda folder: folder.as_posix(), default=None)


class Cluster:
    """A running cluster."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def url(self, database: str) -> str:
        """For `Store.open`."""
        return f"postgresql://counterpoint@/{database}?host={self.folder}"

    def create(self, database: str, *, template: str = "template1") -> str:
        """A new database, a copy of the template; its URL."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{database}" TEMPLATE "{template}"')
        return self.url(database)

    def data(self) -> bytes:
        """The raw bytes of all tables and indices, after a checkpoint; not the write-ahead log."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute("CHECKPOINT")
        return b"".join(path.read_bytes() for path in (self.folder / "data" / "base").rglob("*") if path.is_file())


@contextmanager
def running(*, durable: bool = False) -> Iterator[Cluster]:
    """A cluster for the length of a block. `durable`: sync to disk as in earnest; tests need not.

    Raises:
        FileNotFoundError: PostgreSQL is not on this machine.
    """
    folder = binaries()
    if folder is None:
        raise FileNotFoundError("PostgreSQL's initdb is not on this machine")
    home = Path(tempfile.mkdtemp(prefix="counterpoint-pg-"))
    user = _user()
    if user is not None:
        shutil.chown(home, user=user)
    home.chmod(0o755)
    settings = f"-c listen_addresses='' -c unix_socket_directories={home} -c max_connections=200"
    settings += " -c shared_buffers=64MB" + (
        "" if durable else " -c fsync=off -c full_page_writes=off -c autovacuum=off"
    )
    data = str(home / "data")
    make = ["initdb", "-D", data, "-U", "counterpoint", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
    start = ["pg_ctl", "-D", data, "-w", "-t", "60", "-l", str(home / "log"), "-o", settings, "start"]
    try:
        _run(folder, make, user)
        _run(folder, start, user)
        try:
            yield Cluster(home)
        finally:
            _run(folder, ["pg_ctl", "-D", data, "-w", "-m", "immediate", "stop"], user)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _user() -> str | None:
    """Whom to run as; None: as we are."""
    if os.getuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _run(folder: Path, command: list[str], user: str | None) -> None:
    done = subprocess.run(
        [str(folder / command[0]), *command[1:]],
        user=user,
        cwd="/",
        env={**os.environ, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if command[0] == "initdb" else subprocess.DEVNULL,
        stderr=subprocess.PIPE if command[0] == "initdb" else subprocess.DEVNULL,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr or command}")
