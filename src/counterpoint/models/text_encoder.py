"""A sentence encoder under the `encoder` scorer: its weights verified, its embeddings cached.

Sentence-BERT (Reimers and Gurevych 2019, arXiv 1908.10084): mean over the last layer's token states, then length 1.
Beside it the means of other layers are kept, which a head on frozen features gains from (models/bases.py says which).
Frozen embeddings are computed one text at a time: without padding a text's embedding doesn't depend on its
neighbours, so that runs repeat to the last bit whether or not the cache was warm; on a CPU this costs no more than
padded batches.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from counterpoint.errors import MissingExtraError
from counterpoint.models.bases import BASES, SMALL, BaseName, default_cache, weights_folder
from counterpoint.models.packed import Ids, Packed, distance_bias, embedded, through

MAX_TOKENS = 256
"""The longest text that is read; longer ones keep their beginning. The small encoder was trained for no more."""

FEATURES_MEMORY, STATES_MEMORY = 300_000_000, 1_000_000_000
"""Bytes of features and of token states that are kept in memory; beyond it the memory is emptied and begun anew."""

Embeddings = NDArray[np.float32]
"""`[text, dimension]`."""

Progress = Callable[[int], None]
"""Told how many more texts are done."""


class TextEncoder:
    """Texts in, unit vectors out. `module` and `tokenizer` are transformers' own."""

    def __init__(
        self,
        module: nn.Module,
        tokenizer: Any,
        identity: str,
        cache: Path | None = None,
        pooled: tuple[int, ...] = (0, -1),
    ) -> None:
        """`pooled` are the layers whose mean states are features, the last layer last."""
        self.module, self.tokenizer, self.identity = module.eval(), tokenizer, identity
        self.cache, self.pooled = cache, pooled
        self._known: dict[str, NDArray[np.float32]] = {}
        self._lower: dict[tuple[int, tuple[int, ...]], Tensor] = {}
        self._lower_size = 0
        self.dimension: int = int(module.config.hidden_size)  # type: ignore[union-attr, arg-type]
        self.features_size: int = len(pooled) * self.dimension
        self.layers: int = int(module.config.num_hidden_layers)  # type: ignore[union-attr, arg-type]

    @classmethod
    def load(cls, base: BaseName = SMALL, *, cache: Path | None = None) -> TextEncoder:
        """The verified weights from installed packages, else from the hub; embeddings are cached in `cache`.

        Raises:
            MissingExtraError: transformers is not installed.
            BadInputError: the weights are not the published ones, or can't be had.
        """
        found, cache = BASES[base], cache or default_cache()
        module, tokenizer = _from_folder(weights_folder(found, cache))
        return cls(module, tokenizer, found.sha256, cache, found.pooled)

    def token_ids(self, text: str, *, max_tokens: int = MAX_TOKENS) -> list[int]:
        """Token ids with the encoder's start and end tokens."""
        ids: list[int] = self.tokenizer(text, truncation=True, max_length=max_tokens)["input_ids"]
        return ids

    def embed(self, texts: Sequence[str], *, progress: Progress | None = None) -> Embeddings:
        """Sentence embeddings `[text, dimension]`, rows of length 1."""
        states = self.features(texts, progress=progress)[:, -self.dimension :]
        return np.asarray(states / np.linalg.norm(states, axis=1, keepdims=True), np.float32)

    def features(self, texts: Sequence[str], *, progress: Progress | None = None) -> Embeddings:
        """Means over tokens of the pooled layers, side by side: `[text, pooled layer * dimension]`.

        `progress` is told after each text that was not in the cache.
        """
        if not texts:
            return np.zeros((0, self.features_size), np.float32)
        missing = [text for text in dict.fromkeys(texts) if text not in self._known]
        if missing:
            with _Cache(self.cache, f"{self.identity} {self.pooled}", self.features_size) as cache:
                self._known |= cache.read(missing)
                for text in missing:
                    if text not in self._known:
                        self._known[text] = self._features_of(text)
                        cache.write(text, self._known[text])
                        if progress:
                            progress(1)
        found = np.stack([self._known[text] for text in texts])
        if 4 * self.features_size * len(self._known) > FEATURES_MEMORY:
            self._known.clear()
        return found

    @torch.no_grad()
    def lower(self, ids: Ids, layers: int) -> Packed:
        """Token states after the first `layers` layers, which fine-tuning leaves as they are.

        Computed one text at a time and kept, in half precision: a training reads every text in every epoch.
        """
        encoder: Any = self.module.encoder
        parts = []
        for own in ids:
            found = self._lower.get((layers, tuple(own)))
            if found is None:
                packed = embedded(self.module, [own])
                bias = distance_bias(self.module, packed)
                found = through(encoder.layer[:layers], packed, bias).states.half()
                self._lower[layers, tuple(own)] = found
                self._lower_size += 2 * found.numel()
            parts.append(found)
        if self._lower_size > STATES_MEMORY:
            self._lower.clear()
            self._lower_size = 0
        return Packed(torch.cat(parts).float(), torch.tensor([len(own) for own in ids]))

    @torch.no_grad()
    def _features_of(self, text: str) -> NDArray[np.float32]:
        ids = torch.tensor([self.token_ids(text)])
        row: NDArray[np.float32] = pooled_features(self.module, ids, torch.ones_like(ids), self.pooled)[0].numpy()
        return row


