"""`counterpoint answer`: one question, answered for one person."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from counterpoint.cli.answer_setup import Known, Where, World, opposite, person, question
from counterpoint.errors import BadInputError
from counterpoint.models.answer_parser import parse_answer
from counterpoint.models.decoding import Decoding
from counterpoint.steering.asking import BASE, Ask, Asked, Reply, Request, text_of
from counterpoint.steering.explain import Explanation, explain
from counterpoint.steering.method import METHODS
from counterpoint.steering.steering import Policy, Steering, nothing
from counterpoint.users.events import parse_time

if TYPE_CHECKING:
    from counterpoint.steering.method import Answerer


def answer(
    prompt: Annotated[str | None, typer.Argument(help="What is asked; - reads standard input.")] = None,
    dilemma: Annotated[
        str | None, typer.Option(help="A dilemma instead: an id in --data, a file with one, or - for standard input.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="The dilemmas that ids and events are about; crossroads by default.")
    ] = None,
    taxonomy: Annotated[str | None, typer.Option(help="vcd, bqd, preference, toy or a TOML file.")] = None,
    model: Annotated[
        str | None, typer.Option(help="lm: and a hub id or a folder; with --base-url the model's name there.")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option("--base-url", help="An OpenAI-compatible endpoint; key in OPENAI_API_KEY.")
    ] = None,
    lean: Annotated[
        list[str] | None, typer.Option(help="A leaning: pole=strength, in log-odds; below 0 the other side.")
    ] = None,
    events: Annotated[Path | None, typer.Option(help="What people did (see counterpoint infer): JSONL.")] = None,
    who: Annotated[str | None, typer.Option("--person", help="Whose events count.")] = None,
    reader: Annotated[str, typer.Option(help="The scorer that reads events: 'encoder' or a folder.")] = "encoder",
    user_model: Annotated[str, typer.Option(help="gaussian, drifting, contextual or pooled.")] = "gaussian",
    as_of: Annotated[str | None, typer.Option(help="As the person was then: ISO 8601 or seconds.")] = None,
    scene: Annotated[str, typer.Option(help="Where the reply is for, for --user-model contextual.")] = "",
    method: Annotated[
        str | None,
        typer.Option(help="How to steer; several joined by +. By default mixture, at an endpoint instruction."),
    ] = None,
    strength: Annotated[float, typer.Option(help="Multiplies every leaning; 0 is the base.")] = 1.0,
    sure: Annotated[float, typer.Option(help="Probability of a side from which to lean to it.")] = Policy.sure,
    both_sides: Annotated[
        bool, typer.Option("--both-sides", help="Show both sides of what the evidence conflicts on.")
    ] = False,
    material: Annotated[list[str] | None, typer.Option(help="What a method was trained to: method=folder.")] = None,
    dial: Annotated[list[Path] | None, typer.Option(help="A method's dial; those beside the model are found.")] = None,
    compare: Annotated[bool, typer.Option("--compare", help="Also the base and the opposite side.")] = False,
    explained: Annotated[bool, typer.Option("--explain", help="Say what was applied and why.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    system: Annotated[str, typer.Option(help="What the system says before the prompt.")] = "",
    temperature: Annotated[float, typer.Option(help="0 takes the likeliest token.")] = Decoding.temperature,
    top_p: Annotated[float, typer.Option(help="Of the likeliest tokens.")] = Decoding.top_p,
    max_tokens: Annotated[int, typer.Option(help="A longer reply is cut.")] = Decoding.max_new_tokens,
    stop: Annotated[list[str] | None, typer.Option(help="A reply ends before this text.")] = None,
    seed: Annotated[int, typer.Option(help="Of the random numbers.")] = 0,
) -> None:
    """Answer a prompt or a dilemma as fits a person, or leanings given by name.

    Examples:

      counterpoint answer "Stocks or bonds?" --lean risk-averse=1.5 --model lm:Qwen/Qwen2.5-3B-Instruct

      counterpoint answer "Stocks or bonds?" --events me.jsonl --explain --base-url http://localhost:8000/v1 --model m

      counterpoint answer --data toy --dilemma toy-3 --lean hare=2 --model lm:runs/tiny/adapter --compare
    """
    world = World(data, taxonomy)
    ask = question(prompt, dilemma, world, system=system)
    known = None if events is None else Known(events, who, reader, user_model, _moment(as_of), scene)
    policy = Policy(sure=sure, both_sides=both_sides)
    _check(strength, method, who, events)
    found = person(lean or (), known, world, policy)
    steering = _scaled(found.steering, strength, world)
    host = Where(model, base_url, tuple(material or ()), tuple(dial or ())).open(world.taxonomy)
    method = method or ("instruction" if base_url is not None else "mixture")
    decoding = Decoding(temperature, top_p, max_tokens, tuple(stop or ()), seed)
    steerings = {"person": steering}
    if compare:
        base = nothing(world.taxonomy)
        steerings = {"base": base, "person": steering, "opposite": opposite(steering, world.taxonomy)}
    requests = [Request(ask, one, method, decoding) for one in steerings.values()]
    streaming = not (compare or as_json) and sys.stdout.isatty()
    replies = host.answer(requests, on_text=_stream if streaming else None)
    shown = [
        Shown(label, reply, ask, chances)
        for label, reply, chances in zip(steerings, replies, _chances(host, requests), strict=True)
    ]
    explanation = explain(steering, world.taxonomy, method=method, history=found.history)
    if as_json:
        typer.echo(json.dumps(_record(ask, model, shown, explanation if explained else None), ensure_ascii=False))
    elif compare:
        _side_by_side(shown, explanation if explained else None)
    else:
        _print(shown[0], explanation, streamed=streaming, explained=explained)


@dataclass(frozen=True)
class Shown:
    """A reply and what is told of it."""

    label: str
    """`base`, `person` or `opposite`."""
    reply: Reply
    ask: Ask
    chances: tuple[float, ...]
    """Probability of each option as the reply's letter; none where that can't be told."""

    @property
    def chosen(self) -> int | None:
        """Which option of the dilemma it chooses, if that can be read."""
        if not isinstance(self.ask, Asked):
            return None
        texts = [option.text for option in self.ask.dilemma.options]
        return parse_answer(self.reply.text, len(texts), texts=texts).choice

    def record(self) -> dict[str, Any]:
        """For programs."""
        found: dict[str, Any] = {
            "who": self.label,
            "text": self.reply.text,
            "finish": self.reply.finish,
            "method": self.reply.method,
            "vector": self.reply.steering.vector,
        }
        if isinstance(self.ask, Asked):
            found |= {"chosen": self.chosen, "probabilities": self.chances or None}
        return found


def _check(strength: float, method: str | None, who: str | None, events: Path | None) -> None:
    if not (math.isfinite(strength) and strength >= 0):
        raise BadInputError(f"--strength is {strength}; expected 0 or more (a lean below 0 is the other side)")
    if who is not None and events is None:
        raise BadInputError(f"--person {who}: no --events to know them by")
    for name in (method or BASE).split("+"):
        if name.strip() != BASE:
            METHODS.get(name.strip())


def _moment(text: str | None) -> float | None:
    moment = None if text is None else parse_time(text)
    if text is not None and moment is None:
        raise BadInputError(f"--as-of {text!r} is no moment; give ISO 8601 or seconds since 1970")
    return moment


def _scaled(steering: Steering, strength: float, world: World) -> Steering:
    return steering.scaled(strength) if strength else nothing(world.taxonomy, "--strength is 0")


def _chances(host: Answerer, requests: Sequence[Request]) -> list[tuple[float, ...]]:
    """How likely each option is, where the model's inside is seen and its method has a say in that."""
    ask = requests[0].ask
    kept = any(METHODS.get(name).needs == "candidates" for request in requests for name in request.methods)
    if not isinstance(ask, Asked) or kept or not hasattr(host, "language"):
        return [()] * len(requests)
    from counterpoint.steering.engine import Engine
    from counterpoint.steering.likelihood import options

    assert isinstance(host, Engine)
    return [tuple(math.exp(x) for x in row) for row in options(host, requests)]


