"""The run of a recipe with stages: settings, log, models and numbers in a folder, in which a stopped run goes on."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from counterpoint.config import to_toml
from counterpoint.data.conversations import Conversation
from counterpoint.models.language_model import LanguageModel
from counterpoint.models.prompts import Prompter
from counterpoint.models.trie import Shape
from counterpoint.models.trie.anatomy import anatomy
from counterpoint.runlog import RunFolder
from counterpoint.training.lm.conversation_recipe import ConversationRecipe, read_chats, read_conversations
from counterpoint.training.lm.conversation_rows import Chat, conversation_rows
from counterpoint.training.lm.conversation_settings import Stage
from counterpoint.training.lm.conversations import plan_stage, read_curve, train_aloe
from counterpoint.training.lm.plan import TrainingPlan
from counterpoint.training.lm.run import SCHEMA, Tell, tokenizer_and_shape
from counterpoint.training.lm.settings import is_tiny
from counterpoint.training.settings import Point
from counterpoint.types import content_hash


def plan_stages(
    recipe: ConversationRecipe,
    tokenizer: Any,
    shape: Shape,
    conversations: Sequence[Conversation],
    chats: Sequence[Chat],
) -> dict[Stage, TrainingPlan]:
    """What each stage would do."""
    prompter = Prompter(tokenizer)
    plans: dict[Stage, TrainingPlan] = {}
    for stage in recipe.stages:
        mixed = chats if stage == "sft" else ()
        rows = conversation_rows(conversations, prompter, recipe.training.of(stage), stage=stage, chats=mixed)
        plans[stage], _ = plan_stage(rows, shape, recipe.training, stage)
    return plans


def plan_recipe(recipe: ConversationRecipe) -> dict[Stage, TrainingPlan]:
    """What the recipe's run would do; reads the tokenizer and the model's shape, but no weights.

    Raises:
        BadInputError: the data or the model can't be read.
    """
    tokenizer, shape = tokenizer_and_shape(recipe.model)
    conversations = read_conversations(recipe, tokenizer)
    return plan_stages(recipe, tokenizer, shape, conversations, read_chats(recipe, conversations))


def summary(plans: dict[Stage, TrainingPlan]) -> str:
    """In words, a paragraph a stage."""
    return "\n".join(f"{stage}: {plan.summary()}" for stage, plan in plans.items())


def run_conversations(
    recipe: ConversationRecipe,
    out: Path,
    *,
    tell: Tell = lambda _text, _share: None,
    announce: Callable[[str], None] = lambda _text: None,
) -> dict[str, Any]:
    """Train and write the folder; returns what `results.json` holds. Arguments and errors as `run.run_recipe`'s."""
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    tell(f"loading {recipe.model}", 0.0)
    language = LanguageModel.load(recipe.model)
    conversations = read_conversations(recipe, language.tokenizer)
    chats = read_chats(recipe, conversations)
    if int(os.environ.get("RANK", "0")) > 0:  # one of several processes: the first one writes the folder
        return _train(recipe, language, conversations, chats, out, None, tell, announce)
    folder = RunFolder(out, _identity(recipe, conversations, chats), to_toml(recipe))
    try:
        kept: dict[str, Any] | None = folder.part("results")
        return kept or _train(recipe, language, conversations, chats, out, folder, tell, announce)
    finally:
        folder.close()


def _train(
    recipe: ConversationRecipe,
    language: LanguageModel,
    conversations: Sequence[Conversation],
    chats: Sequence[Chat],
    out: Path,
    folder: RunFolder | None,
    tell: Tell,
    announce: Callable[[str], None],
) -> dict[str, Any]:
    started = time.perf_counter()
    base = language.describe()
    plans = plan_stages(recipe, language.tokenizer, Shape.of(anatomy(language.model).config), conversations, chats)
    tiny = is_tiny(recipe.model)
    if tiny:
        announce("preset tiny: what the recipe doesn't say is chosen for lm:tiny, not ALOE's")
    announce(summary(plans))
    if folder:
        told = {stage: plan.record() for stage, plan in plans.items()}
        folder.log("plan", {"preset": "tiny" if tiny else "aloe", "stages": told})
    total = sum(plan.steps for plan in plans.values())

    def report(stage: Stage, point: Point, steps: int) -> None:
        if folder:
            folder.log("step", {"stage": stage, **point._asdict()})
        before = plans["sft"].steps if stage == "dpo" and "sft" in plans else 0
        tell(f"{stage}: step {point.step} of {steps}, loss {point.loss:.3f}", (before + point.step) / total)

    train_aloe(
        language,
        conversations,
        recipe.training,
        seed=recipe.seed,
        out=out,
        chats=chats,
        stages=recipe.stages,
        report=report,
    )
    results: dict[str, Any] = {
        "schema": SCHEMA,
        "command": "train",
        "config": asdict(recipe),
        "data": {
            "name": recipe.data,
            "train": len(conversations),
            "turns": sum(len(conversation.turns) for conversation in conversations),
            "chats": len(chats),
            "sha256": content_hash([conversation.digest for conversation in conversations]),
        },
        "model": base,
        "plan": {stage: plan.record() for stage, plan in plans.items()},
        "curve": {stage: [list(point) for point in read_curve(out, stage)] for stage in recipe.stages},
        "seconds": {"this_run": round(time.perf_counter() - started, 1)},
    }
    if folder:
        folder.write_json("results.json", results)
        folder.save_part("results", results)
        folder.log("finished", results["seconds"])
    return results


def _identity(recipe: ConversationRecipe, conversations: Sequence[Conversation], chats: Sequence[Chat]) -> str:
    """What must be the same for a run to be gone on with."""
    quiet = replace(
        recipe.training,
        sft=replace(recipe.training.sft, save_steps=1, report_to=()),
        dpo=replace(recipe.training.dpo, save_steps=1, report_to=()),
    )
    told = asdict(replace(recipe, data="", chats=None, training=quiet))
    return content_hash(told, [c.digest for c in conversations], [list(map(list, chat)) for chat in chats])
