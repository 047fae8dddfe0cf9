"""`counterpoint author histories`: made-up people answer dilemmas over time, the truth about them in a file apart."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.console import Console

from counterpoint.authoring.histories.author import (
    Histories,
    HistorySettings,
    Price,
    files_of,
    finish,
    identity,
    price,
)
from counterpoint.authoring.histories.living import Life
from counterpoint.authoring.histories.people import KINDS, Kind
from counterpoint.authoring.run import Outcome
from counterpoint.cli import author_common as common
from counterpoint.data import load
from counterpoint.data.conversations import load_personas
from counterpoint.errors import BadInputError
from counterpoint.users.events import as_line, parse_time

EXAMPLE = "Example: counterpoint author histories --data crossroads --count 50 --events 40 --out events.jsonl"


def histories(
    count: common.Count,
    out: common.Out,
    model: Annotated[str, typer.Option(help="Who puts choices into the people's words; nobody where not given.")] = "",
    base_url: common.BaseUrl = "",
    cache: common.CacheDir = common.DEFAULT_CACHE,
    max_cost: common.MaxCost = None,
    data: Annotated[str, typer.Option(help="Dilemmas: a file, a folder or a built-in data set.")] = "crossroads",
    taxonomy: Annotated[str | None, typer.Option(help="vcd, bqd, preference or a TOML file.")] = None,
    events: Annotated[int, typer.Option(min=1, help="Choices of each person.")] = 40,
    gap: Annotated[float, typer.Option(help="Days between two choices, on average.")] = 3.0,
    start: Annotated[str, typer.Option(help="When histories begin: ISO 8601.")] = "2026-01-01",
    kinds: Annotated[str, typer.Option(help="Kinds of people, separated by commas; they take turns.")] = ",".join(
        KINDS
    ),
    lapse: Annotated[float, typer.Option(min=0, max=1, help="Probability of a choice whatever the leaning.")] = 0.02,
    personas: Annotated[Path | None, typer.Option(help="File of `author personas`: how they talk.")] = None,
    temperature: Annotated[float, typer.Option(min=0, help="Of the phrasing.")] = 0.9,
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
    """Write histories: people with a hidden vector, which may change, choose in dilemmas over time.

    OUT holds what they did, for `counterpoint infer OUT --data ...`. What was true at each choice is in a file of its
    own (`.truth`), which no model should read. With --model a third file (`.words`) says what each person said of each
    choice. Without it nothing is asked and nothing costs.
    """
    moment = parse_time(start)
    if moment is None:
        raise BadInputError(f"--start {start!r} is no moment; give ISO 8601, such as 2026-01-01")
    given = tuple(kind.strip() for kind in kinds.split(",") if kind.strip())
    settings = HistorySettings(
        Life(events, gap, moment), cast(tuple[Kind, ...], given), lapse=lapse, temperature=temperature, seed=seed
    )
    data_set = load(data, taxonomy=taxonomy)
    people = load_personas(personas) if personas is not None else ()
    limits = {"concurrency": concurrency, "requests_per_minute": rpm, "tokens_per_minute": tpm, "timeout": timeout}
    money = {"price_in": price_in, "price_out": price_out, "api_key_env": api_key_env, "label": label}
    endpoint = common.endpoint_of(model, base_url, **limits, **money) if model else None
    work = Histories(settings, data_set, None, people)
    if dry_run:
        _print_plan(count, work, price(count, work, endpoint), max_cost, as_json=as_json)
        return
    mark = identity(work, endpoint)
    with common.session(out, cache=cache, max_cost=max_cost, identity=mark, force=force, quiet=as_json) as session:

        async def perform() -> Outcome:
            async with AsyncExitStack() as stack:
                client = await stack.enter_async_context(session.client(endpoint)) if endpoint else None
                return await replace(work, client=client).author(count, journal=session.journal, report=session.report)

        outcome = common.perform(perform, session.budget)
        card = finish(
            work,
            outcome,
            out,
            as_line,
            folder=session.folder,
            planned=count,
            licence=licence,
            endpoint=endpoint,
        )
        folder = session.folder
    _print_end(card, out, folder, as_json=as_json)
    common.end(outcome)


def _print_plan(count: int, work: Histories, cost: Price, cap: float | None, *, as_json: bool) -> None:
    if as_json:
        shown = {"count": count, "settings": asdict(work.settings), "price": cost._asdict(), "cap": cap}
        typer.echo(json.dumps(shown))
        return
    console = Console(highlight=False)
    console.print(f"Plan: {count} people with {work.settings.life.events} choices each among {work.data.name}")
    console.print(f"kinds: {', '.join(work.settings.kinds)}")
    if not cost.calls:
        console.print("nothing is asked of a model, and nothing costs")
        return
    console.print(
        f"{cost.calls} calls, about {cost.tokens_in:,} tokens read and {cost.tokens_out:,} written: "
        f"about ${cost.expected:.4f}; at most ${cost.at_most:.4f}"
    )
    if cap is not None:
        console.print(f"the run stops before it has cost ${cap:g}")


def _print_end(card: dict[str, Any], out: Path, folder: Path, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(card, ensure_ascii=False))
        return
    console = Console(highlight=False)
    left = f" ({card['stopped']})" if card["stopped"] else ""
    counts, files = card["counts"], files_of(out)
    console.print(f"{card['rows']} of {card['planned']} people, {counts['choices']} choices{left}", markup=False)
    if card["settings"]["phrased_by"]:
        console.print(f"{counts['phrased']} of them in their own words: {files.words}, ${card['cost']:.4f}")
    console.print(f"Events: {out}   Truth: {files.truth}   Card: {folder / 'card.md'}", soft_wrap=True)
