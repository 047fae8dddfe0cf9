"""What the options of a dilemma say about every value pair, read off a scorer once and kept on disk.

x_d(o) = (s_{d+}(o) - s_{d-}(o)) / 2 for option o and value pair d, from the scorer's log-probabilities s. Axes:
`option` or `alternative` (A), `value_pair` (K), `pole` (2K: positive, negative, pair by pair).
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from counterpoint.models.scorer import LogProbs, Scorer
from counterpoint.types import Choice, Dilemma, Option, Taxonomy, content_hash
from counterpoint.users.model import Features, Question

ELSEWHERE = 0.1
"""Default of `Evidence.elsewhere`: the largest value whose loss in predicting simulated people is not told apart from
the best one's, cross-validated on training dilemmas (`benchmarks/beliefs_defaults.py elsewhere`; docs/log.md)."""

_PATIENCE = 60.0
"""Seconds to wait for another writer."""


class EvidenceCache:
    """Log-probabilities by content hash in one SQLite file; `None` keeps them in memory. Many processes may write."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._memory: dict[str, LogProbs] = {}
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._open() as database:
                database.execute("CREATE TABLE IF NOT EXISTS scores (key TEXT PRIMARY KEY, width INT, data BLOB)")

    def get(self, keys: Sequence[str]) -> dict[str, LogProbs]:
        """Those that are there."""
        found = {key: self._memory[key] for key in keys if key in self._memory}
        missing = [key for key in keys if key not in found]
        if self.path is not None and missing:
            with self._open() as database:
                for key in missing:
                    row = database.execute("SELECT width, data FROM scores WHERE key = ?", (key,)).fetchone()
                    if row is not None:
                        found[key] = np.frombuffer(row[1], dtype="<f4").reshape(-1, row[0])
            self._memory.update(found)
        return found

    def put(self, scores: Mapping[str, LogProbs]) -> None:
        """Keep them. Two writers of one key write the same, so the first stays."""
        self._memory.update(scores)
        if self.path is not None and scores:
            rows = [(key, log_probs.shape[1], log_probs.astype("<f4").tobytes()) for key, log_probs in scores.items()]
            with self._open() as database:
                database.executemany("INSERT OR IGNORE INTO scores VALUES (?, ?, ?)", rows)

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection of its own for each use, committed and closed: safe across threads and forks."""
        assert self.path is not None
        with contextlib.closing(sqlite3.connect(self.path, timeout=_PATIENCE)) as database, database:
            yield database


class Evidence:
    """A scorer read as evidence about a taxonomy's value pairs.

    Args:
        scorer: reads the texts.
        taxonomy: whose value pairs the axes are.
        cache: where scores are kept.
        elsewhere: how much of the evidence about value pairs other than the one a dilemma is written about counts, 0 to
            1. What an option says in passing about another pair is mostly the scorer's noise; free texts are about
            no pair in particular and count in full.
        quality: how much an option that is likely under all poles is preferred by everybody:
            b(o) = quality * mean over poles of s_p(o). 0: not at all.
        identity: tells this scorer from every other; by default a hash of what it saves and describes.
    """

    def __init__(
        self,
        scorer: Scorer,
        taxonomy: Taxonomy,
        *,
        cache: EvidenceCache | None = None,
        elsewhere: float = ELSEWHERE,
        quality: float = 0.0,
        identity: str = "",
    ) -> None:
        self.scorer, self.taxonomy = scorer, taxonomy
        self.elsewhere, self.quality = elsewhere, quality
        self.cache = cache or EvidenceCache()
        poles = [[pole.name, pole.description] for pole in taxonomy.poles]
        self._identity = content_hash(identity or scorer_identity(scorer), poles)

    def log_probs(self, dilemmas: Sequence[Dilemma]) -> list[LogProbs]:
        """Scores of every option under every pole of the taxonomy, `[dilemma]` of `[pole, option]`."""
        keys = [self._key(dilemma) for dilemma in dilemmas]
        found = self.cache.get(keys)
        missing = {key: dilemma for key, dilemma in zip(keys, dilemmas, strict=True) if key not in found}
        if missing:
            poles = [self.taxonomy.poles] * len(missing)
            scored = self.scorer.score(list(missing.values()), poles)
            fresh = dict(zip(missing, scored, strict=True))
            self.cache.put(fresh)
            found.update(fresh)
        return [found[key] for key in keys]

    def questions(self, dilemmas: Sequence[Dilemma], *, time: float = 0.0) -> list[Question]:
        """Dilemmas as questions, all scored in one go."""
        found = []
        for dilemma, log_probs in zip(dilemmas, self.log_probs(dilemmas), strict=True):
            features, bias = self._read(log_probs)
            weight = [1.0 if pair.name == dilemma.value_pair else self.elsewhere for pair in self.taxonomy]
            found.append(Question(features * np.array(weight), bias, time, dilemma.scene, dilemma))
        return found

    def replies(self, texts: Sequence[str], dilemma: Dilemma | None = None) -> Features:
        """Evidence of free texts, `[text, value_pair]`: 0 is midway between the descriptions of a pair's poles.

        A single text has nothing to be compared with, so it is scored beside the poles' own descriptions.
        """
        described = tuple(Option(pole.description, pole.name) for pole in self.taxonomy.poles)
        options = (*(Option(text, "") for text in texts), *described)
        value_pair = dilemma.value_pair if dilemma else self.taxonomy.pairs[0].name
        scenario, question = (dilemma.scenario, dilemma.question) if dilemma else ("", "")
        shown = Dilemma("", value_pair, scenario, options, question)
        features, _ = self._read(self.log_probs([shown])[0])
        own = features[len(texts) :].reshape(len(self.taxonomy), 2, len(self.taxonomy))
        middle = np.einsum("dsd->d", own) / 2
        centred: Features = features[: len(texts)] - middle
        return centred

    def _read(self, log_probs: LogProbs) -> tuple[Features, NDArray[np.float64]]:
        scores = log_probs.astype(np.float64)
        features: Features = ((scores[0::2] - scores[1::2]) / 2).T
        return features, self.quality * scores.mean(axis=0)

    def _key(self, dilemma: Dilemma) -> str:
        """Content: the scorer, the poles, the dilemma and the order of its options."""
        return content_hash(self._identity, dilemma.digest, [option.text for option in dilemma.options])


def scorer_identity(scorer: Scorer) -> str:
    """SHA-256 of the files a scorer saves and of what it says about itself."""
    digest = sha256(json.dumps([scorer.name, scorer.describe()], sort_keys=True, default=str).encode())
    with tempfile.TemporaryDirectory() as folder:
        scorer.save(Path(folder))
        for place, _, names in sorted(os.walk(folder)):
            for name in sorted(names):
                digest.update(name.encode() + (Path(place) / name).read_bytes())
    return digest.hexdigest()


def shown_dilemma(choice: Choice, dilemmas: Mapping[str, Dilemma]) -> Dilemma | None:
    """The dilemma a choice is about, by id or digest; None if it names none."""
    return dilemmas[choice.dilemma] if choice.dilemma else None
