"""`counterpoint author personas`: pools of profiles and personalities, grown until they have enough or are full."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from counterpoint.authoring.personas.author import Grown, Price, author, finish, identity, price
from counterpoint.authoring.personas.pool import Growth
from counterpoint.authoring.personas.similarity import THRESHOLD
from counterpoint.authoring.run import Outcome
from counterpoint.cli import author_common as common
from counterpoint.errors import BadInputError

EXAMPLE = (
    "Example: counterpoint author personas --base-url http://localhost:8000/v1 --model my-model "
    "--count 100 --out personas.jsonl --cache answers --max-cost 2"
)


def personas(
    model: common.Model,
    count: common.Count,
    out: common.Out,
    base_url: common.BaseUrl = "",
    cache: common.CacheDir = common.DEFAULT_CACHE,
    max_cost: common.MaxCost = None,
    pool: Annotated[
        int | None, typer.Option(min=1, help="New profiles, and new personalities, to grow; as many as --count.")
    ] = None,
    threshold: Annotated[float, typer.Option(help="Largest cosine with any text kept.")] = THRESHOLD,
    embeddings: Annotated[
        bool, typer.Option("--embeddings/--no-embeddings", help="Likeness by meaning, or by words alone.")
    ] = True,
    temperature: Annotated[float, typer.Option(min=0, help="Of the writer.")] = 0.8,
    max_tokens: Annotated[int, typer.Option(min=1, help="Tokens of one answer at most.")] = 4096,
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
    """Write personas: a profile and a personality each, from pools that take in nothing too like what they hold.

    Stopped at any moment, the same command goes on without paying for an answer twice. A pool that hardly lets anything
    new in is full, and said to be; personas are then made of fewer texts, no pair of them twice. The run's folder gets
    the pools and a picture of how varied they are. Ends with 1 where personas are missing at the end.
    """
    growth = Growth(pool or count, threshold=threshold, temperature=temperature, max_tokens=max_tokens, seed=seed)
    if not -1 <= threshold <= 1:
        raise BadInputError(f"--threshold must be between -1 and 1 (got {threshold})")
    limits = {"concurrency": concurrency, "requests_per_minute": rpm, "tokens_per_minute": tpm, "timeout": timeout}
    money = {"price_in": price_in, "price_out": price_out, "api_key_env": api_key_env, "label": label}
    endpoint = common.endpoint_of(model, base_url, **limits, **money)
    if dry_run:
        _print_plan(count, growth, price(growth, endpoint), max_cost, as_json=as_json)
        return
    mark = identity(growth, endpoint, "sentence encoder" if embeddings else "words")
    grown: list[Grown] = []
    with common.session(out, cache=cache, max_cost=max_cost, identity=mark, force=force, quiet=as_json) as session:
        embed = common.embedder(embeddings)

        async def work() -> Outcome:
            async with session.client(endpoint) as client:
                grown.append(await author(count, client, embed, growth, report=session.report))
            return grown[0].outcome

        outcome = common.perform(work, session.budget)
        folder = session.folder
        card = finish(grown[0], growth, out, folder=folder, planned=count, licence=licence, endpoint=endpoint)
    _print_end(card, out, folder, as_json=as_json)
    common.end(outcome)


def _print_plan(count: int, growth: Growth, cost: Price, cap: float | None, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"count": count, "settings": asdict(growth), "price": cost._asdict(), "cap": cap}))
        return
    console = Console(highlight=False)
    console.print(f"Plan: {count} personas from {growth.wanted} new profiles and {growth.wanted} new personalities")
    console.print(f"{growth.asked} asked for in a call; kept up to a cosine of {growth.threshold:g}")
    console.print(
        f"{cost.calls} calls if half survive, about {cost.tokens_in:,} tokens read and {cost.tokens_out:,} written: "
        f"about ${cost.expected:.4f}"
    )
    console.print(f"at most ${cost.at_most:.4f} before both pools count as full")
    if cap is not None:
        console.print(f"the run stops before it has cost ${cap:g}")


def _print_end(card: dict[str, Any], out: Path, folder: Path, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(card, ensure_ascii=False))
        return
    console = Console(highlight=False)
    left = f" ({card['stopped']})" if card["stopped"] else ""
    console.print(f"{card['rows']} of {card['planned']} personas{left}", markup=False)
    for kind, pool in card["counts"].items():
        rejected = ", ".join(f"{reason} {number}" for reason, number in pool["rejected"].items())
        console.print(
            f"  {kind}: {pool['new']} new of {pool['asked_for']} asked for"
            + (f"; rejected: {rejected}" if rejected else "")
            + f"; worth {pool['effective_number']} wholly different ones",
            markup=False,
        )
    for finding in card["findings"]:
        console.print(f"note: {finding}", markup=False)
    console.print(
        f"{sum(card['answers'].values())} answers, {card['tokens_in'] + card['tokens_out']:,} tokens, "
        f"${card['cost']:.4f}"
    )
    console.print(f"Rows: {out}   Card: {folder / 'card.md'}   Picture: {folder / 'diversity.svg'}", soft_wrap=True)
