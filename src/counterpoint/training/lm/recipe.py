"""A recipe: everything that decides a training run, as a TOML file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from counterpoint.config import parse_set, read_toml, resolve
from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.training.lm import conversation_recipe
from counterpoint.training.lm.conversation_recipe import ConversationRecipe
from counterpoint.training.lm.settings import TINY, LmTraining, check, is_tiny
from counterpoint.training.objective import OBJECTIVES
from counterpoint.types import Dilemma, content_hash


@dataclass(frozen=True)
class Recipe:
    """What is trained on what, and how."""

    model: str = "lm:tiny"
    """`lm:` and a hub id, a folder, or `tiny`."""
    data: str = "toy"
    """A file, a folder or the name of a built-in data set; all of it is trained on."""
    taxonomy: str | None = None
    """Built-in name or TOML file; the data's own where not given."""
    objective: str = "pft"
    """A name of `training/objectives`."""
    per_value_pair: int | None = None
    """At most so many dilemmas of each value pair, drawn by the seed; all where not given. The paper has 1,000."""
    seed: int = 0
    """Of the options' order, the adapter's first weights, the examples' order and dropout."""
    quantisation: Literal["4bit"] | None = None
    """`4bit` for QLoRA: the base's weights in 4 bits (needs a GPU and bitsandbytes)."""
    training: LmTraining = field(default_factory=LmTraining)
    """All the rest. For `lm:tiny` what is not said is the preset `TINY`, otherwise the paper's."""


def read_recipe(file: Path | None, sets: Sequence[str] = ()) -> Recipe | ConversationRecipe:
    """The recipe in a file with `--set`s on top: of conversations where it says `stages`, otherwise of dilemmas.

    Raises:
        BadInputError: it can't be read, or a key or value is wrong.
        UnknownNameError: there is no such objective.
    """
    values = read_toml(file) if file is not None else {}
    for text in sets:
        values = _over(values, parse_set(text))
    if "stages" in values:
        below = conversation_recipe.preset(str(values.get("model", ConversationRecipe.model)))
        return conversation_recipe.read(_over(below, values))
    return _of_dilemmas(values)


def _of_dilemmas(values: Mapping[str, Any]) -> Recipe:
    if is_tiny(str(values.get("model", Recipe.model))):
        values = _over({"training": asdict(TINY)}, values)
    recipe = resolve(Recipe, flags=values)
    if not recipe.model.startswith("lm:"):
        raise BadInputError(f"model is {recipe.model!r}; expected lm: and a hub id or a folder, such as lm:tiny")
    if recipe.objective not in OBJECTIVES.names():
        raise UnknownNameError("objective", recipe.objective, OBJECTIVES.names())
    if recipe.per_value_pair is not None and recipe.per_value_pair < 1:
        raise BadInputError(f"per_value_pair must be at least 1 (got {recipe.per_value_pair})")
    check(recipe.training)
    return recipe


def chosen(dilemmas: Sequence[Dilemma], recipe: Recipe) -> tuple[Dilemma, ...]:
    """The dilemmas that are trained on, in the order given."""
    most = recipe.per_value_pair
    if most is None:
        return tuple(dilemmas)
    drawn = sorted(dilemmas, key=lambda dilemma: content_hash("draw", recipe.seed, dilemma.digest, dilemma.id))
    count: Counter[str] = Counter()
    kept = set()
    for dilemma in drawn:
        count[dilemma.value_pair] += 1
        if count[dilemma.value_pair] <= most:
            kept.add(dilemma.id)
    return tuple(dilemma for dilemma in dilemmas if dilemma.id in kept)


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Nested tables, those above hiding those below."""
    merged = dict(below)
    for key, value in above.items():
        inner = merged.get(key)
        merged[key] = _over(inner, value) if isinstance(inner, Mapping) and isinstance(value, Mapping) else value
    return merged
