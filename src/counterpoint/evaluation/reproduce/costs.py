"""Roughly how long a cell takes. Measured once on one core of a laptop-class CPU; a run corrects it as it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterpoint.evaluation.compare_config import ENCODER, CompareConfig
from counterpoint.training.learner import BASE
from counterpoint.training.lm.config import CAA, ICL
from counterpoint.training.lm.settings import is_tiny

if TYPE_CHECKING:
    from counterpoint.evaluation.reproduce.aloe_config import AloePaperConfig

HEAD, TUNED_MEMBER, ENCODER_ASKS = 0.004, 0.6, 0.002
"""Seconds: of a head a training dilemma, of fine-tuning one dilemma once in one member, of asking a dilemma."""

TINY_STEP, TINY_ASKS = 0.05, 0.01
"""Seconds on `lm:tiny`: of training on a dilemma once, of asking one under both poles."""

TALK_TURN, TALK_TRAINS = 0.02, 0.05
"""Seconds on `lm:tiny`: of a reply with its turn, and of learning from one conversation once."""

DPO_FACTOR = 2.0
"""How much longer right and wrong replies under two models take than right ones under one."""


def known(settings: CompareConfig) -> bool:
    """Whether seconds are seconds; for other language models they are proportions."""
    return settings.model == ENCODER or is_tiny(settings.model)


def seconds_of(settings: CompareConfig, method: str, *, trained: int, asked: int) -> float:
    """Seconds of one training and its questions."""
    if settings.model == ENCODER:
        fit = settings.fit
        tuning = fit.members * fit.epochs * TUNED_MEMBER if fit.finetune else 0.0
        training = 0.0 if method == BASE else trained * (HEAD + tuning)
        return 0.1 + training + asked * ENCODER_ASKS * (1 + 100 * fit.finetune)
    lm = settings.lm.training
    passes = lm.epochs if lm.steps is None else lm.steps * lm.batch * lm.accumulate / max(1, trained)
    factor = DPO_FACTOR if method.startswith(("dpo", "ipo")) else 1.0
    passes = {BASE: 0.0, ICL: 0.0, CAA: 1.0}.get(method, passes * factor)
    harder = 4 if method == ICL else 1
    return 1.0 + trained * passes * TINY_STEP + asked * TINY_ASKS * harder


def aloe_seconds(config: AloePaperConfig, conversations: int, longer: bool) -> float:
    """Seconds of one cell: both stages on so many conversations, and talks with what came of them."""
    training, asking = config.training, config.asking
    passes = training.sft.epochs + DPO_FACTOR * training.dpo.epochs
    turns = asking.turns + (config.more_turns if longer else 0)
    return 2.0 + conversations * passes * TALK_TRAINS + (2 if conversations else 1) * asking.cases * turns * TALK_TURN
