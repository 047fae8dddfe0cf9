"""What a training run will do, known before any weight is loaded: rows, gain of sharing, steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from counterpoint.models.prompts import PromptConfig, Prompter
from counterpoint.models.trie import Saving, Shape, saving
from counterpoint.training.lm.rows import Rows, build_rows
from counterpoint.training.lm.settings import LmTraining, check, warm_up
from counterpoint.training.objective import Objective
from counterpoint.types import Dilemma, Taxonomy


@dataclass(frozen=True, eq=False)
class TrainingPlan:
    """Rows and what follows from their number and size. `micro_batch` is in examples."""

    rows: Rows
    saving: Saving
    micro_batch: int
    steps: int
    warmup_steps: int

    def summary(self) -> str:
        """In words: how much is trained, what sharing saves, and what the limit on tokens did."""
        rows, saved, lengths = self.rows.rows, self.saving, self.rows.lengths
        lines = [
            f"{len(rows)} examples, {sum(len(row.branches) for row in rows)} branches, {self.steps} steps "
            f"({self.warmup_steps} of warm-up)",
            f"{saved.separate_tokens} tokens in separate passes, {saved.tokens} in tries: {saved.token_ratio:.2f} to 1 "
            f"({saved.flop_ratio:.2f} to 1 in operations)",
        ]
        if lengths.too_long:
            done = "kept whole"
            if lengths.cut or lengths.dropped_examples:
                done = f"{lengths.cut} lost the end of their answer, {lengths.dropped_examples} examples were left out"
            lines.append(
                f"{lengths.too_long} of {lengths.branches} branches exceed training.max_tokens (the longest has "
                f"{lengths.longest}): {done}"
            )
        return "\n".join(lines)

    def record(self) -> dict[str, Any]:
        """The same as data."""
        return {
            "examples": len(self.rows.rows),
            "branches": sum(len(row.branches) for row in self.rows.rows),
            "steps": self.steps,
            "warmup_steps": self.warmup_steps,
            "examples_per_micro_batch": self.micro_batch,
            "lengths": self.rows.lengths._asdict(),
            "saving": {key: round(value, 4) for key, value in self.saving._asdict().items()},
        }


def plan_training(
    tokenizer: Any,
    shape: Shape,
    dilemmas: Sequence[Dilemma],
    taxonomy: Taxonomy,
    objective: Objective,
    settings: LmTraining,
    *,
    seed: int,
    processes: int = 1,
) -> TrainingPlan:
    """Tokenise everything and count.

    Raises:
        BadInputError: a setting is wrong, or nothing is left to train on.
    """
    check(settings)
    prompter = Prompter(tokenizer, PromptConfig(layout=settings.layout))
    rows = build_rows(dilemmas, taxonomy, objective, prompter, settings, seed=seed)
    micro_batch = settings.batch * max(1, round(rows.examples_per_dilemma))
    steps = settings.steps or steps_of(len(rows.rows), micro_batch * processes, settings)
    return TrainingPlan(rows, saving(rows.plans(), shape), micro_batch, steps, warm_up(settings, steps))


def steps_of(examples: int, micro_batch: int, settings: LmTraining) -> int:
    """Updates of the weights in all epochs; the last one of an epoch may hold fewer examples."""
    return settings.epochs * math.ceil(math.ceil(examples / micro_batch) / settings.accumulate)
