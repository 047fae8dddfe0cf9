"""Near duplicates: texts whose vectors point nearly the same way as those of a text kept before."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from counterpoint.data.lint import Embed
from counterpoint.data.rules_of_thumb import words

Vectors = NDArray[np.float32]
"""`[text, dimension]`, rows of length 1."""
_DIMENSIONS = 1 << 12


class Remembered:
    """An embedding that remembers its texts: settling and the lint ask for the same."""

    def __init__(self, embed: Embed) -> None:
        self._embed = embed
        self._known: dict[str, Vectors] = {}

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """Vectors of the texts."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._known]
        if missing:
            self._known.update(zip(missing, self._embed(missing), strict=True))
        return np.stack([self._known[text] for text in texts])


class Kept:
    """Texts kept so far, by name."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._vectors: Vectors | None = None

    def most_like(self, vector: Vectors) -> tuple[str, float]:
        """Name and cosine of the kept text that is most like this one; cosine -1 if nothing is kept."""
        if self._vectors is None:
            return "", -1.0
        cosines = self._vectors[: len(self._names)] @ vector
        best = int(cosines.argmax())
        return self._names[best], float(cosines[best])

    def add(self, name: str, vector: Vectors) -> None:
        """Keep one more."""
        if self._vectors is None:
            self._vectors = np.zeros((64, len(vector)), np.float32)
        elif len(self._names) == len(self._vectors):
            self._vectors = np.concatenate([self._vectors, np.zeros_like(self._vectors)])
        self._vectors[len(self._names)] = vector
        self._names.append(name)


def by_words(texts: Sequence[str]) -> Vectors:
    """Where no sentence encoder is wanted: words counted by hash, rows of length 1."""
    vectors = np.zeros((len(texts), _DIMENSIONS), np.float32)
    for row, text in enumerate(texts):
        for word in words(text) or [""]:
            digest = hashlib.blake2b(word.encode(), digest_size=4).digest()
            vectors[row, int.from_bytes(digest, "big") % _DIMENSIONS] += 1
    normed: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return normed
