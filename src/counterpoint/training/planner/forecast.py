"""A recipe, a data set and a GPU in; what is saved, what fits and how long it takes out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from counterpoint.errors import BadInputError
from counterpoint.models.trie import Plan
from counterpoint.models.trie.estimate import visible_pairs
from counterpoint.training.lm.plan import TrainingPlan, plan_training
from counterpoint.training.lm.recipe import Recipe, chosen
from counterpoint.training.lm.settings import LmTraining
from counterpoint.training.objective import OBJECTIVES
from counterpoint.training.planner.gpus import Gpu
from counterpoint.training.planner.memory import Memory, Peak, all_logit_bytes, step_memory
from counterpoint.training.planner.shapes import ModelShape, find_model
from counterpoint.training.planner.tokens import CHARACTERS_PER_TOKEN, RoughTokenizer, find_tokenizer
from counterpoint.types import DataSet

UTILISATION = 0.35
"""Share of a card's peak rate that a training step reaches: an assumption, in the usual range of 0.3 to 0.5."""
UNPACKING = 1.4
"""Time of QLoRA's linear maps against bfloat16's. Raschka 2023 ("Practical tips for finetuning LLMs using LoRA") saw
39% more for a whole run."""
SMALLEST = 1024
"""Below so many nodes at a time a GPU idles; a smaller budget is not proposed."""


@dataclass(frozen=True)
class Option:
    """One way to run: settings, the memory of the largest step, hours."""

    quantisation: str | None
    checkpointing: bool
    max_nodes: int
    memory: Memory
    fits: bool
    hours: float

    @property
    def settings(self) -> tuple[str, ...]:
        """The same as settings of a recipe, `key=value`."""
        four_bit = (f'quantisation="{self.quantisation}"',) if self.quantisation else ()
        again = f"training.checkpointing={str(self.checkpointing).lower()}"
        return (*four_bit, again, f"training.max_nodes={self.max_nodes}")

    @property
    def name(self) -> str:
        """For people."""
        weights = "4-bit weights (QLoRA)" if self.quantisation else "bfloat16 weights (LoRA)"
        return f"{weights}{', checkpointing' if self.checkpointing else ''}"


