"""`counterpoint train`: fine-tune a language model by a recipe."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from counterpoint.cli.progress import progress_bar
from counterpoint.errors import BadInputError
from counterpoint.evaluation.progress import Stage

if TYPE_CHECKING:
    from counterpoint.training.lm.conversation_recipe import ConversationRecipe


def train(
    recipe: Annotated[Path, typer.Argument(help="A TOML file; see recipes/.")],
    set_: Annotated[list[str] | None, typer.Option("--set", help="A setting, such as training.epochs=2.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="The run's folder, runs/NAME-OF-RECIPE by default. A stopped run goes on in it.")
    ] = None,
    plan_only: Annotated[
        bool, typer.Option("--plan-only", help="Say what would be trained and what sharing saves, and stop.")
    ] = False,
    keep_good: Annotated[bool, typer.Option("--keep-good", help="Leave bad records out instead of stopping.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print results.json's content and nothing else.")] = False,
) -> None:
    """Fine-tune a language model's adapter by a recipe. The same command goes on where a stopped run was.

    A recipe with stages is trained on conversations: on preferred replies, then on preferred against rejected ones.

    Example: counterpoint train recipes/tiny.toml --out runs/tiny

    Example: counterpoint train recipes/tiny-aloe.toml --out runs/aloe
    """
    from counterpoint.training.lm.conversation_recipe import ConversationRecipe
    from counterpoint.training.lm.recipe import read_recipe
    from counterpoint.training.lm.run import plan_recipe, run_recipe

    settings = read_recipe(recipe, set_ or ())
    console = Console(stderr=True)
    if isinstance(settings, ConversationRecipe):
        if keep_good:
            raise BadInputError("--keep-good is for dilemmas; mend the file of conversations")
        _train_stages(settings, out or Path("runs") / recipe.stem, console, plan_only=plan_only, as_json=as_json)
        return
    if plan_only:
        plan = plan_recipe(settings, keep_good=keep_good)
        typer.echo(json.dumps(plan.record()) if as_json else plan.summary())
        return
    folder = out or Path("runs") / recipe.stem
    with progress_bar(quiet=as_json) as report:
        results = run_recipe(
            settings,
            folder,
            keep_good=keep_good,
            tell=lambda text, share: report(Stage(text, share)),
            announce=_announcer(console, quiet=as_json),
        )
    if int(os.environ.get("RANK", "0")) > 0:
        return  # one of several processes: the first one speaks
    _write_curve(results["config"]["objective"], results["curve"], folder)
    if as_json:
        typer.echo(json.dumps(results))
        return
    typer.echo(_course(results["curve"]))
    typer.echo(f"Adapter: {folder / 'adapter'}   Numbers: {folder / 'results.json'}   Curve: {folder / 'curve.svg'}")


def _train_stages(
    settings: ConversationRecipe, folder: Path, console: Console, *, plan_only: bool, as_json: bool
) -> None:
    """The same for a recipe with stages."""
    from counterpoint.training.lm.conversation_run import plan_recipe, run_conversations, summary

    if plan_only:
        plans = plan_recipe(settings)
        typer.echo(json.dumps({s: plan.record() for s, plan in plans.items()}) if as_json else summary(plans))
        return
    with progress_bar(quiet=as_json) as report:
        results = run_conversations(
            settings,
            folder,
            tell=lambda text, share: report(Stage(text, share)),
            announce=_announcer(console, quiet=as_json),
        )
    if int(os.environ.get("RANK", "0")) > 0:
        return
    if as_json:
        typer.echo(json.dumps(results))
        return
    for stage, curve in results["curve"].items():
        typer.echo(f"{stage}: {_course(curve)}")
    made = {"sft": "sft_model", "dpo": "adapter"}
    where = "   ".join(f"{stage}: lm:{folder / made[stage]}" for stage in settings.stages)
    typer.echo(f"{where}   Numbers: {folder / 'results.json'}")
    typer.echo(f"How well it suits people: counterpoint evaluate --suite aloe --model {folder} --out ...")


def _announcer(console: Console, *, quiet: bool) -> Callable[[str], None]:
    def announce(text: str) -> None:
        if not quiet:
            console.print(text, highlight=False, markup=False, soft_wrap=True)

    return announce


def _course(curve: list[list[float]]) -> str:
    return f"{len(curve)} steps, loss {curve[0][2]:.3f} at the first and {curve[-1][2]:.3f} at the last"


STYLE = (
    "<style>.line{fill:none;stroke:#0072b2;stroke-width:1.4}.grid{stroke:#ccc}text{font:10px sans-serif;fill:#555}"
    ".end{text-anchor:end}</style>"
)


def _write_curve(objective: str, curve: list[list[float]], folder: Path) -> None:
    from counterpoint.evaluation.charts import curve_panel
    from counterpoint.evaluation.method_labels import label_methods
    from counterpoint.runlog import write_text

    label = label_methods([objective])[objective]
    svg = str(curve_panel("curve", label, [[(step, loss) for step, _, loss in curve]], "steps"))
    head, rest = svg.split(">", 1)
    write_text(folder / "curve.svg", f'{head} xmlns="http://www.w3.org/2000/svg">{STYLE}{rest}\n')
