"""The settings of `reproduce pft`, and which of them make no sense."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from counterpoint.errors import BadInputError
from counterpoint.evaluation.compare_config import ENCODER, LM, METHODS, CompareConfig, check
from counterpoint.evaluation.suites.history import HistoryConfig
from counterpoint.evaluation.suites.history import check as check_history
from counterpoint.models.encoder import EncoderConfig
from counterpoint.training.lm.config import CAA, ICL, LmConfig
from counterpoint.training.lm.settings import defaults_for, is_tiny
from counterpoint.training.settings import FitConfig

Part = Literal["methods", "ablations", "held_out", "history"]
PARTS: tuple[Part, ...] = ("methods", "ablations", "held_out", "history")


@dataclass(frozen=True)
class PftConfig:
    """Everything that decides the run's numbers."""

    data: str = "crossroads"
    """What is divided into training, validation and test dilemmas; for `lm:tiny`, which knows no English, `toy`."""
    taxonomy: str | None = None
    """Built-in name or TOML file; the data's own where not given."""
    held_out: str | None = None
    """Dilemmas of another family, such as BQD: a file, a folder, or a folder with `test/`. Without it every value pair
    of the data is left out of training in turn and asked."""
    open_answers: str | None = None
    """Folder of a finished `evaluate --suite vcd_open` with the same model, whose score stands beside the paper's."""
    model: str = ENCODER
    """`encoder`, or `lm:` and a hub id, a folder or `tiny`."""
    methods: tuple[str, ...] = METHODS
    """What is compared; `pft` must be among them."""
    parts: tuple[Part, ...] = PARTS
    """Which of the tables; the first is always made."""
    seeds: int = 5
    """Seeds 0 to seeds - 1: of the division, the options' order and the training."""
    split_seed: int = 0
    """Added to a seed, draws its division into 80% training, 10% validation and 10% test scenarios."""
    ablations: tuple[str, ...] | None = None
    """Factors varied one at a time; all that apply to the model where none are named."""
    variants: int = 2
    """Settings tried of a factor beside the default, at most."""
    history: HistoryConfig = field(default_factory=lambda: HistoryConfig(noises=(0.0,)))
    """The experiment on people's histories; its `seeds` are this run's."""
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    """What the encoder sees."""
    fit: FitConfig = field(default_factory=FitConfig)
    """How the encoder is trained."""
    lm: LmConfig = field(default_factory=LmConfig)
    """How a language model is trained, asked and read."""

    @property
    def training(self) -> CompareConfig:
        """The default settings of a training."""
        return CompareConfig(
            data=self.data,
            model=self.model,
            methods=self.methods,
            seeds=self.seeds,
            save="none",
            encoder=self.encoder,
            fit=self.fit,
            lm=self.lm,
        )


NOISELESS: Mapping[str, Any] = {"noises": (0.0,)}
"""People always choose their side, whatever else is said of the history experiment."""

QUICK: Mapping[str, Any] = {
    "seeds": 1,
    "variants": 1,
    "history": {"histories": (1, 3), "people": 24, "questions": 10, "newcomers": 40, **NOISELESS},
}
"""What `--quick` says where nothing else is said: one seed, one setting a factor, few people."""


def presets(said: Mapping[str, Any]) -> dict[str, Any]:
    """Defaults of `PftConfig` that depend on the model."""
    model = str(said.get("model", ENCODER))
    if not model.startswith(LM):
        return {"history": NOISELESS}
    found: dict[str, Any] = {
        "history": NOISELESS,
        "methods": (*METHODS, ICL, CAA),
        "lm": {"training": asdict(defaults_for(model))},
    }
    if is_tiny(model):
        found["data"] = "toy"
    return {"seeds": 3, **found}


def check_pft(config: PftConfig) -> None:
    """Refuse settings that can't work, before anything long begins.

    Raises:
        BadInputError: which setting, its value, and what it must be.
        UnknownNameError: there is no such method or model.
    """
    check(config.training)
    if "pft" not in config.methods or len(config.methods) < 2:
        raise BadInputError(f"methods must hold pft and something to compare it with (got {', '.join(config.methods)})")
    if "methods" not in config.parts:
        raise BadInputError(f"parts must hold methods, what all else is measured against (got {list(config.parts)})")
    if config.variants < 1:
        raise BadInputError(f"variants must be at least 1 (got {config.variants})")
    if config.history.seeds != HistoryConfig.seeds:
        raise BadInputError(
            f"history.seeds is {config.history.seeds}: a reproduction has one number of seeds; say seeds"
        )
    check_history(config.history)
