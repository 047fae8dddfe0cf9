"""`counterpoint db`: upkeep of the service's database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from counterpoint.errors import MissingExtraError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from counterpoint.serving.store.records import Principal
    from counterpoint.serving.store.store import Store

app = typer.Typer(help="Look after the service's database.", no_args_is_help=True)

DEFAULT = "sqlite:///counterpoint.db"
StoreUrl = Annotated[
    str,
    typer.Option("--store", envvar="COUNTERPOINT_STORE", help="sqlite:///FILE or postgresql://USER@HOST/NAME."),
]
Secrets = Annotated[
    str,
    typer.Option(envvar="COUNTERPOINT_SECRETS", help="File of the signing keys. Empty: beside SQLite's file."),
]


@app.command()
def upgrade(store: StoreUrl = DEFAULT) -> None:
    """Bring the tables to the newest version; makes them where there are none.

    Example: counterpoint db upgrade --store sqlite:///counterpoint.db
    """
    with _engine(store) as engine:
        from counterpoint.serving.store import migrate

        before, after = migrate.version(engine), migrate.upgrade(engine)
    typer.echo(f"was at {before.found or 'no version'}, is at {after.found}")


@app.command()
def status(store: StoreUrl = DEFAULT, secrets: Secrets = "") -> None:
    """Say which version the tables have and what is held, as JSON.

    Example: counterpoint db status
    """
    with _engine(store) as engine:
        from counterpoint.serving.store import keys, migrate

        version = migrate.version(engine)
    told: dict[str, object] = {"version": version.found, "newest": version.newest}
    if version.is_newest:
        with _store(store, secrets) as opened:
            told["tenants"] = {tenant: {"people": _count(opened, tenant)} for tenant in keys.tenants(opened)}
            told["receipts_signed_by"] = opened.vault.public_key
    typer.echo(json.dumps(told, indent=2))


@app.command()
def backup(
    to: Annotated[Path, typer.Argument(help="A new file; the service may run meanwhile.")],
    store: StoreUrl = DEFAULT,
) -> None:
    """Copy the whole database into a file. Keep the secrets file beside it.

    Example: counterpoint db backup monday.backup
    """
    with _engine(store) as engine:
        from counterpoint.serving.store import backup as copies

        copies.backup(engine, to)
    typer.echo(f"{to}: {to.stat().st_size:,} bytes. The secrets file is not in it; keep a copy of that, too.")


@app.command()
def restore(
    copy: Annotated[Path, typer.Argument(help="What `backup` wrote.")],
    store: StoreUrl = DEFAULT,
    secrets: Secrets = "",
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask: what is there is replaced.")] = False,
) -> None:
    """Put a copy in place of the database; who was deleted stays deleted. Stop the service first.

    Example: counterpoint db restore monday.backup --yes
    """
    _need()
    from counterpoint.serving.store import backup as copies

    if not yes:
        typer.confirm("Everything in the database is replaced. Go on?", abort=True)
    erased = copies.restore(store, copy, secrets=Path(secrets) if secrets else None)
    again = f"; {erased} people who were deleted since the copy were deleted again" if erased else ""
    typer.echo(f"restored from {copy}{again}")


@app.command()
def rebuild(
    store: StoreUrl = DEFAULT,
    secrets: Secrets = "",
    data: Annotated[str, typer.Option(help="The dilemmas the service uses.")] = "crossroads",
    taxonomy: Annotated[str, typer.Option(help="vcd, bqd, preference or a TOML file; the data's own if empty.")] = "",
    scorer: Annotated[str, typer.Option(help="The scorer the service uses.")] = "encoder",
    user_model: Annotated[str, typer.Option(help="The user model the service uses.")] = "gaussian",
    check: Annotated[bool, typer.Option("--check", help="Only compare; exit 1 if a belief differs.")] = False,
) -> None:
    """Work every belief out anew from the events alone.

    Example: counterpoint db rebuild --check
    """
    with _store(store, secrets) as opened:
        from counterpoint.data import load
        from counterpoint.serving.opening import open_scorer
        from counterpoint.serving.people import People
        from counterpoint.serving.store import keys
        from counterpoint.serving.store.bank import Bank
        from counterpoint.serving.store.beliefs import Beliefs

        dilemmas = load(data, taxonomy=taxonomy or None)
        bank = Bank.open(opened, dilemmas, lambda: open_scorer(scorer, dilemmas))
        people = People(opened, bank, beliefs=Beliefs(bank, model=user_model))
        different = 0
        for tenant in keys.tenants(opened):
            count, changed = people.rebuild(_operator(tenant), keep=not check)
            different += changed
            typer.echo(f"{tenant}: {count} people, {changed} beliefs were not what their events say")
    if check and different:
        raise typer.Exit(1)


@app.command()
def scrub(store: StoreUrl = DEFAULT, secrets: Secrets = "") -> None:
    """Rewrite the database's files, so that not a byte of what was deleted is left in them. Others wait meanwhile.

    Example: counterpoint db scrub
    """
    with _store(store, secrets) as opened:
        from counterpoint.serving.store import erase

        done = erase.scrub(opened, full=True)
    typer.echo("nothing deleted is left in the tables' files" if done else "others were reading; do it again later")


def _need() -> None:
    try:
        import_module("counterpoint.serving.store.backup")
    except ImportError as error:
        raise MissingExtraError("counterpoint db", "serve") from error


@contextmanager
def _engine(url: str) -> Iterator[Engine]:
    _need()
    from counterpoint.serving.store.connect import connect

    engine = connect(url)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _store(url: str, secrets: str) -> Iterator[Store]:
    _need()
    from counterpoint.serving.store.store import Store

    store = Store.open(url, secrets=Path(secrets) if secrets else None)
    try:
        yield store
    finally:
        store.close()


def _count(store: Store, tenant: str) -> int:
    with store.begin(_operator(tenant)) as tx:
        return tx.count_people()


def _operator(tenant: str) -> Principal:
    from counterpoint.serving.store.backup import OPERATOR
    from counterpoint.serving.store.records import Principal as Who

    return Who(tenant, OPERATOR)
