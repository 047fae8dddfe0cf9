"""Train a language model's adapter by any objective, and go on where a killed run was."""

from __future__ import annotations

import atexit
import json
import logging
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed
import transformers

from counterpoint.errors import BadInputError, CounterpointError
from counterpoint.models.language_model import LanguageModel
from counterpoint.models.trie import Shape, build_plan, tree_attention
from counterpoint.models.trie.anatomy import anatomy
from counterpoint.training.lm.batches import MicroBatch, micro_batch
from counterpoint.training.lm.checkpoints import KEPT, last_whole, load_trainable, mark_whole, open_folder, step_of
from counterpoint.training.lm.module import TrieModule, gather
from counterpoint.training.lm.plan import TrainingPlan, plan_training
from counterpoint.training.lm.rows import Row
from counterpoint.training.lm.settings import LmTraining
from counterpoint.training.lm.trainer import TrieTrainer
from counterpoint.training.objective import Objective
from counterpoint.training.settings import Point, Report
from counterpoint.types import Dilemma, Taxonomy, content_hash

logger = logging.getLogger(__name__)


class TrainingDivergedError(CounterpointError, ArithmeticError):
    """The loss is no longer a number."""


def train_lm(
    language: LanguageModel,
    dilemmas: Sequence[Dilemma],
    taxonomy: Taxonomy,
    objective: Objective,
    settings: LmTraining,
    *,
    seed: int,
    out: Path,
    report: Report | None = None,
) -> list[Point]:
    """Add an adapter to `language` and train it in place; returns the loss of every step.

    The same call with the same `out` goes on from the last checkpoint there and ends with the very same weights as if
    it had never been stopped. Several processes (`torchrun`, `accelerate launch`) train together, by DDP or, if
    accelerate is set up so, FSDP; after FSDP the adapter is whole and can be saved, but the base is still spread out.

    Raises:
        BadInputError: settings or data are wrong, or `out` holds another training's checkpoints.
        TrainingDivergedError: the loss became infinite or NaN.
    """
    shape = Shape.of(anatomy(language.model).config)
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    plan = plan_training(
        language.tokenizer, shape, dilemmas, taxonomy, objective, settings, seed=seed, processes=processes
    )
    logger.info("%s", plan.summary())
    return run_plan(language, plan, objective, settings, seed=seed, out=out, report=report)


def run_plan(
    language: LanguageModel,
    plan: TrainingPlan,
    objective: Objective,
    settings: LmTraining,
    *,
    seed: int,
    out: Path,
    report: Report | None = None,
) -> list[Point]:
    """`train_lm` for a plan already made, with the same settings and seed."""
    rows = plan.rows.rows
    _check_context(language, rows)
    arguments = _arguments(language, plan, settings, seed, out)
    if arguments.world_size > 1:  # a gloo process that ends with its group open may abort, and fail the whole job
        atexit.unregister(_leave_group)
        atexit.register(_leave_group)
    open_folder(out, _identity(language, plan, objective, settings, seed, arguments.world_size))
    language.add_adapter(settings.lora, seed=seed)
    module = TrieModule(language, backend=settings.backend)
    _try_out(module, rows, fixed=arguments.world_size > 1)
    last = last_whole(out)
    if last is None or step_of(last) < plan.steps:
        history = _train(module, rows, arguments, objective, settings, out, last, report)
    else:
        load_trainable(module, last)
        history = json.loads((last / "trainer_state.json").read_text(encoding="utf-8"))["log_history"]
    gather(module)
    language.model.eval()
    return [Point(entry["step"], entry["epoch"], entry["loss"]) for entry in history if "loss" in entry]


def _leave_group() -> None:
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _train(
    module: TrieModule,
    rows: Sequence[Row],
    arguments: transformers.TrainingArguments,
    objective: Objective,
    settings: LmTraining,
    out: Path,
    last: Path | None,
    report: Report | None,
) -> list[dict[str, Any]]:
    """From the last checkpoint, or from the start where there is none, to the end; returns the Trainer's log."""
    with _checkpointing(module.lm, settings.checkpointing):
        trainer = TrieTrainer(
            model=module,
            args=arguments,
            train_dataset=list(rows),
            data_collator=_Collator(settings.max_nodes),
            callbacks=[_Watch(out, report)],
            objective=objective,
        )
        trainer.remove_callback(transformers.PrinterCallback)
        trainer.train(resume_from_checkpoint=None if last is None else str(last))
    history: list[dict[str, Any]] = trainer.state.log_history
    return history


