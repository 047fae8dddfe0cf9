"""A tokenizer for counting: the model's own where it is at hand, else an estimate by characters."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

CHARACTERS_PER_TOKEN = 4.4
"""Of English prose under vocabularies of 128,000 to 152,000 tokens, roughly; nothing else is claimed for it."""


class RoughTokenizer:
    """Cuts text every 4.4 characters. Texts with a common beginning have common first tokens, as tries need it.

    It looks like a tokenizer of transformers to what asks for no more than this: no chat template (real ones add some
    20 tokens a prompt), no BOS, an EOS.
    """

    chat_template = None
    bos_token_id = None
    eos_token_id = 0

    def __init__(self) -> None:
        self.added_tokens_decoder: dict[int, Any] = {}
        self.all_special_tokens: list[str] = []
        self._ids: dict[str, int] = {}

    def __call__(self, text: str, **_: Any) -> dict[str, list[int]]:
        cuts = [round(i * CHARACTERS_PER_TOKEN) for i in range(int(len(text) / CHARACTERS_PER_TOKEN) + 2)]
        pieces = [text[a:b] for a, b in pairwise(cuts) if text[a:b]]
        return {"input_ids": [self._ids.setdefault(piece, len(self._ids) + 1) for piece in pieces]}


def find_tokenizer(model: str) -> Any | None:
    """The tokenizer of a folder, of `lm:tiny` or of a model downloaded earlier, else None; nothing is fetched."""
    where = model.removeprefix("lm:")
    if where == "tiny":
        from counterpoint.models.language_model import LanguageModel

        return LanguageModel.load("lm:tiny").tokenizer
    try:
        from transformers import AutoTokenizer
    except ImportError:
        return None
    try:
        return AutoTokenizer.from_pretrained(where, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError):  # nothing there, or a folder that holds a configuration only
        return None
