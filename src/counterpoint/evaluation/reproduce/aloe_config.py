"""The settings of `reproduce aloe`, its trainings, and which settings make no sense."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.evaluation.compare_config import LM
from counterpoint.evaluation.reproduce.variants import Deviation
from counterpoint.evaluation.suites.aloe import AloeConfig
from counterpoint.evaluation.suites.aloe import check as check_asking
from counterpoint.training.lm.conversation_recipe import TOY, ConversationRecipe
from counterpoint.training.lm.conversation_settings import AloeTraining, defaults_for

TURNS = "turns"
FACTORS = ("stage", TURNS, "training_size", "ratio")


@dataclass(frozen=True)
class AloePaperConfig:
    """Everything that decides the run's numbers."""

    model: str = "lm:tiny"
    """`lm:` and a hub id, a folder or `tiny`."""
    data: str = TOY
    """Conversations that are trained on: a file of `counterpoint author conversations`, or `toy`."""
    people: str | None = None
    """Held-out people, a file of personas or a folder of descriptions; the toy world has its own."""
    chats: str | None = None
    """A file of general chat data, mixed into `sft`."""
    chat_share: float = 0.5
    """Share of chats among conversations and chats."""
    most: int | None = None
    """At most so many conversations; all where not given."""
    seeds: int = 3
    """Seeds 0 to seeds - 1, of training. Everybody talks with the same people."""
    ablations: tuple[str, ...] | None = None
    """Of `stage`, `turns`, `training_size`, `ratio` (toy only); all that apply where none are named."""
    variants: int = 2
    """Settings tried of a factor beside the default, at most."""
    more_turns: int = 20
    """Turns of the talks that are longer than the paper's."""
    training: AloeTraining = field(default_factory=AloeTraining)
    """Both stages; for `lm:tiny` the preset `TINY_ALOE`."""
    asking: AloeConfig = field(default_factory=AloeConfig)
    """The benchmark: cases, turns, who plays the people, who grades."""


QUICK: Mapping[str, Any] = {"seeds": 1, "variants": 1, "most": 400, "asking": {"cases": 40}}
"""What `--quick` says where nothing else is said."""


@dataclass(frozen=True)
class Trainee(Deviation):
    """One of ALOE's trainings."""

    recipe: ConversationRecipe
    preferred: float = 0.5
    """Share of turns after which the preferred reply is the one that the conversation goes on from (toy only)."""


def presets(said: Mapping[str, Any]) -> dict[str, Any]:
    """Defaults that depend on the model."""
    return {"training": asdict(defaults_for(str(said.get("model", AloePaperConfig.model))))}


def check_aloe(config: AloePaperConfig) -> None:
    """Refuse settings that can't work, before anything long begins.

    Raises:
        BadInputError: which setting, its value, and what it must be.
        UnknownNameError: there is no such ablation.
    """
    if not config.model.startswith(LM):
        raise BadInputError(
            f"model is {config.model!r}: ALOE trains and grades replies in words, which takes a language model: "
            "lm:tiny, or lm: and a hub id or a folder"
        )
    for name in ("seeds", "variants"):
        if getattr(config, name) < 1:
            raise BadInputError(f"{name} must be at least 1 (got {getattr(config, name)})")
    if config.most is not None and config.most < 4:
        raise BadInputError(f"most must be at least 4, so that shares of it can be trained on (got {config.most})")
    if config.more_turns <= config.asking.turns:
        raise BadInputError(f"more_turns must be above asking.turns = {config.asking.turns} (got {config.more_turns})")
    for factor in config.ablations or ():
        if factor not in factors(config):
            raise UnknownNameError("ablation", factor, factors(config))
    check_asking(config.asking)


def factors(config: AloePaperConfig) -> tuple[str, ...]:
    """What can be varied. Which reply was heard is decided in given conversations."""
    return tuple(f for f in FACTORS if f != "ratio" or config.data == TOY)


def wanted(config: AloePaperConfig) -> tuple[str, ...]:
    """What is varied."""
    return factors(config) if config.ablations is None else config.ablations


def trainees(config: AloePaperConfig, conversations: int) -> list[Trainee]:
    """The default and everything that is trained beside it, from so many conversations."""
    default = ConversationRecipe(
        stages=("sft", "dpo"),
        model=config.model,
        data=config.data,
        most=config.most,
        chats=config.chats,
        chat_share=config.chat_share,
        training=config.training,
    )
    varied = {
        "stage": [Trainee("stage", "dpo alone", replace(default, stages=("dpo",), chats=None))],
        "training_size": [
            Trainee("training_size", f"{share:.0%}", replace(default, most=max(1, round(share * conversations))))
            for share in (0.25, 0.5)
        ],
        "ratio": [Trainee("ratio", f"{share:.0%} preferred", default, preferred=share) for share in (1.0, 0.0)],
    }
    kept = [trainee for factor in wanted(config) for trainee in varied.get(factor, [])[: config.variants]]
    return [Trainee("", "", default), *kept]