def _arguments(
    language: LanguageModel, plan: TrainingPlan, settings: LmTraining, seed: int, out: Path
) -> transformers.TrainingArguments:
    on_cpu = language.device.type == "cpu"
    arguments = transformers.TrainingArguments(
        output_dir=str(out),
        per_device_train_batch_size=plan.micro_batch,
        gradient_accumulation_steps=settings.accumulate,
        num_train_epochs=settings.epochs,
        max_steps=settings.steps or -1,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.schedule,
        warmup_steps=plan.warmup_steps,
        optim=settings.optimiser,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.clip,
        bf16=settings.precision == "bfloat16" or (settings.precision == "auto" and not on_cpu),
        use_cpu=on_cpu,
        seed=seed % 2**32,
        data_seed=seed % 2**32,
        save_strategy="steps",
        save_steps=settings.save_steps,
        save_total_limit=KEPT,
        logging_steps=1,
        logging_nan_inf_filter=False,
        report_to=list(settings.report_to) or "none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        ddp_find_unused_parameters=False,
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)  # never DataParallel: several GPUs need a launcher
    return arguments


class _Collator:
    """Rows to a micro-batch; a class and not a closure, so that data workers can be given it."""

    def __init__(self, max_nodes: int) -> None:
        self.max_nodes = max_nodes

    def __call__(self, rows: Sequence[Row]) -> dict[str, MicroBatch]:
        return {"batch": micro_batch(rows, max_nodes=self.max_nodes)}


class _Watch(transformers.TrainerCallback):  # type: ignore[misc]  # transformers is not typed
    """Tells of every step, stops at NaN, and marks checkpoints that are whole."""

    def __init__(self, folder: Path, report: Report | None) -> None:
        self.folder, self.report = folder, report

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:  # noqa: ARG002
        if logs is None or "loss" not in logs:
            return
        if not math.isfinite(logs["loss"]):
            raise TrainingDivergedError(
                f"the loss is {logs['loss']} at step {state.global_step}. Lower training.learning_rate"
            )
        if self.report:
            self.report(Point(state.global_step, logs["epoch"], logs["loss"]), state.max_steps)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        args.distributed_state.wait_for_everyone()  # each process writes the state of its own generators
        if state.is_world_process_zero:
            mark_whole(self.folder, state.global_step)


def _identity(
    language: LanguageModel, plan: TrainingPlan, objective: Objective, settings: LmTraining, seed: int, processes: int
) -> str:
    """What must be the same for a checkpoint to be gone on from: all that decides the weights."""
    told = asdict(replace(settings, save_steps=1, report_to=()))
    rows = [[row.side, row.chosen, row.weight, [[b.start, b.tokens] for b in row.branches]] for row in plan.rows.rows]
    return content_hash(language.identity, type(objective).__name__, told, seed, processes, rows)


def _check_context(language: LanguageModel, rows: Sequence[Row]) -> None:
    most = getattr(anatomy(language.model).config, "max_position_embeddings", None)
    longest = max(len(branch.tokens) for row in rows for branch in row.branches)
    if most is not None and longest > most:
        raise BadInputError(
            f"the longest prompt with its answer has {longest} tokens and {language.name} reads {most}. "
            "Set training.too_long = 'drop' and training.max_tokens to what it reads, or take another model"
        )


def _try_out(module: TrieModule, rows: Sequence[Row], *, fixed: bool) -> None:
    """Check the engine on the largest tree now, not in the middle of a run; `fixed`: stay with its choice of back end.

    With several processes the check must not happen later, when only some of them would make it.
    """
    largest = build_plan(max(rows, key=lambda row: row.nodes).branches)
    with torch.no_grad(), tree_attention(module.engine.parts.config):
        module.engine.log_probs(largest)
    if fixed:
        module.engine.backend = module.engine.choose(largest)


@contextmanager
def _quiet_rotation() -> Iterator[None]:
    """Checkpoints of one second are sorted by number instead of time, which is right and no news to anybody."""
    talkative = logging.getLogger("transformers.trainer_utils")
    talkative.addFilter(_no_news)
    try:
        yield
    finally:
        talkative.removeFilter(_no_news)


def _no_news(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("mtime may not be reliable")


@contextmanager
def _checkpointing(model: Any, wanted: bool) -> Iterator[None]:
    """Within it layers are computed again in backward."""
    if not wanted:
        yield
        return
    base = model.get_base_model()
    name = "activation" if hasattr(base, "activation_checkpointing_enable") else "gradient"
    getattr(base, f"{name}_checkpointing_enable")({"use_reentrant": False})
    try:
        yield
    finally:
        getattr(base, f"{name}_checkpointing_disable")()
