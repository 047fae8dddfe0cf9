"""What an option's spelling says: a linear term of the encoder scorer in its character n-grams.

    logit(o, p) += g(o) C c(p)

g(o) is the tf-idf vector, of length 1, of the runs of three to five characters in the option's words, over word
boundaries too (Cavnar and Trenkle 1994), and C `[n-gram, known pole]` is learned. The mean of hundreds of states blurs
what single words say ("immediately", "weigh"); n-grams keep it and share it among forms of a word. N-grams of fewer
than three training options are passed over. They are known by hashes (Weinberger et al. 2009, arXiv 0902.2206) into so
many buckets that hardly any two share one.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from torch import Tensor

SIZES = (3, 4, 5)
"""Characters an n-gram."""
BUCKETS = 2**22
LEAST = 3
"""Training options that an n-gram must be in."""
MEMORY = 20_000
"""Texts whose n-grams are kept in memory (2 kB each)."""

_WORD = re.compile(r"[\w']+")


@dataclass
class NGrams:
    """The n-gram term of one scorer."""

    buckets: Tensor
    """Known n-grams' hashes, ascending: `[n-gram]` int64."""
    idf: Tensor
    """Log of all training options over those with the n-gram: `[n-gram]`."""
    weight: Tensor
    """C, `[n-gram, known pole]`."""

    @classmethod
    def counted(cls, texts: Sequence[str], poles: int) -> NGrams:
        """The n-grams of training options; they weigh nothing yet."""
        found = [ngrams(text) for text in texts]
        buckets, counts = np.unique(np.concatenate([*found, np.zeros(0, np.int32)]), return_counts=True)
        kept = counts >= LEAST
        idf = np.log(len(texts) / counts[kept])
        return cls(
            torch.tensor(buckets[kept].astype(np.int64)), torch.tensor(idf).float(), torch.zeros(len(idf), poles)
        )

    def vectors(self, texts: Sequence[str]) -> csr_matrix:
        """g(o), `[option, n-gram]`."""
        buckets, idf = self.buckets.numpy(), self.idf.numpy()
        columns = [_places(ngrams(text), buckets) for text in texts]
        values = [idf[own] / max(float(np.linalg.norm(idf[own])), 1e-9) for own in columns]
        ends = np.cumsum([0, *map(len, columns)])
        flat = np.concatenate(values).astype(np.float32), np.concatenate(columns), ends
        return csr_matrix(flat, shape=(len(texts), len(buckets)))

    def logits(self, texts: Sequence[str]) -> Tensor:
        """g(o) C, `[option, known pole]`."""
        return torch.tensor(np.asarray(self.vectors(texts) @ self.weight.numpy(), np.float32))


def _places(wanted: NDArray[np.int32], known: NDArray[np.int64]) -> NDArray[np.intp]:
    """Places of those wanted that are among the known; both ascend."""
    places = np.searchsorted(known, wanted)
    places[places == len(known)] = 0
    return np.asarray(places[known[places] == wanted])


@lru_cache(maxsize=MEMORY)
def ngrams(text: str) -> NDArray[np.int32]:
    """Hashes of the n-grams in a text, each once, ascending."""
    line = f" {' '.join(_WORD.findall(text.lower()))} "
    grams = {line[start : start + size] for size in SIZES for start in range(len(line) - size + 1)}
    return np.unique(np.array([zlib.crc32(gram.encode()) % BUCKETS for gram in grams], np.int32))
