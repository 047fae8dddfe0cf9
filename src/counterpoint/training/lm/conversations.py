"""Training on conversations, one tree each: what was said is its trunk, both replies of every turn its branches.

ALOE (Wu et al. 2024, arXiv 2410.03642): supervised fine-tuning on the preferred replies, mixed with general chat data,
then direct preference optimisation (Rafailov et al. 2023, arXiv 2305.18290) of preferred against rejected at every
turn, beta 0.9, from the fine-tuned model, which is also the reference. No prompt says anything of the persona. Where we
depart from the paper: an adapter is trained (its change is added into the weights between the two stages), and turns
weigh the same instead of tokens.

A loss is the mean over turns, whatever conversations they are in, of the mean over examples that the engine computes:
each turn is a side of weight 1 / (turns a conversation on average).
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from torch import Tensor

from counterpoint.data.conversations import Conversation
from counterpoint.errors import BadInputError
from counterpoint.models.language_model import PREFIX, LanguageModel
from counterpoint.models.prompts import Prompter
from counterpoint.models.trie import Shape
from counterpoint.models.trie.anatomy import anatomy
from counterpoint.runlog import disk_faults_told, write_text
from counterpoint.training.lm.checkpoints import open_folder
from counterpoint.training.lm.conversation_rows import Chat, conversation_rows, packed, plan_conversations
from counterpoint.training.lm.conversation_settings import BETA, AloeTraining, Stage, defaults_for
from counterpoint.training.lm.plan import TrainingPlan
from counterpoint.training.lm.rows import Rows
from counterpoint.training.lm.settings import LmTraining
from counterpoint.training.lm.train import run_plan
from counterpoint.training.losses import mean_over_examples, side_dpo, side_nll
from counterpoint.training.objective import BranchScores, Example, Objective
from counterpoint.training.settings import Point, Report
from counterpoint.types import Dilemma, ValuePair, content_hash

CURVE = "curve.json"
"""A finished stage's losses, in the stage's folder."""

StageReport = Callable[[Stage, Point, int], None]
"""Told of every step: stage, loss so far, steps in all."""


@dataclass(frozen=True)
class PreferredReplies:
    """Negative log-likelihood of preferred replies, mean over a reply's tokens: nats."""

    needs_reference = False
    needs_rejected = False

    def examples(self, dilemma: Dilemma, pair: ValuePair) -> tuple[Example, ...]:  # noqa: ARG002
        """None: this is for conversations."""
        return ()

    def loss(self, scores: BranchScores) -> Tensor:
        """Weighted sum over turns, mean over conversations: a scalar, nats."""
        return mean_over_examples(side_nll(scores), scores)


@dataclass(frozen=True)
class PreferredOverRejected:
    """DPO at every turn. Worked example: the preferred reply gained 1 nat over the reference, the rejected one lost 1;
    with beta 0.9, L = -ln sigmoid(0.9 * 2) = 0.153 nats."""

    beta: float = BETA
    needs_reference = True
    needs_rejected = True

    def examples(self, dilemma: Dilemma, pair: ValuePair) -> tuple[Example, ...]:  # noqa: ARG002
        """None: this is for conversations."""
        return ()

    def loss(self, scores: BranchScores) -> Tensor:
        """Weighted sum over turns, mean over conversations: a scalar, nats."""
        return mean_over_examples(side_dpo(scores, beta=self.beta), scores)


def train_aloe(
    language: LanguageModel,
    conversations: Sequence[Conversation],
    training: AloeTraining | None = None,
    *,
    seed: int,
    out: Path,
    chats: Sequence[Chat] = (),
    stages: Sequence[Stage] = ("sft", "dpo"),
    report: StageReport | None = None,
) -> LanguageModel:
    """Both stages; returns the trained model. The same call with the same `out` goes on where a killed one was.

    `out` gets `sft/` and `dpo/` (checkpoints, and `curve.json` when a stage is done), `sft_model/` (the model after the
    first stage, whole) and, after the second, `adapter/`, loaded as `lm:<out>/adapter`, which belongs to `sft_model/`.

    Raises:
        BadInputError: nothing to train on, settings are wrong, or `out` holds another training.
        TrainingDivergedError: a loss became infinite or NaN.
    """
    training = training or defaults_for(language.name)
    data = [[conversation.digest for conversation in conversations], [list(map(list, chat)) for chat in chats]]
    parts = [asdict(replace(part, save_steps=1, report_to=())) for part in (training.sft, training.dpo)]
    told = [parts, training.packing, training.beta, seed, list(stages)]
    open_folder(out, content_hash("aloe", language.identity, data, told))
    objectives: dict[Stage, Objective] = {"sft": PreferredReplies(), "dpo": PreferredOverRejected(training.beta)}
    whole = out / "sft_model"
    for stage in stages:
        if stage == "sft" and whole.is_dir():
            language = _load_whole(whole, language)
            continue
        rows = conversation_rows(
            conversations,
            Prompter(language.tokenizer),
            training.of(stage),
            stage=stage,
            chats=chats if stage == "sft" else (),
        )
        plan, settings = plan_stage(rows, Shape.of(anatomy(language.model).config), training, stage)
        tell = None if report is None else _told(stage, report)
        curve = run_plan(language, plan, objectives[stage], settings, seed=seed, out=out / stage, report=tell)
        if _first():
            write_text(out / stage / CURVE, json.dumps(curve))
        if stage == "sft":
            _write_whole(language, whole)
            language = _load_whole(whole, language)
        elif _first():
            language.save(out / "adapter")
    return language


def plan_stage(rows: Rows, shape: Shape, training: AloeTraining, stage: Stage) -> tuple[TrainingPlan, LmTraining]:
    """A stage's plan and settings, sequences packed where that is asked for."""
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    settings = packed(training.sft, rows, training.packing) if stage == "sft" else training.dpo
    return plan_conversations(rows, shape, settings, processes=processes), settings


def read_curve(out: Path, stage: Stage) -> list[Point]:
    """The losses of a finished stage."""
    return [Point(*point) for point in json.loads((out / stage / CURVE).read_text(encoding="utf-8"))]


def _told(stage: Stage, report: StageReport) -> Report:
    return lambda point, steps: report(stage, point, steps)


def _first() -> bool:
    """Whether this process writes what all have computed."""
    return int(os.environ.get("RANK", "0")) == 0


def _load_whole(where: Path, language: LanguageModel) -> LanguageModel:
    return LanguageModel.load(f"{PREFIX}{where}", dtype=language.model.dtype, device=str(language.device))


def _write_whole(language: LanguageModel, where: Path) -> None:
    """The model with its adapter's change in its weights, as a folder of its own: whole or not at all."""
    if getattr(language.model, "is_loaded_in_4bit", False):
        raise BadInputError("an adapter can't be added into 4-bit weights exactly; load the model without quantisation")
    if not _first():
        while not where.is_dir():
            time.sleep(1)
        return
    merged = language.model.merge_and_unload()
    with tempfile.TemporaryDirectory(dir=where.parent, prefix="sft-model-") as temporary:
        folder = Path(temporary) / "model"
        with disk_faults_told(folder.parent):
            merged.save_pretrained(folder, safe_serialization=True)
        language.tokenizer.save_pretrained(folder)
        folder.rename(where)
