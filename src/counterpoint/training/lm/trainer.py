"""Hugging Face's `Trainer`, taught to run tries: what a micro-batch's forward and backward are, and no more.

The optimiser, schedule, clipping, accumulation, mixed precision, distribution, checkpoints and trackers are the
Trainer's own. A micro-batch is computed a plan at a time, so that a budget of nodes bounds memory; the gradient is that
of the mean over all examples of the step, whatever plans and micro-batches they fell into.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers
from torch import Tensor, nn

from counterpoint.errors import BadInputError
from counterpoint.models.trie import Branch, Plan, build_plan, tree_attention
from counterpoint.runlog import disk_faults_told
from counterpoint.training.lm.batches import MicroBatch, Work
from counterpoint.training.lm.checkpoints import load_trainable, save_trainable, trainable
from counterpoint.training.lm.module import TrieModule
from counterpoint.training.objective import Objective

_IDLE = build_plan([Branch((0, 0), 1)])
"""What a process computes, with weight 0, while others have more plans than it: the smallest there is."""


class _Pass(NamedTuple):
    """One forward and backward: what is computed, and what is to be reported as its part of the loss."""

    compute: Callable[[], Tensor]
    loss: Tensor | None  # None: what is computed is the loss


class TrieTrainer(transformers.Trainer):  # type: ignore[misc]  # transformers is not typed
    """The Trainer of a `TrieModule`. Its collator gives `{"batch": MicroBatch}`."""

    model: TrieModule

    def __init__(self, *args: Any, objective: Objective, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.is_deepspeed_enabled:
            raise BadInputError("DeepSpeed allows one backward a micro-batch, and tries need several. Use FSDP")
        self.objective = objective
        self.tree_config = self.model.engine.parts.config

    def get_batch_samples(
        self, epoch_iterator: Iterator[Mapping[str, MicroBatch]], num_batches: int, device: torch.device
    ) -> tuple[list[Mapping[str, MicroBatch]], Tensor]:
        """A step's micro-batches, and the number of examples in them on all processes: what its loss is a mean over."""
        samples, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        count = torch.tensor(float(sum(sample["batch"].examples for sample in samples)), device=device)
        return samples, self.accelerator.gather(count).sum() if self.args.world_size > 1 else count

    def training_step(
        self, model: nn.Module, inputs: Mapping[str, MicroBatch], num_items_in_batch: Tensor | None = None
    ) -> Tensor:
        """Add a micro-batch's part of the step's gradient; returns its part of the step's loss.

        Args:
            model: the `TrieModule`, perhaps wrapped.
            inputs: `{"batch": MicroBatch}`.
            num_items_in_batch: examples in the step, on all processes.
        """
        if num_items_in_batch is None:
            raise ValueError("the number of examples in the step is missing")
        model.train()
        if callable(train := getattr(self.optimizer, "train", None)):
            train()  # schedule-free optimisers
        # Gradients are averaged over processes, so each example counts as often as there are processes.
        share = self.args.world_size / float(num_items_in_batch)
        loss = torch.zeros((), dtype=torch.float64)
        # Open until backward is over: gradient checkpointing computes layers again.
        with tree_attention(self.tree_config):
            passes = [p for work in inputs["batch"].works for p in self._passes(model, work, share)]
            passes = [*self._idle(model, inputs["batch"], len(passes)), *passes]
            for i, (compute, known) in enumerate(passes):
                with nullcontext() if i == len(passes) - 1 else self.accelerator.no_sync(model):
                    value = compute()
                    self.accelerator.backward(value)
                loss += (value if known is None else known).detach().double()
        return loss.float().to(self.args.device)

    def _passes(self, model: nn.Module, work: Work, share: float) -> list[_Pass]:
        """The passes of one piece of work, after those without gradient that they need. Losses are on the CPU."""

        def weighted(sums: Tensor) -> Tensor:
            return share * work.examples * self.objective.loss(work.scores(sums, reference))

        reference = None
        if self.objective.needs_reference:
            reference = torch.cat([model(plan, reference=True).cpu() for plan in work.plans])
        if len(work.plans) == 1:
            return [_Pass(lambda: weighted(model(work.plans[0]).cpu()), None)]
        # A tree in pieces. Its loss may compare branches of different pieces, so its derivative by every branch's
        # log-probability comes first, from a rehearsal; then each piece is computed again, with the same dropout.
        noises: list[tuple[Tensor, ...]] = []
        sums: list[Tensor] = []
        with torch.no_grad():
            for plan in work.plans:
                noises.append(_noise(self.args.device))
                sums.append(model(plan).cpu())
        leaf = torch.cat(sums).requires_grad_()
        loss = weighted(leaf)
        (slope,) = torch.autograd.grad(loss, leaf)
        slopes = torch.split(slope, [len(part) for part in sums])
        known = [loss.detach(), *(torch.zeros(()) for _ in sums[1:])]
        pieces = zip(work.plans, slopes, noises, known, strict=True)
        return [_Pass(_again(model, plan, slope, noise), part) for plan, slope, noise, part in pieces]

    def _idle(self, model: nn.Module, batch: MicroBatch, passes: int) -> list[_Pass]:
        """What this process must compute beside its own, so that all call the model equally often (FSDP waits)."""
        if self.args.world_size == 1:
            return []
        silent = sum(len(work.plans) for work in batch.works) * self.objective.needs_reference
        silent += sum(len(work.plans) for work in batch.works if len(work.plans) > 1)
        mine = torch.tensor([silent, passes], device=self.args.device)
        most = self.accelerator.gather(mine[None]).max(0).values.tolist()
        with torch.no_grad():
            for _ in range(most[0] - silent):
                model(_IDLE)
        return [_Pass(lambda: 0 * model(_IDLE).cpu().sum(), None)] * (most[1] - passes)

    # -- checkpoints: the adapter only, and no pickle of the arguments -------------------------------------------------

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        with disk_faults_told(Path(self.args.output_dir)):
            super()._save_checkpoint(model, trial)

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Tensor] | None = None) -> None:
        if not self.args.should_save:
            return
        own: dict[str, Tensor] = dict(trainable(self.accelerator.unwrap_model(self.model)))
        weights = own if state_dict is None else {name: state_dict[name] for name in own}
        save_trainable(weights, Path(output_dir or self.args.output_dir))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        if self.is_fsdp_enabled:
            super()._load_from_checkpoint(resume_from_checkpoint, model)
        else:
            load_trainable(self.model, Path(resume_from_checkpoint))


def _noise(device: torch.device) -> tuple[Tensor, ...]:
    """The state of the generators that dropout draws from; each process has one current GPU."""
    cpu = torch.get_rng_state()
    return (cpu, torch.cuda.get_rng_state()) if device.type == "cuda" else (cpu,)


def _again(model: nn.Module, plan: Plan, slope: Tensor, noise: tuple[Tensor, ...]) -> Callable[[], Tensor]:
    """Computes a piece as it was rehearsed; the result's gradient is the loss's."""

    def compute() -> Tensor:
        with torch.random.fork_rng(range(torch.cuda.device_count()) if len(noise) > 1 else []):
            torch.set_rng_state(noise[0])
            if len(noise) > 1:
                torch.cuda.set_rng_state(noise[1])
            sums: Tensor = model(plan).cpu()
        return (sums * slope).sum()

    return compute
