"""Near duplicates by cosine, against everything kept."""

import numpy as np
import pytest

from counterpoint.authoring.dilemmas.likeness import Kept, Remembered, by_words


def test_the_most_like_is_found_as_the_plain_definition_does():
    vectors = np.random.default_rng(0).normal(size=(200, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    kept = Kept()
    assert kept.most_like(vectors[0]) == ("", -1.0)
    for i, vector in enumerate(vectors):
        if i:
            cosines = [float(vectors[j] @ vector) for j in range(i)]
            name, cosine = kept.most_like(vector)
            assert name == str(int(np.argmax(cosines)))
            assert cosine == pytest.approx(max(cosines), abs=1e-6)
        kept.add(str(i), vector)


def test_texts_are_embedded_once():
    asked = []

    def embed(texts):
        asked.extend(texts)
        return by_words(texts)

    remembered = Remembered(embed)
    first = remembered(["a b", "c"])
    assert np.array_equal(remembered(["c", "a b", "c"]), first[[1, 0, 1]])
    assert asked == ["a b", "c"]


def test_words_count_whatever_their_order_and_case():
    vectors = by_words(["The cat sat", "sat THE cat", "a dog ran", ""])
    assert vectors[0] @ vectors[1] == pytest.approx(1.0)
    assert vectors[0] @ vectors[2] == pytest.approx(0.0)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0)