@dataclass(frozen=True, eq=False)
class Forecast:
    """What is foreseen of a run.

    `options` are the four ways at the budget asked for. `best`, which may have a smaller one, keeps full weights if
    they fit at all and is the fastest then; None if nothing fits.
    """

    model: ModelShape
    gpu: Gpu
    data: str
    objective: str
    settings: LmTraining
    training: TrainingPlan
    estimated: bool
    peak: Peak
    options: tuple[Option, ...]
    best: Option | None
    utilisation: float

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What the numbers rest on."""
        tokens = (
            f"token counts are an estimate, one for every {CHARACTERS_PER_TOKEN} characters and no chat template: "
            "give the model's folder or download its tokenizer for real ones"
            if self.estimated
            else "token counts are the model's own tokenizer's"
        )
        return (
            tokens,
            f"hours assume {self.utilisation:.0%} of the card's {self.gpu.tflops:g} TFLOP/s ({self.gpu.source}) for "
            "all that is computed; loading, saving and evaluation come on top",
            f"4-bit weights are taken to need {UNPACKING} times the time",
            "memory is counted layer by layer and was checked on small models on a CPU, not on this card; it has 1 GB "
            "for CUDA and 5% for fragmentation, and no matrix of attention (FlexAttention); 1 GB = 10^9 bytes",
        )

    def summary(self) -> str:
        """For people."""
        shape, budget = self.model.shape, self.settings.max_nodes
        lines = [
            f"{self.model.name}: {self.model.parameters / 1e9:.2f} billion parameters, {shape.layers} layers of "
            f"{shape.hidden} ({self.model.source})",
            f"{self.data}: {self.training.summary()}",
            f"largest plan: {self.peak.nodes} tokens, of which {self.peak.rows} predict an answer; float32 logits at "
            f"all positions would be {all_logit_bytes(self.model, self.peak.nodes) / 1e9:.1f} GB",
            f"on {self.gpu.name} ({self.gpu.memory_gb:g} GB), at most {budget} tokens at a time:",
        ]
        lines += [f"  {_line(option)}" for option in self.options]
        if self.best is None:
            lines.append("nothing fits: take a larger card, a smaller model or several cards (FSDP)")
        else:
            unshared = self.best.hours * self.training.saving.flop_ratio
            lines.append(f"take: {self.best.name}, {_hours(self.best.hours)}; without sharing {_hours(unshared)}")
            lines.append("  " + " ".join(f"--set {setting}" for setting in self.best.settings))
        return "\n".join([*lines, "assumed:", *(f"  - {text}" for text in self.assumptions)])

    def record(self) -> dict[str, Any]:
        """The same as data. Sizes in bytes."""
        shape = asdict(self.model.shape)
        return {
            "model": {
                "name": self.model.name,
                "source": self.model.source,
                **shape,
                "tied": self.model.tied,
                "parameters": self.model.parameters,
            },
            "gpu": asdict(self.gpu),
            "data": self.data,
            "objective": self.objective,
            "tokens_estimated": self.estimated,
            "training": self.training.record(),
            "peak": {**self.peak._asdict(), "logits_everywhere": all_logit_bytes(self.model, self.peak.nodes)},
            "options": [_record(option) for option in self.options],
            "best": _record(self.best) if self.best else None,
            "utilisation": self.utilisation,
            "assumptions": list(self.assumptions),
        }


def plan_run(recipe: Recipe, data: DataSet, gpu: Gpu, *, utilisation: float = UTILISATION) -> Forecast:
    """What the recipe would need on that GPU; downloads nothing and reads no weights but `lm:tiny`'s.

    Raises:
        UnknownNameError: a model of which nothing is known.
        BadInputError: settings or data are wrong.
    """
    model = find_model(recipe.model)
    tokenizer = find_tokenizer(recipe.model)
    objective = OBJECTIVES.get(recipe.objective)
    training = plan_training(
        tokenizer or RoughTokenizer(),
        model.shape,
        chosen(data.dilemmas, recipe),
        data.taxonomy,
        objective,
        recipe.training,
        seed=recipe.seed,
    )
    return foresee(
        model,
        training,
        recipe.training,
        gpu,
        data=data.name,
        objective=recipe.objective,
        reference=objective.needs_reference,
        estimated=tokenizer is None,
        weights="4bit" if recipe.quantisation else "any",
        utilisation=utilisation,
    )


def foresee(
    model: ModelShape,
    training: TrainingPlan,
    settings: LmTraining,
    gpu: Gpu,
    *,
    data: str,
    objective: str,
    reference: bool,
    estimated: bool,
    weights: Literal["any", "4bit", "whole"] = "any",
    utilisation: float = UTILISATION,
) -> Forecast:
    """What a plan already made would need.

    Args:
        model: its sizes.
        training: what would be trained.
        settings: how.
        gpu: on what.
        data: name of the data, for people.
        objective: likewise.
        reference: whether every example is computed without the adapter too.
        estimated: whether tokens were counted by characters.
        weights: which weights of the base may be proposed.
        utilisation: share of the card's peak rate that is reached.
    """
    if not 0 < utilisation <= 1:
        raise BadInputError(f"utilisation must be above 0 and at most 1 (got {utilisation})")
    plans = training.rows.plans()
    work = _Work.of(model, plans, passes(training, settings), reference=reference)

    def option(four_bit: bool, checkpointing: bool, max_nodes: int) -> Option:
        at = peak(training, plans, max_nodes)
        needs = step_memory(model, settings.lora, at, quantised=four_bit, checkpointing=checkpointing)
        hours = work.operations(four_bit=four_bit, checkpointing=checkpointing)
        hours /= gpu.tflops * 1e12 * utilisation * 3600
        fits = needs.total <= gpu.memory_gb * 1e9
        return Option("4bit" if four_bit else None, checkpointing, max_nodes, needs, fits, hours)

    ways = [(False, False), (False, True)] + ([] if weights == "whole" else [(True, False), (True, True)])
    most = settings.max_nodes
    options = [option(*way, most) for way in ways]
    largest_tree = max(len(plan) for plan in plans)
    floor = min(most, max(SMALLEST, largest_tree))  # a smaller budget would split trees
    budgets = [most >> halvings for halvings in range(most.bit_length()) if most >> halvings >= floor]
    fitting = [found for budget in budgets for way in ways if (found := option(*way, budget)).fits]
    if weights == "4bit":
        fitting = [found for found in fitting if found.quantisation]
    return Forecast(
        model=model,
        gpu=gpu,
        data=data,
        objective=objective,
        settings=settings,
        training=training,
        estimated=estimated,
        peak=peak(training, plans, most),
        options=tuple(options),
        best=min(fitting, key=_by_preference, default=None),
        utilisation=utilisation,
    )


def passes(training: TrainingPlan, settings: LmTraining) -> float:
    """How often every example is computed."""
    if settings.steps is None:
        return settings.epochs
    return settings.steps * settings.accumulate * training.micro_batch / len(training.rows.rows)


def peak(training: TrainingPlan, plans: Sequence[Plan], max_nodes: int) -> Peak:
    """The most that is ever computed at once: the largest micro-batch there can be, but no more than the budget.

    A single sequence longer than the budget is computed whole.
    """
    largest = sorted(plans, key=len)[-training.micro_batch :]
    longest = max(len(branch.tokens) - 1 for plan in plans for branch in plan.branches)
    nodes = max(min(sum(len(plan) for plan in largest), max_nodes), longest)
    rows = sum(sorted(len(plan.rows) for plan in plans)[-training.micro_batch :])
    return Peak(nodes, min(rows, nodes))


@dataclass(frozen=True)
class _Work:
    """Forward operations of a whole run, by kind."""

    linear: float
    attention: float
    head: float
    reference: bool

    @classmethod
    def of(cls, model: ModelShape, plans: Sequence[Plan], times: float, *, reference: bool) -> _Work:
        nodes, pairs, rows = (
            times * sum(count(plan) for plan in plans) for count in (len, visible_pairs, lambda plan: len(plan.rows))
        )
        return cls(
            linear=model.shape.flops(nodes=nodes, pairs=0, rows=0),
            attention=model.shape.flops(nodes=0, pairs=pairs, rows=0),
            head=model.shape.flops(nodes=0, pairs=0, rows=rows),
            reference=reference,
        )

    def operations(self, *, four_bit: bool, checkpointing: bool) -> float:
        """Of training: frozen maps cost as much again in backward, attention two and a half times, the head twice.

        Attention and head compute their scores again; a frozen map has no gradient of its weights.
        """
        again = 1 if checkpointing else 0
        linear = self.linear * (2 + again + self.reference) * (UNPACKING if four_bit else 1)
        return linear + self.attention * (3.5 + again + self.reference) + self.head * (3 + self.reference)


def _by_preference(option: Option) -> tuple[bool, float, int]:
    """Full weights if they fit, because 4 bits change the model; then the fastest, with the largest budget."""
    return option.quantisation is not None, option.hours, -option.max_nodes


def _record(option: Option) -> dict[str, Any]:
    told = asdict(replace(option))
    told["memory"]["total"] = option.memory.total
    told["hours"] = round(option.hours, 4)
    return {**told, "settings": list(option.settings)}


def _line(option: Option) -> str:
    memory = option.memory
    parts = ", ".join(
        f"{name} {value / 1e9:.1f}" for name, value in asdict(memory).items() if name != "reserve" and value >= 5e7
    )
    verdict = "fits" if option.fits else "does not fit"
    return f"{option.name}: {memory.total / 1e9:.1f} GB ({parts}), {verdict}, {_hours(option.hours)}"


def _hours(hours: float) -> str:
    if math.isinf(hours) or hours >= 1:
        return f"{hours:.1f} hours"
    return f"{hours * 60:.1f} minutes"
