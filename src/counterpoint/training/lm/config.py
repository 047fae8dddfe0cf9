"""How a language model takes part in a comparison: trained, asked, read. Without the trainer's heavy imports."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from counterpoint.errors import BadInputError
from counterpoint.models.caa_fit import CaaConfig
from counterpoint.models.icl import IclConfig
from counterpoint.models.sampling import Decoding
from counterpoint.training.lm.settings import LmTraining, check

ICL, CAA = "icl", "caa"


@dataclass(frozen=True)
class LmConfig:
    """How a language model is trained, asked and read. Layout and form of its prompts are `training`'s, always."""

    reading: Literal["letters", "answers", "answers_per_token", "generation"] = "letters"
    """By likelihood (of the letter, of the whole reply, of the reply per token), or by what it writes."""
    decoding: Decoding = field(default_factory=Decoding)
    """How it writes."""
    training: LmTraining = field(default_factory=LmTraining)
    """For `lm:tiny` what is not said is the preset `TINY`, otherwise the paper's."""
    icl: IclConfig = field(default_factory=IclConfig)
    """What the method `icl` shows."""
    caa: CaaConfig = field(default_factory=CaaConfig)
    """What the method `caa` tries."""
    quantisation: Literal["4bit"] | None = None
    """`4bit` for QLoRA: the base's weights in 4 bits (needs a GPU and bitsandbytes)."""


def check_lm(config: LmConfig) -> None:
    """Refuse settings that can't work, before anything long begins."""
    check(config.training)
    if config.icl.shots < 1:
        raise BadInputError(f"lm.icl.shots must be at least 1 (got {config.icl.shots})")
