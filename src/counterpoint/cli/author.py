"""`counterpoint author`: have LLMs write data, and keep what holds."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from counterpoint.authoring.dilemmas.authoring import Price, Written, author, finish, identity, price
from counterpoint.authoring.dilemmas.ingredients import AREAS
from counterpoint.authoring.dilemmas.likeness import Remembered
from counterpoint.authoring.dilemmas.plan import plan_slot
from counterpoint.authoring.dilemmas.writing import DilemmaSettings, DilemmaWriter
from counterpoint.authoring.run import Outcome
from counterpoint.cli import author_common as common
from counterpoint.cli.author_conversations import EXAMPLE as CONVERSATIONS
from counterpoint.cli.author_conversations import conversations
from counterpoint.cli.author_histories import EXAMPLE as HISTORIES
from counterpoint.cli.author_histories import histories
from counterpoint.cli.author_personas import EXAMPLE as PERSONAS
from counterpoint.cli.author_personas import personas
from counterpoint.data.taxonomy import taxonomy as find_taxonomy
from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.types import Taxonomy

app = typer.Typer(help="Have LLMs write data: dilemmas, personas, conversations, histories.", no_args_is_help=True)

app.command(epilog=PERSONAS)(personas)
app.command(epilog=CONVERSATIONS)(conversations)
app.command(epilog=HISTORIES)(histories)
EXAMPLE = (
    "Example: counterpoint author dilemmas --base-url http://localhost:8000/v1 --model my-model "
    "--count 100 --out dilemmas.jsonl --cache answers --max-cost 2"
)


@app.command(epilog=EXAMPLE)
def dilemmas(
    model: common.Model,
    count: common.Count,
    out: common.Out,
    base_url: common.BaseUrl = "",
    cache: common.CacheDir = common.DEFAULT_CACHE,
    max_cost: common.MaxCost = None,
    taxonomy: Annotated[str, typer.Option(help="Value pairs: vcd, bqd, preference, or a TOML file.")] = "vcd",
    pairs: Annotated[str, typer.Option(help="Only these value pairs, separated by commas.")] = "",
    scenes: Annotated[str, typer.Option(help="Areas of life, separated by commas.")] = ",".join(AREAS),
    options: Annotated[str, typer.Option(help="Numbers of options, each equally often.")] = "2,3,4,5",
    twins: Annotated[
        bool, typer.Option("--twins", help="Also rewrite each scenario so that the same options serve the other pole.")
    ] = False,
    checker_model: Annotated[str, typer.Option(help="Model that reads without the labels; the writer otherwise.")] = "",
    checker_base_url: Annotated[str, typer.Option(help="Where that model is asked; as the writer otherwise.")] = "",
    embeddings: Annotated[
        bool, typer.Option("--embeddings/--no-embeddings", help="Near duplicates by meaning, or by words alone.")
    ] = True,
    temperature: Annotated[float, typer.Option(min=0, help="Of the writer.")] = 0.8,
    max_tokens: Annotated[int, typer.Option(min=1, help="Tokens of one answer at most.")] = 1500,
    price_in: common.PriceIn = 1.0,
    price_out: common.PriceOut = 4.0,
    concurrency: common.Concurrency = common.IN_FLIGHT,
    rpm: common.Rpm = None,
    tpm: common.Tpm = None,
    timeout: common.Timeout = 120.0,
    seed: common.Seed = 0,
    attempts: common.Attempts = 4,
    api_key_env: common.KeyEnv = "OPENAI_API_KEY",
    label: common.Label = "",
    licence: common.Licence = "",
    dry_run: common.DryRun = False,
    force: common.Force = False,
    as_json: common.AsJson = False,
) -> None:
    """Write dilemmas: a setting, the dilemma, labels recovered by a reader who isn't told them, appeal, balance.

    Stopped at any moment, the same command goes on without paying for an answer twice. Prices are what the cap is
    counted in: give your endpoint's. Ends with 1 where rows are missing at the end.
    """
    known = _chosen(find_taxonomy(taxonomy), pairs)
    settings = DilemmaSettings(
        areas=tuple(_listed(scenes)),
        sizes=_numbers(options),
        seed=seed,
        twins=twins,
        temperature=temperature,
        max_tokens=max_tokens,
    )
    plan_slot(0, known, areas=settings.areas, sizes=settings.sizes, seed=seed)  # refuses what can't be planned
    limits = {"concurrency": concurrency, "requests_per_minute": rpm, "tokens_per_minute": tpm, "timeout": timeout}
    money = {"price_in": price_in, "price_out": price_out, "api_key_env": api_key_env, "label": label}
    writer = common.endpoint_of(model, base_url, **limits, **money)
    reader = common.endpoint_of(checker_model or model, checker_base_url or base_url, **limits, **money)
    if dry_run:
        cost = price(count, settings, writer=writer, checker=reader, attempts=attempts)
        _print_plan(count, settings, known, cost, max_cost, as_json=as_json)
        return
    likeness = "sentence encoder" if embeddings else "words"
    mark = identity(settings, known, writer=writer, checker=reader, likeness=likeness)
    with common.session(out, cache=cache, max_cost=max_cost, identity=mark, force=force, quiet=as_json) as session:
        embed = Remembered(common.embedder(embeddings))

        async def work() -> Outcome:
            async with session.client(writer) as asked, session.client(reader) as read:
                checker = asked if reader == writer else read
                hand = DilemmaWriter(settings, known, writer=asked, checker=checker)
                return await author(
                    count,
                    hand,
                    embed=embed,
                    journal=session.journal,
                    attempts=attempts,
                    parallel=common.wide(concurrency),
                    report=session.report,
                )

        outcome = common.perform(work, session.budget)
        written = finish(
            outcome,
            settings,
            known,
            embed=embed,
            out=out,
            folder=session.folder,
            planned=count,
            licence=licence,
            endpoints={"writer": writer, "checker": reader},
        )
    _print_end(written, out, as_json=as_json)
    common.end(outcome)


def _chosen(taxonomy: Taxonomy, pairs: str) -> Taxonomy:
    """The taxonomy with only the value pairs named."""
    for name in _listed(pairs):
        if name not in taxonomy.by_name:
            raise UnknownNameError("value pair", name, taxonomy.by_name)
    kept = tuple(pair for pair in taxonomy if not pairs or pair.name in _listed(pairs))
    return replace(taxonomy, pairs=kept)


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in _listed(text))
    except ValueError:
        raise BadInputError(f"--options {text!r}: expected whole numbers such as 2,3,4,5") from None


def _print_plan(
    count: int,
    settings: DilemmaSettings,
    taxonomy: Taxonomy,
    cost: Price,
    cap: float | None,
    *,
    as_json: bool,
) -> None:
    if as_json:
        typer.echo(json.dumps({"count": count, "settings": asdict(settings), "price": asdict(cost), "cap": cap}))
        return
    slots = [
        plan_slot(i, taxonomy, areas=settings.areas, sizes=settings.sizes, seed=settings.seed) for i in range(count)
    ]
    table = Table(title=f"Plan: {count} dilemmas", title_justify="left")
    for heading in ("value pair", "dilemmas", "options for the poles"):
        table.add_column(heading)
    for pair in taxonomy:
        own = [slot for slot in slots if slot.pair == pair]
        sides = f"{sum(slot.positive for slot in own)} and {sum(slot.negative for slot in own)}"
        table.add_row(pair.name, str(len(own)), sides)
    console = Console()
    console.print(table)
    console.print(f"areas: {', '.join(settings.areas)}", highlight=False)
    asked = f"{cost.calls} calls, about {cost.tokens_in:,} tokens read and {cost.tokens_out:,} written"
    console.print(f"{asked}: about ${cost.expected:.4f} if each row holds at once", highlight=False)
    console.print(
        f"at most ${cost.at_most:.4f} if every attempt is used, mended and as long as may be", highlight=False
    )
    if cap is not None:
        console.print(f"the run stops before it has cost ${cap:g}", highlight=False)


def _print_end(written: Written, out: Path, *, as_json: bool) -> None:
    card = written.card
    if as_json:
        typer.echo(json.dumps(card, ensure_ascii=False))
        return
    console = Console()
    left = f" ({card['stopped']})" if card["stopped"] else ""
    twins = f", {len(written.twins)} with a twin" if written.twins.dilemmas else ""
    console.print(f"{card['rows']} of {card['planned']} dilemmas kept{twins}{left}", highlight=False)
    for reason, count in card["rejected"].items():
        console.print(f"  rejected: {reason}: {count}", highlight=False, markup=False)
    console.print(
        f"{sum(card['answers'].values())} answers ({card['mended']} of them mended others), "
        f"{card['tokens_in'] + card['tokens_out']:,} tokens, ${card['cost']:.4f}",
        highlight=False,
    )
    findings = written.lint.findings
    if written.data.dilemmas:
        console.print("lint: clean" if not findings else f"lint: {len(findings)} findings", highlight=False)
    for finding in findings[:20]:
        console.print(f"  {finding.severity}: {finding.check}: {finding.where}: {finding.message}", markup=False)
    where = f"Rows: {out if written.data.dilemmas else 'none'}   Card: {common.run_folder(out) / 'card.md'}"
    console.print(where, soft_wrap=True, highlight=False)
