"""Settings of ALOE's two stages, and their presets. Without heavy imports."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from counterpoint.models.language_model import LoraSettings
from counterpoint.training.lm.settings import TINY, LmTraining, is_tiny

Stage = Literal["sft", "dpo"]

BETA = 0.9
"""Weight of the reference in ALOE's DPO."""


@dataclass(frozen=True)
class AloeTraining:
    """Both stages. Defaults are ALOE's where an adapter leaves room for them; `batch` counts conversations."""

    sft: LmTraining = field(
        default_factory=lambda: LmTraining(epochs=1, batch=1, accumulate=48, learning_rate=1e-5, max_tokens=8192)
    )
    """On preferred replies: learning rate 1e-5, 1 epoch, 48 packed sequences a step."""
    dpo: LmTraining = field(
        default_factory=lambda: LmTraining(epochs=1, batch=1, accumulate=5, learning_rate=1e-5, max_tokens=8192)
    )
    """Preferred against rejected: learning rate 1e-5, 1 epoch. ALOE's step is 4 x 12 turns; 5 conversations of ten
    turns are about as many."""
    packing: int = 8192
    """Tokens of a packed sequence in `sft`: as many conversations as make that many on average are a micro-batch,
    whatever `sft.batch` says; 0 leaves it to `sft.batch`."""
    beta: float = BETA
    """Weight of the reference."""

    def of(self, stage: Stage) -> LmTraining:
        """The settings of one stage."""
        return self.sft if stage == "sft" else self.dpo


_WHOLE_LAYERS = LoraSettings(
    rank=32,
    alpha=64,
    dropout=0.0,
    modules=("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
)
TINY_ALOE = AloeTraining(
    sft=replace(TINY, lora=_WHOLE_LAYERS, epochs=3, batch=8, learning_rate=3e-3, max_tokens=4096),
    dpo=replace(TINY, lora=_WHOLE_LAYERS, steps=50, batch=8, learning_rate=5e-4, max_tokens=4096),
    packing=0,
)
"""For `lm:tiny`, which learns nothing at ALOE's learning rate and has never had to look back beyond a turn."""


def defaults_for(model: str) -> AloeTraining:
    """The settings for a model's name: `TINY_ALOE` for `lm:tiny`, otherwise ALOE's."""
    return TINY_ALOE if is_tiny(model) else AloeTraining()
