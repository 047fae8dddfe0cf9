"""ALOE's own figures beside ours, and every difference in set-up (Wu et al. 2024, arXiv 2410.03642)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from counterpoint.evaluation.reproduce.aloe_config import AloePaperConfig
from counterpoint.evaluation.reproduce.papers import Row, aspect, figure
from counterpoint.training.lm.conversation_recipe import TOY
from counterpoint.training.lm.settings import LmTraining

MEAN, LEAST, MOST = 0.32, 0.108, 0.133
"""Gain in AL over base models: on average over models, and least and most at a turn."""

FINAL = "sft+dpo"


def aloe_figures(main: Mapping[str, Any]) -> list[Row]:
    """The headlines, and the slopes, of which the paper has one a model."""
    own = [row for row in main["relative"] if row["method"] == FINAL]
    overall = next((row for row in own if row["turn"] is None), None)
    by_turn = [row for row in own if row["turn"] is not None and row["mean"] is not None]
    least = min(by_turn, key=lambda row: row["mean"], default=None)
    most = max(by_turn, key=lambda row: row["mean"], default=None)
    means = {row["metric"]: row for row in main["summary"] if row["method"] == FINAL}
    rows = [
        figure("gain in AL over the base, mean over turns", MEAN, "relative", overall, "SFT then DPO over the base"),
        figure(
            f"least gain at a turn{_turn(least)}", LEAST, "relative", least, "the least of ten is too low by selection"
        ),
        figure(f"most gain at a turn{_turn(most)}", MOST, "relative", most, "the most of ten is too high by selection"),
    ]
    names = {"ir": "IR, points a turn", "n_ir": "N-IR, shares of the range a turn", "n_r2": "N-R2"}
    rows += [
        figure(f"{what}, SFT then DPO", None, "number", means.get(name), "the paper has one a model, not one in all")
        for name, what in names.items()
    ]
    return rows


def _turn(row: Mapping[str, Any] | None) -> str:
    return f" ({row['turn']})" if row else ""


def aloe_set_up(config: AloePaperConfig, conversations: int, cases: int) -> list[Row]:
    """Everything in which this run is not the paper's."""
    toy = config.data == TOY
    training, asking = config.training, config.asking
    return [
        aspect("model", "instruct models of about 7 billion weights", config.model),
        aspect("training data", "3,000 conversations of authored personas", f"{conversations} of {config.data}"),
        aspect("general chat data in SFT", "mixed in", f"a share of {config.chat_share:g}" if config.chats else "none"),
        aspect("what is trained", "all weights", _lora(training.sft)),
        aspect(
            "SFT", "1e-5, 1 epoch, packed to 8,192 tokens, 48 sequences a step", _stage(training.sft, training.packing)
        ),
        aspect("DPO", "beta 0.9, 1e-5, 1 epoch, 48 turns a step", f"beta {training.beta:g}, {_stage(training.dpo, 0)}"),
        aspect("runs", "1", f"{config.seeds} of training; the same cases"),
        aspect("cases", "100: 20 held-out profiles x 5 personalities", str(cases)),
        aspect("turns", "10", str(asking.turns)),
        aspect("the person", "played by a large model", "the toy world's" if toy else asking.user),
        aspect(
            "grader",
            "a large model, 1 to 5 on three criteria",
            "exact: 5 where a reply has what the person leans to, 1 where not, 3 where it names no way"
            if toy
            else asking.judge.who,
        ),
        aspect("replies", "written", f"written, at temperature {asking.temperature:g}" + (", a letter" if toy else "")),
    ]


def _lora(settings: LmTraining) -> str:
    return f"LoRA, rank {settings.lora.rank}, added into the weights between the stages"


def _stage(settings: LmTraining, packing: int) -> str:
    packed = f", packed to {packing} tokens" if packing else f", {settings.batch * settings.accumulate} a step"
    return f"{settings.learning_rate:g}, {settings.epochs} epochs{packed}"
