"""`counterpoint serve` and `counterpoint keys`: the service, and who may use it."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from counterpoint.errors import BadInputError, MissingExtraError

if TYPE_CHECKING:
    from counterpoint.serving.settings import Settings
    from counterpoint.serving.store.keys import ApiKey, Issued
    from counterpoint.serving.store.store import Store

DEFAULT_STORE = "sqlite:///counterpoint.db"
DEMO_STORE = "sqlite:///counterpoint-demo.db"
OF_THE_DEMO = ("model", "upstream", "adapters", "data", "taxonomy", "user_model", "method", "materials", "dials")
"""Settings that the demo brings itself."""
StoreUrl = Annotated[
    str,
    typer.Option(envvar="COUNTERPOINT_STORE", help="The database: sqlite:///FILE or postgresql://USER@HOST/NAME."),
]
Secrets = Annotated[
    str,
    typer.Option(
        envvar="COUNTERPOINT_SECRETS", help="File of the signing keys, shared by replicas. Empty: beside SQLite's file."
    ),
]
Tenant = Annotated[str, typer.Option(help="Whose key it is. A tenant never sees another's people.")]

EXAMPLES = """Examples:
  counterpoint keys create --tenant me --name laptop
  counterpoint serve
  counterpoint serve --model lm:Qwen/Qwen3-0.6B --data crossroads --port 8080
  counterpoint serve --model lm:tiny --adapter tide-v1=runs/tide/adapter
  counterpoint serve --upstream http://vllm:8000/v1 --model Qwen/Qwen3-8B --adapter tide-v3
  counterpoint serve --demo
  counterpoint serve --store postgresql://app@db/app --secrets /run/secrets/app --workers 4
"""


def serve(
    model: Annotated[str, typer.Option(help="lm:<hub id, folder or tiny>, or the upstream's name of it.")] = "lm:tiny",
    upstream: Annotated[
        str, typer.Option(help="An OpenAI-compatible endpoint that writes replies; its key: COUNTERPOINT_UPSTREAM_KEY.")
    ] = "",
    adapter: Annotated[
        list[str] | None, typer.Option(help="NAME-vN=FOLDER, or NAME-vN for an upstream that has it. Repeatable.")
    ] = None,
    store: StoreUrl = DEFAULT_STORE,
    secrets: Secrets = "",
    data: Annotated[
        str, typer.Option(help="Dilemmas: a file, a folder, 'crossroads' or 'toy' (the default of lm:tiny).")
    ] = "",
    taxonomy: Annotated[str, typer.Option(help="vcd, bqd, preference or a TOML file; the data's own if empty.")] = "",
    scorer: Annotated[
        str, typer.Option(help="'encoder' (taught on the data once), or a saved one's folder.")
    ] = "encoder",
    user_model: Annotated[str, typer.Option(help="gaussian, drifting, contextual or pooled.")] = "gaussian",
    method: Annotated[
        str, typer.Option(help="Steering where a request names none; mixture or instruction if empty.")
    ] = "",
    dials: Annotated[str, typer.Option(help="Folder with calibrations, METHOD.json.")] = "",
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Any other setting, NAME=VALUE (docs/service.md). Repeatable.")
    ] = None,
    host: Annotated[str, typer.Option(help="Where to listen; 0.0.0.0 for every interface.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0: any free one.", min=0, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(help="Processes, each with its own copy of the model.", min=1)] = 1,
    demo: Annotated[
        bool, typer.Option("--demo", help="Look around: the demo's model, a few simulated people.")
    ] = False,
) -> None:
    """Serve chat completions that fit each person, their events and beliefs, and their pages."""
    try:
        from counterpoint.serving.settings import UPSTREAM_KEY, Settings
    except ImportError as error:
        raise MissingExtraError("counterpoint serve", "serve") from error
    settings = Settings(
        model=model,
        upstream=upstream,
        upstream_key=os.environ.get(UPSTREAM_KEY, ""),
        adapters=tuple(adapter or ()),
        store=store,
        secrets=secrets,
        data=data,
        taxonomy=taxonomy,
        scorer=scorer,
        user_model=user_model,
        method=method,
        dials=dials,
    )
    settings = with_set(settings, set_ or ())
    if demo:
        _run_demo(settings, host=host, port=port, workers=workers)
    else:
        _run(settings, host=host, port=port, workers=workers)


serve.__doc__ = f"{serve.__doc__}\n\n\b\n{EXAMPLES}"


def with_set(settings: Settings, told: list[str] | tuple[str, ...]) -> Settings:
    """Settings with `NAME=VALUE` applied.

    Raises:
        BadInputError: not of that form, or not what the setting takes.
        UnknownNameError: there is no such setting.
    """
    from counterpoint.serving.settings import changed

    for one in told:
        name, given, value = one.partition("=")
        if not given:
            raise BadInputError(f"--set {one!r}: expected NAME=VALUE")
        settings = changed(settings, name, value)
    return settings


def _run(settings: Settings, *, host: str, port: int, workers: int) -> None:
    import uvicorn

    from counterpoint.serving.doors import logs
    from counterpoint.serving.settings import SETTINGS

    listening = _listening(settings, host, port)
    if workers == 1:
        from counterpoint.serving.app import create_app, keep_what_stays
        from counterpoint.serving.opening import open_service

        logs.set_up()
        app = create_app(settings, open_service(settings))
        keep_what_stays()
        uvicorn.run(app, **listening)
        return
    from counterpoint.serving.metrics import MULTIPROCESS
    from counterpoint.serving.opening import prepare

    prepare(settings)  # what can be wrong is said once, here, and what is slow is done once
    os.environ[SETTINGS] = settings.to_environment()
    with tempfile.TemporaryDirectory(prefix="counterpoint-metrics-") as folder:
        os.environ[MULTIPROCESS] = folder
        logs.set_up()
        uvicorn.run("counterpoint.serving.app:from_environment", factory=True, workers=workers, **listening)


def _run_demo(settings: Settings, *, host: str, port: int, workers: int) -> None:
    import uvicorn

    from counterpoint.serving.app import create_app
    from counterpoint.serving.demo import demo_settings, open_demo
    from counterpoint.serving.doors import logs
    from counterpoint.serving.settings import Settings as Defaults

    own = [name for name in OF_THE_DEMO if getattr(settings, name) != getattr(Defaults(), name)]
    if own or workers > 1 or port == 0:
        given = ", ".join(own) or ("workers" if workers > 1 else "port 0")
        raise BadInputError(f"--demo brings its own model, data and people and runs in one process; leave out {given}")
    if settings.store == DEFAULT_STORE:
        settings = replace(settings, store=DEMO_STORE)
    demo = open_demo(demo_settings(settings))
    logs.set_up(logging.WARNING)
    typer.echo(demo.welcome(f"http://{host}:{port}"))
    uvicorn.run(create_app(demo.service.settings, demo.service), **_listening(settings, host, port))


def _listening(settings: Settings, host: str, port: int) -> dict[str, Any]:
    """How uvicorn listens: its logs are ours, and requests under way get time to finish."""
    return {
        "host": host,
        "port": port,
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": max(1, round(settings.grace)),
        "timeout_keep_alive": 30,
        "h11_max_incomplete_event_size": 64 * 1024,
    }


# Keys

keys = typer.Typer(help="API keys: created, listed, rotated, revoked. A secret is shown once.", no_args_is_help=True)


@keys.command()
def create(
    tenant: Tenant = "default",
    name: Annotated[str, typer.Option(help="What it is for.")] = "key",
    scope: Annotated[
        list[str] | None,
        typer.Option(help="chat, people:read, people:write, people:delete or admin; repeatable. All but admin."),
    ] = None,
    days: Annotated[float | None, typer.Option(help="Days until it expires; never if not given.", min=0.001)] = None,
    store: StoreUrl = DEFAULT_STORE,
    secrets: Secrets = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Make a key, and the tenant if it is new. Example: counterpoint keys create --tenant me --name laptop"""
    from counterpoint.serving.store import keys as keyring
    from counterpoint.serving.store.records import Scope

    known = [one.value for one in Scope]
    for one in scope or ():
        if one not in known:
            raise BadInputError(f"--scope {one!r}: expected one of {', '.join(known)}")
    scopes = {Scope(one) for one in scope} if scope else set(Scope) - {Scope.ADMIN}
    opened = _open(store, secrets)
    if tenant not in keyring.tenants(opened):
        keyring.create_tenant(opened, tenant)
    _show(keyring.issue(opened, tenant, name, scopes, lasts=None if days is None else days * 86400), as_json)