def _record(ask: Ask, model: str | None, shown: Sequence[Shown], explanation: Explanation | None) -> dict[str, Any]:
    found: dict[str, Any] = {"model": model, "question": text_of(ask), "replies": [one.record() for one in shown]}
    if isinstance(ask, Asked):
        found["dilemma"] = ask.dilemma.id
    return found | ({"explanation": explanation.record()} if explanation else {})


def _stream(_: int, text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _print(one: Shown, explanation: Explanation, *, streamed: bool, explained: bool) -> None:
    typer.echo("" if streamed else one.reply.text)
    if isinstance(one.ask, Asked) and one.chosen is not None:
        typer.echo(f"Chosen: {_option(one, one.chosen)}")
    if one.reply.finish == "length":
        typer.echo("note: cut at --max-tokens", err=True)
    if explained:
        typer.echo(f"\n{explanation.text}")
    elif explanation.abstained:
        typer.echo(f"note: the base answered: {explanation.abstained}", err=True)


def _option(one: Shown, option: int) -> str:
    assert isinstance(one.ask, Asked)
    likely = f" ({one.chances[option]:.0%})" if one.chances else ""
    found = one.ask.dilemma.options[option]
    return f"{ascii_uppercase[option]}. {found.text} [{found.pole}]{likely}"


def _side_by_side(shown: Sequence[Shown], explanation: Explanation | None) -> None:
    """A column each; a dilemma's options with how likely each is."""
    console = Console()
    ask = shown[0].ask
    table = Table(title_justify="left")
    if isinstance(ask, Asked):
        table.add_column("")
    for one in shown:
        table.add_column(one.label)
    replies = [Text(one.reply.text) for one in shown]
    if isinstance(ask, Asked):
        console.print(Text(ask.dilemma.scenario))
        for i, option in enumerate(ask.dilemma.options):
            cells = [
                f"{one.chances[i]:.0%}{'  chosen' if one.chosen == i else ''}"
                if one.chances
                else "chosen" * (one.chosen == i)
                for one in shown
            ]
            table.add_row(Text(f"{ascii_uppercase[i]}. {option.text} [{option.pole}]"), *cells)
        table.add_section()
        table.add_row("reply", *replies)
    else:
        table.add_row(*replies)
    console.print(table)
    if explanation:
        console.print(Text(explanation.text))