def pooled_features(module: nn.Module, ids: Tensor, mask: Tensor, layers: Sequence[int]) -> Tensor:
    """Mean over real tokens (`mask` 1) of each of these layers: `[text, layer * dimension]`."""
    states = module(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
    weights = mask.to(states[0].dtype).unsqueeze(-1)
    return torch.cat([(states[layer] * weights).sum(1) / weights.sum(1) for layer in layers], dim=-1)


def _from_folder(folder: Path) -> tuple[nn.Module, Any]:
    try:
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging
    except ImportError as error:
        raise MissingExtraError("The encoder", "encoder") from error
    logging.disable_progress_bar()
    options = {"local_files_only": True, "trust_remote_code": False}
    tokenizer = AutoTokenizer.from_pretrained(folder, **options)
    return AutoModel.from_pretrained(folder, use_safetensors=True, dtype=torch.float32, **options), tokenizer


class _Cache:
    """Embeddings by text in one SQLite file: safe under several processes, and a broken cache only costs time."""

    def __init__(self, folder: Path | None, identity: str, size: int) -> None:
        self.folder, self.identity, self.bytes = folder, identity, 4 * size
        self.connection: sqlite3.Connection | None = None

    def __enter__(self) -> _Cache:
        if self.folder is not None:
            with contextlib.suppress(OSError, sqlite3.Error):
                self.folder.mkdir(parents=True, exist_ok=True)
                # every row is committed at once: a transaction over the whole loop would lock other processes out
                self.connection = sqlite3.connect(self.folder / "embeddings.sqlite", timeout=30, isolation_level=None)
                self.connection.execute("PRAGMA journal_mode=WAL")
                self.connection.execute("PRAGMA synchronous=NORMAL")
                self.connection.execute("CREATE TABLE IF NOT EXISTS embedding (key BLOB PRIMARY KEY, vector BLOB)")
        return self

    def __exit__(self, *_: object) -> None:
        if self.connection is not None:
            self.connection.close()

    def read(self, texts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        return dict(self._rows(texts))

    def _rows(self, texts: Sequence[str]) -> Iterator[tuple[str, NDArray[np.float32]]]:
        if self.connection is None:
            return
        for text in texts:
            try:
                row = self.connection.execute(
                    "SELECT vector FROM embedding WHERE key = ?", (self._key(text),)
                ).fetchone()
            except sqlite3.Error:
                return
            if row is not None and isinstance(row[0], bytes) and len(row[0]) == self.bytes:
                yield text, np.frombuffer(row[0], dtype="<f4").copy()

    def write(self, text: str, vector: NDArray[np.float32]) -> None:
        if self.connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self.connection.execute(
                    "INSERT OR REPLACE INTO embedding VALUES (?, ?)", (self._key(text), vector.astype("<f4").tobytes())
                )

    def _key(self, text: str) -> bytes:
        return hashlib.sha256(f"features/2\0{self.identity}\0{MAX_TOKENS}\0{text}".encode()).digest()
