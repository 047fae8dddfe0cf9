"""`counterpoint author conversations`: chats with made-up people, two replies at every turn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from counterpoint.authoring.conversations.author import Conversations, Price, finish, identity, price
from counterpoint.authoring.conversations.roles import NAMES, Name, cast
from counterpoint.authoring.conversations.talk import TRIES, Talk
from counterpoint.authoring.llm import Client, Endpoint
from counterpoint.authoring.personas.seeds import PERSONALITIES, PROFILES
from counterpoint.authoring.run import Outcome
from counterpoint.cli import author_common as common
from counterpoint.data.conversations import Persona, load_personas
from counterpoint.errors import BadInputError, UnknownNameError

EXAMPLE = (
    "Example: counterpoint author conversations --base-url http://localhost:8000/v1 --model my-model "
    "--role rejected=small-model --count 100 --out conversations.jsonl --cache answers --max-cost 5"
)


def conversations(
    model: common.Model,
    count: common.Count,
    out: common.Out,
    base_url: common.BaseUrl = "",
    cache: common.CacheDir = common.DEFAULT_CACHE,
    max_cost: common.MaxCost = None,
    personas: Annotated[
        Path | None, typer.Option(help="File of `author personas`; personas of the package's seeds where not given.")
    ] = None,
    turns: Annotated[int, typer.Option(min=1, help="Turns of a conversation.")] = 10,
    role: Annotated[
        list[str] | None,
        typer.Option(help="NAME=MODEL or NAME=MODEL@URL for user, induction, preferred, rejected or comparison."),
    ] = None,
    temperature: Annotated[list[str] | None, typer.Option(help="NAME=NUMBER for one of the roles.")] = None,
    tries: Annotated[int, typer.Option(min=1, help="How often a failing turn is tried.")] = TRIES,
    attempts: Annotated[int, typer.Option(min=1, help="Conversations begun for a row before it is given up.")] = 2,
    compare: Annotated[
        bool, typer.Option("--compare/--no-compare", help="Let the comparison role say which reply is the better.")
    ] = True,
    preferences: Annotated[
        Path | None, typer.Option(help="Also write a row a turn here: prompt, chosen, rejected, as TRL takes them.")
    ] = None,
    price_in: common.PriceIn = 1.0,
    price_out: common.PriceOut = 4.0,
    concurrency: common.Concurrency = common.IN_FLIGHT,
    rpm: common.Rpm = None,
    tpm: common.Tpm = None,
    timeout: common.Timeout = 120.0,
    seed: common.Seed = 0,
    api_key_env: common.KeyEnv = "OPENAI_API_KEY",
    label: common.Label = "",
    licence: common.Licence = "",
    dry_run: common.DryRun = False,
    force: common.Force = False,
    as_json: common.AsJson = False,
) -> None:
    """Write conversations with made-up people, for training a model to find out whom it talks to.

    A model plays the person, one says what of the person the messages have shown, one replies knowing that, one replies
    without, and one says which reply this person would rather have had. Which reply is heard is drawn. A turn that
    fails is tried again, and a conversation that can't go on is set aside in a file of its own (`.aside`), with the
    reason. Stopped at any moment, the same command goes on without paying for an answer twice. Ends with 1 where
    conversations are missing at the end.
    """
    talk = Talk(turns, tries, compare, seed)
    people = load_personas(personas) if personas is not None else _of_seeds()
    limits = {"concurrency": concurrency, "requests_per_minute": rpm, "tokens_per_minute": tpm, "timeout": timeout}
    money = {"price_in": price_in, "price_out": price_out, "api_key_env": api_key_env, "label": label}
    endpoints = _endpoints(role or (), model, base_url, {**limits, **money})
    warm = {name: _number(text, name) for name, text in _by_role(temperature or (), "--temperature").items()}
    if preferences is not None and not preferences.parent.is_dir():
        raise BadInputError(f"--preferences {preferences}: there is no folder {preferences.parent}")
    if dry_run:
        _print_plan(
            count, talk, len(people), price(count, talk, endpoints, attempts=attempts), max_cost, as_json=as_json
        )
        return
    planned_roles = cast(dict.fromkeys(NAMES, _Nobody()), warm)
    mark = identity(people, planned_roles, talk, endpoints)
    done: list[Conversations] = []
    with common.session(out, cache=cache, max_cost=max_cost, identity=mark, force=force, quiet=as_json) as session:

        async def work() -> Outcome:
            async with AsyncExitStack() as stack:
                clients: dict[Endpoint, Client] = {}
                for endpoint in endpoints.values():
                    if endpoint not in clients:
                        clients[endpoint] = await stack.enter_async_context(session.client(endpoint))
                roles = cast({name: clients[endpoints[name]] for name in NAMES}, warm)
                done.append(Conversations(people, roles, talk))
                return await done[0].author(
                    count,
                    journal=session.journal,
                    attempts=attempts,
                    parallel=common.wide(concurrency),
                    report=session.report,
                )

        outcome = common.perform(work, session.budget)
        folder = session.folder
        card = finish(
            done[0],
            outcome,
            out,
            folder=folder,
            planned=count,
            licence=licence,
            endpoints=endpoints,
            preferences=preferences,
        )
    _print_end(card, out, folder, as_json=as_json)
    common.end(outcome)


class _Nobody:
    """Stands for a client where only the settings of roles are asked for."""

    async def ask(self, call: Any) -> Any:
        raise NotImplementedError

    async def ask_for(self, call: Any, form: Any, *, check: Any = None, repairs: int = 1) -> Any:
        raise NotImplementedError


def _of_seeds() -> tuple[Persona, ...]:
    """Every seed profile with every seed personality."""
    return tuple(
        Persona(f"seed-{i}-{j}", profile, personality)
        for i, profile in enumerate(PROFILES)
        for j, personality in enumerate(PERSONALITIES)
    )


def _by_role(given: Sequence[str], option: str) -> dict[Name, str]:
    found: dict[Name, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not value.strip():
            raise BadInputError(f"{option} {text!r}: expected NAME=VALUE, such as user=...")
        known = next((known for known in NAMES if known == name.strip()), None)
        if known is None:
            raise UnknownNameError("role", name.strip(), NAMES)
        found[known] = value.strip()
    return found


def _number(text: str, name: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadInputError(f"--temperature {name}={text}: expected a number such as 0.8") from None


def _endpoints(given: Sequence[str], model: str, base_url: str, settings: dict[str, Any]) -> dict[Name, Endpoint]:
    """Who is asked in which role. Roles that share model and URL share one endpoint, and its limits."""
    own = _by_role(given, "--role")
    found: dict[Name, Endpoint] = {}
    for name in NAMES:
        asked, _, url = own.get(name, model).partition("@http")
        found[name] = common.endpoint_of(asked, f"http{url}" if url else base_url, **settings)
    return found


def _print_plan(count: int, talk: Talk, people: int, cost: Price, cap: float | None, *, as_json: bool) -> None:
    if as_json:
        shown = {"count": count, "settings": asdict(talk), "personas": people, "price": cost._asdict(), "cap": cap}
        typer.echo(json.dumps(shown))
        return
    console = Console(highlight=False)
    console.print(f"Plan: {count} conversations of {talk.turns} turns with {min(count, people)} of {people} personas")
    console.print(
        f"{cost.calls} calls, about {cost.tokens_in:,} tokens read and {cost.tokens_out:,} written: "
        f"about ${cost.expected:.4f} if no turn fails"
    )
    console.print(f"at most ${cost.at_most:.4f} if every try of every turn is used")
    if cap is not None:
        console.print(f"the run stops before it has cost ${cap:g}")


def _print_end(card: dict[str, Any], out: Path, folder: Path, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(card, ensure_ascii=False))
        return
    console = Console(highlight=False)
    left = f" ({card['stopped']})" if card["stopped"] else ""
    console.print(f"{card['rows']} of {card['planned']} conversations{left}", markup=False)
    for reason, number in card["rejected"].items():
        console.print(f"  set aside: {reason}: {number}", markup=False)
    counts = card["counts"]
    console.print(f"{counts['turns']} turns; preferred were replies {counts['preferred_by']}", markup=False)
    console.print(
        f"{sum(card['answers'].values())} answers, {card['tokens_in'] + card['tokens_out']:,} tokens, "
        f"${card['cost']:.4f}"
    )
    console.print(f"Rows: {out}   Card: {folder / 'card.md'}", soft_wrap=True)
