"""`counterpoint infer`: events in, beliefs out."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from counterpoint.data import load
from counterpoint.errors import BadInputError
from counterpoint.types import Choice
from counterpoint.users.belief import Belief
from counterpoint.users.events import by_id_and_digest, by_person, format_time, load_events, parse_time
from counterpoint.users.inference import Inference, as_record, infer_person, make_model, open_evidence
from counterpoint.users.plot import draw_path

_HALF = 7
DAY = 86400.0
"""Seconds; clocks may differ by so much before an event counts as dated in the future."""


def infer(
    events: Annotated[Path, typer.Argument(metavar="EVENTS", help="What people did: a JSONL file, one event a line.")],
    data: Annotated[
        str, typer.Option(help="The dilemmas the events are about: a file, a folder or 'crossroads'.")
    ] = "crossroads",
    taxonomy: Annotated[str | None, typer.Option(help="vcd, bqd, preference or a TOML file.")] = None,
    model: Annotated[
        str, typer.Option(help="The scorer: 'encoder' (taught on the data), or a saved one's folder.")
    ] = "encoder",
    user_model: Annotated[str, typer.Option(help="gaussian, drifting, contextual, pooled or in_context.")] = "gaussian",
    person: Annotated[str | None, typer.Option(help="Only this person.")] = None,
    as_of: Annotated[
        str | None, typer.Option(help="As it was at this moment: ISO 8601, or seconds since 1970.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Folder for an SVG a person: the belief's path.")] = None,
    cache: Annotated[Path | None, typer.Option(help="SQLite file that keeps the scorer's readings.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Say where people stand, how sure that is, and since when.

    Example: counterpoint infer me.jsonl --data crossroads --as-of 2026-03-01
    """
    moment = _moment(as_of)
    data_set = load(data, taxonomy=taxonomy)
    dilemmas = by_id_and_digest(data_set.dilemmas)
    told = load_events(events, dilemmas, data_set.taxonomy)
    people = by_person(told)
    if person is not None and person not in people:
        raise BadInputError(f"{events} has no event of {person!r}; it has: {', '.join(people)}")
    if note := about_future(told, as_of=moment):
        typer.echo(f"note: {events}: {note}", err=True)
    evidence = open_evidence(model, data_set, cache=cache)
    user = make_model(user_model, Belief.flat(len(data_set.taxonomy)), evidence)
    found = [
        infer_person(name, own, model=user, evidence=evidence, dilemmas=dilemmas, as_of=moment)
        for name, own in people.items()
        if person in (None, name)
    ]
    if plot is not None:
        plot.mkdir(parents=True, exist_ok=True)
        for number, inference in enumerate(found):
            (plot / f"{_file_name(inference.person, number)}.svg").write_text(draw_path(inference, data_set.taxonomy))
    records = [as_record(inference, data_set.taxonomy, as_of=moment) for inference in found]
    if as_json:
        typer.echo(json.dumps(records, ensure_ascii=False))
        return
    for inference, record in zip(found, records, strict=True):
        print_belief(inference, record, Console())


def about_future(events: Sequence[Choice], *, as_of: float | None) -> str:
    """What to say of events that can't have happened yet, or nothing where `as_of` leaves them out."""
    counted = [event.time for event in events if as_of is None or event.time <= as_of]
    future = [moment for moment in counted if moment > time.time() + DAY]
    if not future:
        return ""
    return (
        f"{len(future)} of {len(counted)} events are dated in the future, the last {format_time(max(future))[:10]}. "
        "They count; --as-of leaves out what is later"
    )


def print_belief(inference: Inference, record: dict[str, Any], console: Console) -> None:
    """A table of leanings and the summary."""
    last = f", the last on {record['last_event'][:10]}" if record["last_event"] else ""
    table = Table(title=f"{inference.person}: {record['observations']} observations{last}", title_justify="left")
    for heading in ("from", "leaning", "to"):
        table.add_column(heading, no_wrap=heading == "leaning")
    for heading in ("mean", "sd", "evidence"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in record["value_pairs"]:
        bar = leaning_bar(row["mean"], row["sd"])
        figures = (f"{row['mean']:+.2f}", f"{row['sd']:.2f}", f"{max(row['evidence'], 0.0):.2f}")
        table.add_row(row["negative"], bar, row["positive"], *figures)
    console.print(table)
    console.print(Text(record["summary"]))


def leaning_bar(mean: float, sd: float) -> Text:
    """A scale from the negative pole to the positive: | the middle, o the mean, - one standard deviation about it."""
    cells = ["·"] * (2 * _HALF + 1)

    def place(value: float) -> int:
        return max(0, min(2 * _HALF, round(_HALF + _HALF * value / 2)))

    for cell in range(place(mean - sd), place(mean + sd) + 1):
        cells[cell] = "-"
    cells[_HALF] = "|"
    cells[place(mean)] = "o"
    return Text("".join(cells))


def _moment(text: str | None) -> float | None:
    if text is None:
        return None
    moment = parse_time(text)
    if moment is None:
        raise BadInputError(
            f"--as-of {text!r} is no moment; give ISO 8601 (2026-03-01T12:00:00Z) or seconds since 1970"
        )
    return moment


def _file_name(person: str, number: int) -> str:
    """Safe as a file's name whatever the person is called; the number keeps names apart that look alike then."""
    kept = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in person)[:40]
    return f"{number:03d}-{kept}"
