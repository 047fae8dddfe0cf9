"""Sizes of models: a table of those the recipes use, and whatever a `config.json` says.

Numbers of the table are those of each model's published `config.json`; the counts of parameters that follow from them
are the published ones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.models.trie import Shape

PREFIX = "lm:"
BIASED = ("qwen2",)
"""Families whose query, key and value projections always have a bias."""
NORMED_HEADS = ("qwen3", "gemma3_text")
"""Families that normalise every head's query and key."""
FOUR_NORMS = ("gemma2", "gemma3_text")
"""Families that normalise after attention and MLP too; the others twice a layer."""
KNOWN = ("llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3_text")


@dataclass(frozen=True)
class ModelShape:
    """A gated transformer's sizes, enough to count its parameters and its activations."""

    name: str
    family: str
    shape: Shape
    tied: bool
    """Whether the output projection is the embedding."""
    source: str
    biased: bool = False
    """Whether query, key and value projections have a bias."""

    @property
    def projections(self) -> Mapping[str, tuple[int, int]]:
        """A layer's linear maps by name: numbers of inputs and outputs."""
        s = self.shape
        queries, keys = s.heads * s.head_dim, s.key_heads * s.head_dim
        return {
            "q_proj": (s.hidden, queries),
            "k_proj": (s.hidden, keys),
            "v_proj": (s.hidden, keys),
            "o_proj": (queries, s.hidden),
            "gate_proj": (s.hidden, s.intermediate),
            "up_proj": (s.hidden, s.intermediate),
            "down_proj": (s.intermediate, s.hidden),
        }

    @property
    def linear_parameters(self) -> int:
        """Weights of all layers' linear maps: what QLoRA keeps in 4 bits."""
        return self.shape.layers * sum(a * b for a, b in self.projections.values())

    @property
    def embedding_parameters(self) -> int:
        """Embedding and output projection; one and the same if tied."""
        return self.shape.vocabulary * self.shape.hidden * (1 if self.tied else 2)

    @property
    def parameters(self) -> int:
        """All of them."""
        s = self.shape
        norms = (4 if self.family in FOUR_NORMS else 2) * s.hidden + 2 * s.head_dim * self.normed_heads
        biases = (s.heads + 2 * s.key_heads) * s.head_dim * self.biased
        return self.linear_parameters + self.embedding_parameters + s.layers * (norms + biases) + s.hidden

    @property
    def normed_heads(self) -> bool:
        """Whether every head's query and key are normalised."""
        return self.family in NORMED_HEADS

    @classmethod
    def of_config(cls, config: Mapping[str, Any], *, name: str, source: str) -> ModelShape:
        """From the content of a `config.json`.

        Raises:
            BadInputError: a family whose parameters we can't count, or a size is missing.
        """
        config = config.get("text_config") or config
        family = str(config.get("model_type"))
        if family not in KNOWN:
            raise BadInputError(f"{source}: model_type is {family!r}; the planner knows {', '.join(KNOWN)}")
        try:
            heads, hidden = int(config["num_attention_heads"]), int(config["hidden_size"])
            shape = Shape(
                layers=int(config["num_hidden_layers"]),
                hidden=hidden,
                intermediate=int(config["intermediate_size"]),
                heads=heads,
                key_heads=int(config.get("num_key_value_heads") or heads),
                head_dim=int(config.get("head_dim") or hidden // heads),
                vocabulary=int(config["vocab_size"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise BadInputError(
                f"{source}: no complete model configuration ({type(error).__name__}: {error})"
            ) from error
        tied = bool(config.get("tie_word_embeddings", family.startswith("gemma")))
        biased = family in BIASED or bool(config.get("attention_bias", False))
        return cls(name, family, shape, tied, source, biased)


def _qwen2(name: str, *sizes: int, tied: bool) -> ModelShape:
    return ModelShape(f"Qwen/{name}", "qwen2", Shape(*sizes), tied, f"config.json of Qwen/{name}", biased=True)


MODELS = (  # layers, hidden, intermediate, heads, key heads, head size, vocabulary
    _qwen2("Qwen2.5-0.5B-Instruct", 24, 896, 4864, 14, 2, 64, 151_936, tied=True),
    _qwen2("Qwen2.5-3B-Instruct", 36, 2048, 11_008, 16, 2, 128, 151_936, tied=True),
    _qwen2("Qwen2.5-7B-Instruct", 28, 3584, 18_944, 28, 4, 128, 152_064, tied=False),
    ModelShape(
        "Qwen/Qwen3-4B",
        "qwen3",
        Shape(36, 2560, 9728, 32, 8, 128, 151_936),
        tied=True,
        source="config.json of Qwen/Qwen3-4B",
    ),
    ModelShape(
        "meta-llama/Llama-3.1-8B-Instruct",
        "llama",
        Shape(32, 4096, 14_336, 32, 8, 128, 128_256),
        tied=False,
        source="config.json of meta-llama/Llama-3.1-8B-Instruct",
    ),
)


def find_model(name: str) -> ModelShape:
    """The shape of a model by hub id (with or without its owner), folder, or `config.json`; `lm:` may stand before it.

    Raises:
        UnknownNameError: none of these; with the nearest name known.
        BadInputError: a configuration that can't be read.
    """
    where = name.removeprefix(PREFIX)
    path = Path(where)
    file = path / "config.json" if path.is_dir() else path
    if file.is_file():
        return _read(file, name)
    if where == "tiny":
        return _tiny(name)
    for model in MODELS:
        if where.lower() in (model.name.lower(), model.name.partition("/")[2].lower()):
            return model
    if (cached := _cached_config(where)) is not None:
        return _read(cached, name)
    raise UnknownNameError("model", where, [*(model.name for model in MODELS), "tiny", "a folder with a config.json"])


def _read(file: Path, name: str) -> ModelShape:
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInputError(f"{file}: can't be read as JSON ({error})") from error
    if not isinstance(config, dict):
        raise BadInputError(f"{file}: expected an object, a model's config.json")
    return ModelShape.of_config(config, name=name.removeprefix(PREFIX), source=str(file))


def _tiny(name: str) -> ModelShape:
    from counterpoint.models.language_model import LanguageModel

    config = LanguageModel.load(PREFIX + name.removeprefix(PREFIX)).model.config.to_dict()
    return ModelShape.of_config(config, name="tiny", source="the built-in toy model")


def _cached_config(where: str) -> Path | None:
    """The configuration of a model downloaded earlier; nothing is fetched."""
    try:
        from huggingface_hub import try_to_load_from_cache
        from huggingface_hub.errors import HFValidationError
    except ImportError:
        return None
    try:
        found = try_to_load_from_cache(where, "config.json")
    except HFValidationError:
        return None
    return Path(found) if isinstance(found, str) else None
