"""A recipe's run: a folder with its settings, log, adapter and numbers, in which a stopped run goes on."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from counterpoint.config import to_toml
from counterpoint.data.loading import load
from counterpoint.errors import BadInputError
from counterpoint.models.language_model import PREFIX, LanguageModel
from counterpoint.models.trie import Shape
from counterpoint.models.trie.anatomy import anatomy
from counterpoint.runlog import RunFolder
from counterpoint.training.lm.plan import TrainingPlan, plan_training
from counterpoint.training.lm.recipe import Recipe, chosen
from counterpoint.training.lm.settings import is_tiny
from counterpoint.training.lm.train import run_plan
from counterpoint.training.objective import OBJECTIVES
from counterpoint.training.settings import Point
from counterpoint.types import DataSet, content_hash

SCHEMA = "counterpoint.training/1"

Tell = Callable[[str, float], None]
"""Told what is done now, and the share of the whole that is done."""


def plan_recipe(recipe: Recipe, *, keep_good: bool = False) -> TrainingPlan:
    """What the recipe's run would do; reads the tokenizer and the model's shape, but no weights.

    Raises:
        BadInputError: the data or the model can't be read.
    """
    data = _data(recipe, keep_good)
    tokenizer, shape = tokenizer_and_shape(recipe.model)
    objective = OBJECTIVES.get(recipe.objective)
    return plan_training(tokenizer, shape, data.dilemmas, data.taxonomy, objective, recipe.training, seed=recipe.seed)


def run_recipe(
    recipe: Recipe,
    out: Path,
    *,
    keep_good: bool = False,
    tell: Tell = lambda _text, _share: None,
    announce: Callable[[str], None] = lambda _text: None,
) -> dict[str, Any]:
    """Train and write the folder; returns what `results.json` holds.

    Args:
        tell: how far it is.
        announce: what should be read before the training begins: preset, gain of sharing, what was too long.

    Raises:
        BadInputError: settings or data are wrong, or `out` holds another run.
    """
    data = _data(recipe, keep_good)
    if int(os.environ.get("RANK", "0")) > 0:  # one of several processes: the first one writes the folder
        return _train(recipe, data, out, None, tell, announce)
    folder = RunFolder(out, _identity(recipe, data), to_toml(recipe))
    try:
        results: dict[str, Any] = folder.part("results") or _train(recipe, data, out, folder, tell, announce)
    finally:
        folder.close()
    return results


def _train(
    recipe: Recipe,
    data: DataSet,
    out: Path,
    folder: RunFolder | None,
    tell: Tell,
    announce: Callable[[str], None],
) -> dict[str, Any]:
    started = time.perf_counter()
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    tell(f"loading {recipe.model}", 0.0)
    language = LanguageModel.load(recipe.model, quantisation=recipe.quantisation)
    objective = OBJECTIVES.get(recipe.objective)
    plan = plan_training(
        language.tokenizer,
        Shape.of(anatomy(language.model).config),
        data.dilemmas,
        data.taxonomy,
        objective,
        recipe.training,
        seed=recipe.seed,
        processes=int(os.environ.get("WORLD_SIZE", "1")),
    )
    if is_tiny(recipe.model):
        announce("preset tiny: what the recipe doesn't say is chosen for lm:tiny, not the paper's")
    announce(plan.summary())
    if folder:
        folder.log("plan", {"preset": "tiny" if is_tiny(recipe.model) else "paper", **plan.record()})

    def report(point: Point, steps: int) -> None:
        if folder:
            folder.log("step", point._asdict())
        tell(f"step {point.step} of {steps}, loss {point.loss:.3f}", point.step / steps)

    curve = run_plan(
        language, plan, objective, recipe.training, seed=recipe.seed, out=out / "checkpoints", report=report
    )
    results: dict[str, Any] = {
        "schema": SCHEMA,
        "command": "train",
        "config": asdict(recipe),
        "data": {"name": data.name, "train": len(data.dilemmas), "sha256": data.digest},
        "model": language.describe(),
        "plan": plan.record(),
        "curve": [list(point) for point in curve],
        "seconds": {"this_run": round(time.perf_counter() - started, 1)},
    }
    if folder:
        language.save(out / "adapter")
        folder.write_json("results.json", results)
        folder.save_part("results", results)
        folder.log("finished", results["seconds"])
    return results


def _data(recipe: Recipe, keep_good: bool) -> DataSet:
    data = load(recipe.data, taxonomy=recipe.taxonomy, keep_good=keep_good)
    if not data.dilemmas:
        raise BadInputError(f"{recipe.data}: holds no dilemmas to train on")
    return data.subset(chosen(data.dilemmas, recipe))


def _identity(recipe: Recipe, data: DataSet) -> str:
    """What must be the same for a run to be gone on with."""
    training = replace(recipe.training, save_steps=1, report_to=())
    rows = [[d.id, d.digest, [[o.text, o.pole, o.explanation] for o in d.options]] for d in data.dilemmas]
    taxonomy = [asdict(pair) for pair in data.taxonomy]
    return content_hash(asdict(replace(recipe, data="", taxonomy=None, training=training)), taxonomy, rows)


def tokenizer_and_shape(model: str) -> tuple[Any, Shape]:
    """All that a plan needs of a model."""
    if is_tiny(model):
        language = LanguageModel.load(model)
        return language.tokenizer, Shape.of(language.model.config)
    from transformers import AutoConfig, AutoTokenizer

    where = model.removeprefix(PREFIX)
    try:
        config = AutoConfig.from_pretrained(where, trust_remote_code=False)
        tokenizer = AutoTokenizer.from_pretrained(where, trust_remote_code=False)
    except (OSError, ValueError) as error:
        first = str(error).strip().split("\n")[0]
        raise BadInputError(f"{model}: neither a model's folder nor a hub id that can be reached: {first}") from error
    return tokenizer, Shape.of(config.get_text_config())
