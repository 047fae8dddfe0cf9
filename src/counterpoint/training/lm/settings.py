"""How a language model is trained. Every default is the paper's or says why not.

"The paper" is preference-paired fine-tuning (arXiv 2604.12479): its set-up for models of 3 to 8 billion weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from counterpoint.errors import BadInputError
from counterpoint.models import language_model
from counterpoint.models.language_model import LoraSettings
from counterpoint.models.prompts import Form, Layout
from counterpoint.training.objective import check_weights

WARM_UP_SHARE = 0.1
"""Largest share of the steps that warm-up may take. The paper's 100 steps are 9% of its run; of a short run they would
be all, and the learning rate would never arrive."""


@dataclass(frozen=True)
class LmTraining:
    """Settings of one training run. A *step* is one update of the weights."""

    lora: LoraSettings = field(default_factory=LoraSettings)
    """The adapter: rank 8, alpha 32, dropout 0.05 on the attention projections (the paper)."""
    layout: Layout = "scenario_first"
    """Order of the prompt. The paper has `pole_first`, in which the poles of a dilemma share hardly any prefix."""
    form: Form = "answer"
    """What is answered: the choice as JSON with its explanation (the paper) or the option's letter alone."""
    poles: Literal["pair", "all"] = "pair"
    """`pair`: an example holds a dilemma's own two poles (the paper). `all`: where rows of several value pairs share
    scenario and options, those poles are one example too, and one tree."""
    weights: tuple[float, float] = (1.0, 1.0)
    """w+ and w-: what the losses of a pair's positive and negative side count (the paper: 1 and 1)."""
    leanings: float = 0.0
    """Share of a side's weight that is trained on its pole in some degree and in the company of other pairs' poles
    (`leanings.py`), which is what `instruction` says of people. Ours; the paper names one pole, always."""
    epochs: int = 3
    """Passes over the examples (the paper on VCD; 2 on BQD)."""
    steps: int | None = None
    """Number of steps instead of epochs."""
    batch: int = 4
    """Dilemmas of a micro-batch on each device (the paper). A method that makes two examples of a dilemma takes twice
    as many examples, so that all methods take the same number of steps."""
    accumulate: int = 4
    """Micro-batches of a step (the paper). Examples weigh the same whichever micro-batch they are in."""
    learning_rate: float = 5e-5
    """At its highest (the paper)."""
    schedule: Literal["linear", "cosine", "constant_with_warmup"] = "linear"
    """Of the learning rate, after warm-up (the paper: linear, down to 0)."""
    warmup_steps: int = 100
    """Steps in which the learning rate rises from 0 (the paper), but never more than a tenth of all steps."""
    optimiser: str = "adamw_torch"
    """A name that transformers' `TrainingArguments.optim` knows (the paper: AdamW)."""
    weight_decay: float = 0.01
    """Of all adapter weights (the paper)."""
    clip: float = 1.0
    """Largest norm of a step's gradient (the paper)."""
    max_tokens: int = 512
    """Length that a prompt with its answer should not exceed (the paper)."""
    too_long: Literal["keep", "cut", "drop"] = "keep"
    """What becomes of longer ones; they are counted and told in any case. `cut` is the paper's way: the end of the
    answer is lost, in two of five VCD rows. `drop` leaves their example out. `keep` trains on them whole, because the
    budget of nodes bounds memory without it."""
    max_nodes: int = 4096
    """Nodes (distinct tokens) computed at a time at most; memory grows with it and results don't depend on it. Ours."""
    backend: str = "auto"
    """How tries are computed; `separate` shares nothing."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the computation; `auto` is bfloat16 on a GPU and float32 elsewhere. Adapter weights stay float32."""
    checkpointing: bool = False
    """Compute layers again in backward: a third more time for much less memory."""
    save_steps: int = 50
    """Steps between checkpoints, which a stopped run goes on from."""
    report_to: tuple[str, ...] = ()
    """Trackers of transformers' `report_to`, such as `tensorboard`. None by default: nothing leaves the machine."""


TINY = LmTraining(
    lora=LoraSettings(rank=16, alpha=32, dropout=0.0),
    accumulate=1,
    learning_rate=3e-3,
    warmup_steps=10,
)
"""For `lm:tiny`: so small a model learns nothing at the paper's learning rate, few dilemmas give few steps of 16, and
there is nothing for dropout to hold back."""


def defaults_for(model: str) -> LmTraining:
    """The preset for a model's name: `TINY` for `lm:tiny`, otherwise the paper's."""
    return TINY if is_tiny(model) else LmTraining()


def is_tiny(model: str) -> bool:
    """Whether the name is that of the built-in toy model."""
    return model == language_model.TINY


def check(settings: LmTraining) -> None:
    """Refuse settings that can't work, before anything long begins.

    Raises:
        BadInputError: which setting, its value, and what it must be.
    """
    at_least = {"epochs": 1, "batch": 1, "accumulate": 1, "warmup_steps": 0, "weight_decay": 0, "clip": 0}
    at_least |= {"max_tokens": 2, "max_nodes": 1, "save_steps": 1}
    for name, bound in at_least.items():
        value = getattr(settings, name)
        if not (math.isfinite(value) and value >= bound):
            raise BadInputError(f"training.{name} must be at least {bound} (got {value})")
    if not 0 <= settings.leanings <= 1:
        raise BadInputError(f"training.leanings is {settings.leanings}; expected a share between 0 and 1")
    if not (math.isfinite(settings.learning_rate) and settings.learning_rate > 0):
        raise BadInputError(f"training.learning_rate must be above 0 (got {settings.learning_rate})")
    check_weights(settings.weights, "training.weights")
    if settings.steps is not None and settings.steps < 1:
        raise BadInputError(f"training.steps must be at least 1 (got {settings.steps})")


def warm_up(settings: LmTraining, steps: int) -> int:
    """Steps of warm-up in a run of so many."""
    return min(settings.warmup_steps, math.ceil(WARM_UP_SHARE * steps))
