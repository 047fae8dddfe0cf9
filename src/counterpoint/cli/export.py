"""`counterpoint export`: a suite as a task of another evaluation tool."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from counterpoint.evaluation.interchange.formats import Format


class Exported(StrEnum):
    """Suites whose samples are options to choose from."""

    VCD = "vcd"
    BQD = "bqd"
    CONFLICT = "conflict"
    PREFEVAL = "prefeval"


class Layout(StrEnum):
    """What comes first in a prompt."""

    SCENARIO_FIRST = "scenario_first"
    POLE_FIRST = "pole_first"


def export_(
    suite: Annotated[Exported, typer.Option(help="What is asked; conflict has vcd's questions.")],
    data: Annotated[str, typer.Option(help="A file, a folder, or a built-in data set.")],
    form: Annotated[Format, typer.Option("--format", help="lm-eval: lm-evaluation-harness. inspect: inspect_ai.")],
    out: Annotated[Path, typer.Option(help="Folder for the task; an export there is replaced.")],
    taxonomy: Annotated[str | None, typer.Option(help="vcd, bqd, preference or a TOML file.")] = None,
    seed: Annotated[int, typer.Option(help="Draws the options' order: that of a run's seed of this number.")] = 0,
    layout: Annotated[
        Layout, typer.Option(help="What comes first in a prompt; a trained model's lm.training.layout.")
    ] = Layout.SCENARIO_FIRST,
    plain: Annotated[bool, typer.Option("--plain/--chat", help="lm-eval: for models without a chat template.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Write a suite's questions as a task that other tools run, asked word for word as here.

    Example: counterpoint export --suite vcd --data crossroads --format lm-eval --out tasks/vcd
    """
    from counterpoint.cli.evaluate_choices import read_suite
    from counterpoint.evaluation.interchange.export import export
    from counterpoint.models.prompts import PromptConfig

    config = PromptConfig(layout=layout.value)
    asked, _ = read_suite(suite.value, data, taxonomy)
    questions = export(asked, out, form=form, seed=seed, chat=not plain, prompts=config)
    poles = len({question.pole for question in questions})
    if as_json:
        typer.echo(json.dumps({"out": str(out), "format": form.value, "questions": len(questions), "poles": poles}))
    else:
        typer.echo(f"{out}: {len(questions)} questions under {poles} poles. {out / 'README.md'} says how to run them")
