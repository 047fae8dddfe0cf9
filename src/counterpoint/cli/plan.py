"""`counterpoint plan`: what a training run saves, needs and takes, before it is begun."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from counterpoint.errors import BadInputError, MissingExtraError


def plan(
    recipe: Annotated[Path | None, typer.Argument(help="A TOML file; see recipes/. Without it, the defaults.")] = None,
    model: Annotated[
        str | None, typer.Option(help="Hub id, or a folder with config.json (and tokenizer); the recipe's otherwise.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="A file, a folder or a built-in data set; the recipe's otherwise.")
    ] = None,
    taxonomy: Annotated[str | None, typer.Option(help="vcd, bqd, preference or a TOML file.")] = None,
    objective: Annotated[
        str | None, typer.Option(help="pft, sft_mixed, dpo_mixed, ...; the recipe's otherwise.")
    ] = None,
    gpu: Annotated[str, typer.Option(help="rtx-4090, l4, l40s, a100-40, a100-80, h100, h200, ...")] = "rtx-4090",
    utilisation: Annotated[
        float | None, typer.Option(help="Share of the GPU's peak rate that is reached; 0.35 where not given.")
    ] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="A setting, such as training.epochs=2.")] = None,
    keep_good: Annotated[bool, typer.Option("--keep-good", help="Leave bad records out instead of stopping.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Say what fits a GPU: tokens saved by sharing prefixes, memory by part, hours, and what all that assumes.

    Example: counterpoint plan --model Qwen/Qwen2.5-3B-Instruct --data crossroads --gpu rtx-4090
    """
    from counterpoint.data import load

    try:
        from counterpoint.training.lm.conversation_recipe import ConversationRecipe
        from counterpoint.training.lm.recipe import read_recipe
        from counterpoint.training.planner import find_gpu, find_model, plan_conversation_run, plan_run
        from counterpoint.training.planner.forecast import UTILISATION
    except ModuleNotFoundError as error:
        raise MissingExtraError("Planning a training run", "lm") from error

    if recipe is None and model is None:
        raise BadInputError("give a recipe, or --model with a hub id or a folder")
    card = find_gpu(gpu)
    given = {"taxonomy": taxonomy, "objective": objective, "data": data}
    sets = [f"{key}={json.dumps(value)}" for key, value in given.items() if value is not None]
    if model is not None:
        sets.append(f"model={json.dumps('lm:' + model.removeprefix('lm:'))}")
    settings = read_recipe(recipe, [*sets, *(set_ or ())])
    find_model(settings.model)  # a wrong name is told before the data are read
    reached = UTILISATION if utilisation is None else utilisation
    if isinstance(settings, ConversationRecipe):
        stages = plan_conversation_run(settings, card, utilisation=reached)
        told = {stage: forecast.record() for stage, forecast in stages.items()}
        said = "\n\n".join(f"{stage}\n{forecast.summary()}" for stage, forecast in stages.items())
        typer.echo(json.dumps(told) if as_json else said)
        return
    data_set = load(settings.data, taxonomy=settings.taxonomy, keep_good=keep_good)
    if not data_set.dilemmas:
        raise BadInputError(f"{settings.data}: holds no dilemmas to train on")
    forecast = plan_run(settings, data_set, card, utilisation=reached)
    typer.echo(json.dumps(forecast.record()) if as_json else forecast.summary())
