"""A recipe with stages: a model, conversations, chats beside them, and ALOE's training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from counterpoint.config import resolve
from counterpoint.data.chats import load_chats, mixed_in
from counterpoint.data.conversations import Conversation, load_conversations
from counterpoint.errors import BadInputError
from counterpoint.training.lm.conversation_rows import Chat
from counterpoint.training.lm.conversation_settings import AloeTraining, Stage, defaults_for
from counterpoint.training.lm.settings import check

TOY = "toy"
"""What `data` says for conversations of the toy world."""


@dataclass(frozen=True)
class ConversationRecipe:
    """What is trained on which conversations, and how."""

    stages: tuple[Stage, ...]
    """`sft` on preferred replies, `dpo` of preferred against rejected, or both in this order."""
    model: str = "lm:tiny"
    """`lm:` and a hub id, a folder, or `tiny`."""
    data: str = TOY
    """A file of `counterpoint author conversations`, or `toy`."""
    most: int | None = None
    """At most so many conversations, from the file's beginning; all where not given."""
    chats: str | None = None
    """A file of general chat data (`data/chats.py`), mixed into `sft`."""
    chat_share: float = 0.5
    """Share of chats among conversations and chats; fewer where the file has not as many. Ours."""
    seed: int = 0
    """Of the chats drawn, the adapters' first weights, the order, dropout, and the toy world's replies."""
    training: AloeTraining = field(default_factory=AloeTraining)
    """All the rest. For `lm:tiny` what is not said is the preset `TINY_ALOE`, otherwise ALOE's."""


def read(values: Mapping[str, Any]) -> ConversationRecipe:
    """The recipe that a TOML file with `stages` says.

    Raises:
        BadInputError: a key or value is wrong.
    """
    recipe = resolve(ConversationRecipe, flags=values)
    if not recipe.model.startswith("lm:"):
        raise BadInputError(f"model is {recipe.model!r}; expected lm: and a hub id or a folder, such as lm:tiny")
    if recipe.stages not in (("sft",), ("dpo",), ("sft", "dpo")):
        raise BadInputError(f"stages are {list(recipe.stages)}; expected ['sft'], ['dpo'] or ['sft', 'dpo']")
    if recipe.most is not None and recipe.most < 1:
        raise BadInputError(f"most must be at least 1 (got {recipe.most})")
    if recipe.chats is not None and "sft" not in recipe.stages:
        raise BadInputError("chats are learned in the stage 'sft', which stages leave out")
    if recipe.training.packing < 0 or not recipe.training.beta > 0:
        raise BadInputError(
            f"training.packing must be at least 0 and training.beta above 0 (got {recipe.training.packing}, "
            f"{recipe.training.beta})"
        )
    mixed_in((), 0, share=recipe.chat_share, seed=0)
    for settings in (recipe.training.sft, recipe.training.dpo):
        check(settings)
    return recipe


def preset(model: str) -> dict[str, Any]:
    """What is not said, by the model's name."""
    return {"training": asdict(defaults_for(model))}


def read_conversations(
    recipe: ConversationRecipe, tokenizer: Any, *, preferred: float = 0.5
) -> tuple[Conversation, ...]:
    """What is trained on; in the toy world the preferred reply is heard with probability `preferred`.

    Raises:
        BadDataError: with everything that is wrong with the file.
    """
    if recipe.data == TOY:
        from counterpoint.training.lm.toy_conversations import COUNT, training_conversations

        count = recipe.most or COUNT
        return tuple(training_conversations(tokenizer, seed=recipe.seed, count=count, preferred=preferred))
    return load_conversations(Path(recipe.data))[: recipe.most]


def read_chats(recipe: ConversationRecipe, conversations: Sequence[Conversation]) -> tuple[Chat, ...]:
    """The chats that are mixed in."""
    if recipe.chats is None:
        return ()
    return mixed_in(load_chats(recipe.chats), len(conversations), share=recipe.chat_share, seed=recipe.seed)
