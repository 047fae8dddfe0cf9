"""The quick filter decides as the plain definition does, whatever the vectors."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.authoring.personas import similarity
from counterpoint.authoring.personas.similarity import SimilarityFilter, cosine
from counterpoint.errors import BadInputError
from counterpoint.models.text_encoder import TextEncoder


def plainly(candidates: np.ndarray, threshold: float, kept: list[np.ndarray] | None = None) -> list[bool]:
    """The definition: one candidate after another, against everything kept, one pair at a time."""
    kept = list(kept or [])
    decided = []
    for candidate in candidates:
        decided.append(all(cosine(candidate, other) <= threshold for other in kept))
        if decided[-1]:
            kept.append(candidate)
    return decided


def test_decisions_by_hand() -> None:
    # cosines: (3,4).(1,0)/5 = 0.6 is not above 0.6; (4,3).(1,0)/5 = 0.8 is; (-1,0).(3,4)/5 = -0.6; (6,8) is (3,4)
    # in exact numbers; of (5,12), 12/13 with the y axis, 5/13 = 0.38 with x, (15+48)/65 = 0.97 with (3,4)
    candidates = [[1, 0], [3, 4], [4, 3], [-1, 0], [6, 8], [5, 12], [-3, -4]]
    filter_ = SimilarityFilter(2, threshold=0.6)
    # (-3,-4) with (-1,0): 0.6, which is not above it
    assert filter_.add(candidates).tolist() == [True, True, False, True, False, False, True]
    assert filter_.vectors.tolist() == [[1, 0], [3, 4], [-1, 0], [-3, -4]]


def test_the_exact_cosine_is_the_quotient_of_exact_sums() -> None:
    assert cosine([3, 4], [4, 3]) == 24 / 25
    huge = [1e15, 1.0, -1e15, 1.0]  # float32 holds them nearly: what counts is that the sum loses nothing
    x = np.asarray(huge, np.float32).astype(float)
    assert cosine(huge, [1, 1, 1, 1]) == 2 / math.sqrt(math.fsum(x * x) * 4)


@given(
    seed=st.integers(0, 10_000),
    count=st.integers(0, 60),
    begun=st.integers(0, 10),
    dimension=st.integers(1, 12),
    threshold=st.sampled_from([-0.2, 0.0, 0.5, 0.6, 1.0]),
    whole=st.booleans(),
)
def test_decides_as_the_definition_in_any_number_of_goes(
    seed: int, count: int, begun: int, dimension: int, threshold: float, whole: bool
) -> None:
    draw = np.random.default_rng(seed)
    vectors = draw.normal(size=(begun + count, dimension)) + draw.normal(size=dimension)
    if whole:  # small integers: many cosines are exactly alike, and many exactly on a threshold
        vectors = draw.integers(-2, 3, size=vectors.shape).astype(float)
        vectors[~vectors.any(1)] = 1
    vectors = vectors.astype(np.float32)
    filter_ = SimilarityFilter(dimension, threshold=threshold)
    filter_.keep_all(vectors[:begun])
    half = begun + count // 2
    decided = [*filter_.add(vectors[begun:half]), *filter_.add(vectors[half:])]
    assert decided == plainly(vectors[begun:], threshold, list(vectors[:begun]))
    assert len(filter_) == begun + sum(decided)


def test_decides_as_the_definition_with_the_sketch_and_blocks_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"FIRST_SKETCH": 20, "SKETCH": 4, "BLOCK": 16, "TOGETHER": 32}.items():
        monkeypatch.setattr(similarity, name, value)
    draw = np.random.default_rng(0)
    new = draw.normal(size=(150, 24))
    again = new[draw.integers(150, size=150)] + draw.normal(size=(150, 24)) * draw.uniform(0, 1.5, size=(150, 1))
    vectors = np.concatenate([new, again])[draw.permutation(300)].astype(np.float32)
    filter_ = SimilarityFilter(24)
    decided = [bool(kept) for part in np.array_split(vectors, 5) for kept in filter_.add(part)]
    assert decided == plainly(vectors, 0.6)
    assert 0.1 < np.mean(decided) < 0.9
    assert filter_._basis.size


def test_cosines_within_rounding_of_the_threshold_are_decided_exactly() -> None:
    """Pairs built to miss 0.6 by about 1e-8, which a sum in float32 can't tell."""
    draw = np.random.default_rng(1)
    decided, plain, above = [], [], 0
    for _ in range(300):
        a, b = draw.normal(size=(2, 384))
        a /= np.linalg.norm(a)
        b -= (b @ a) * a
        near = 0.6 * a + 0.8 * b / np.linalg.norm(b)
        pair = np.stack([a, near]).astype(np.float32)
        filter_ = SimilarityFilter(384)
        filter_.keep_all(pair[:1])
        decided.append(bool(filter_.add(pair[1:])[0]))
        plain.append(plainly(pair[1:], 0.6, [pair[0]])[0])
        above += cosine(pair[0], pair[1]) > 0.6
    assert decided == plain
    assert 50 < above < 250


def test_vectors_without_a_direction_and_wrong_shapes_are_refused() -> None:
    filter_ = SimilarityFilter(3)
    for bad in ([[0, 0, 0]], [[1, np.nan, 0]], [[np.inf, 0, 0]]):
        with pytest.raises(BadInputError, match="zero or not finite"):
            filter_.add(bad)
    with pytest.raises(BadInputError, match=r"\[candidate, 3\]"):
        filter_.add([[1, 2]])
    with pytest.raises(BadInputError, match="between -1 and 1"):
        SimilarityFilter(3, threshold=60)
    assert filter_.add(np.empty((0, 3))).tolist() == []


def test_on_the_published_pool_decisions_are_those_of_the_definition(
    published_data: Path, embedding_cache: Path
) -> None:
    encoder = TextEncoder.load(cache=embedding_cache)
    for name in ("profile", "personality"):
        lines = (published_data / "aloe" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        texts = [line.strip().strip('"') if line.count('"') > 2 else json.loads(line) for line in lines]
        vectors = encoder.embed(texts[:100])
        for threshold in (0.6, 0.75):
            filter_ = SimilarityFilter(vectors.shape[1], threshold=threshold)
            decided = [bool(kept) for part in np.array_split(vectors, 3) for kept in filter_.add(part)]
            assert decided == plainly(vectors, threshold)
            assert 1 < sum(decided) < len(decided)