@keys.command("list")
def list_keys(
    tenant: Tenant = "default",
    store: StoreUrl = DEFAULT_STORE,
    secrets: Secrets = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Say which keys there are. Example: counterpoint keys list --tenant me"""
    from counterpoint.serving.store import keys as keyring

    found = [_record(key) for key in keyring.keys(_open(store, secrets), tenant)]
    if as_json:
        typer.echo(json.dumps(found))
        return
    for key in found:
        until = f"until {key['expires']}" if key["expires"] else "no end"
        typer.echo(f"{key['id']}  {key['name']:20}  {' '.join(key['scopes'])}  {until}")


@keys.command()
def rotate(
    key: Annotated[str, typer.Argument(help="Its id, as `keys list` shows it.")],
    tenant: Tenant = "default",
    overlap: Annotated[float, typer.Option(help="Hours for which the old one still works.", min=0)] = 24.0,
    store: StoreUrl = DEFAULT_STORE,
    secrets: Secrets = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Put a new key in place of one. Example: counterpoint keys rotate 04265c49382b358d --tenant me --overlap 24"""
    from counterpoint.serving.store import keys as keyring

    _show(keyring.rotate(_open(store, secrets), tenant, key, overlap=overlap * 3600), as_json)


@keys.command()
def revoke(
    key: Annotated[str, typer.Argument(help="Its id, as `keys list` shows it.")],
    tenant: Tenant = "default",
    store: StoreUrl = DEFAULT_STORE,
    secrets: Secrets = "",
) -> None:
    """Stop a key from working. Example: counterpoint keys revoke 04265c49382b358d --tenant me"""
    from counterpoint.serving.store import keys as keyring

    keyring.revoke(_open(store, secrets), tenant, key)
    typer.echo(f"{key} is revoked; running services forget it within seconds")


def _open(store: str, secrets: str) -> Store:
    try:
        from counterpoint.serving.storage import open_store
    except ImportError as error:
        raise MissingExtraError("counterpoint keys", "serve") from error
    return open_store(store, secrets)


def _show(issued: Issued, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({**_record(issued.key), "secret": issued.secret}))
        return
    typer.echo(issued.secret)
    typer.echo(f"key {issued.key.id} of tenant {issued.key.tenant}; the secret is not shown again", err=True)


def _record(key: ApiKey) -> dict[str, Any]:
    from counterpoint.serving.routes.fields import written

    return {
        "id": key.id,
        "tenant": key.tenant,
        "name": key.name,
        "scopes": sorted(scope.value for scope in key.scopes),
        "created": written(key.created),
        "expires": written(key.expires),
        "replaces": key.replaces,
    }
