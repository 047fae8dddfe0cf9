"""Which candidate is kept: the best at temperature 0, else by the odds that v . x gives it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from counterpoint.errors import BadInputError
from counterpoint.models.decoding import Decoding
from counterpoint.steering.asking import Asked, Conversation, Request
from counterpoint.steering.candidates import choose, evidence_of, keep, number, open_evidence
from counterpoint.steering.steering import from_leans
from counterpoint.types import Taxonomy
from users.small import TAXONOMY, WordScorer, dilemma

EVIDENCE = open_evidence(WordScorer(), TAXONOMY)
QUESTION = Conversation.said("What shall I do?")
JUMP = dilemma("jump", "leap over", "guard the gate", "sit down")


def request(ask: Conversation | Asked = QUESTION, *, temperature: float = 0.0, seed: int | None = 0) -> Request:
    return Request(ask, from_leans({"Daring": 1.0}, TAXONOMY), "rerank", Decoding(temperature=temperature), seed)


@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(-3, 3)), min_size=1, max_size=6), st.floats(-2, 2))
def test_at_temperature_0_nothing_fits_better_than_what_is_kept(rows: list[tuple[float, float]], lean: float) -> None:
    features, vector = np.array(rows), np.array([lean, 0.5])
    scores = features @ vector
    assert keep(features, vector, temperature=0, seed=1) == list(scores).index(scores.max())


def test_above_it_candidates_are_kept_as_often_as_the_softmax_says() -> None:
    features, vector = np.array([[1.0], [0.0], [-2.0]]), np.array([0.5])
    kept = [keep(features, vector, temperature=0.5, seed=seed) for seed in range(4000)]
    # v . x / temperature is 1, 0, -2; a share's standard error is 0.008 at most
    expected = softmax([1.0, 0.0, -2.0])
    assert np.bincount(kept, minlength=3) / 4000 == pytest.approx(expected, abs=0.03)


def test_candidates_from_a_model_become_those_of_its_tilted_distribution() -> None:
    # p = (0.7, 0.3), evidence +1 and -1 at v = 1: p exp(v . x) is 0.7 e to 0.3 / e, that is 0.945 to 0.055
    draw, kept = np.random.default_rng(0), []
    for seed in range(2000):
        drawn = draw.random(32) < 0.3
        features = np.where(drawn, -1.0, 1.0)[:, None]
        kept.append(bool(drawn[keep(features, np.array([1.0]), temperature=1, seed=seed)]))
    assert np.mean(kept) == pytest.approx(0.3 / np.e / (0.3 / np.e + 0.7 * np.e), abs=0.03)


def test_an_unreadable_candidate_is_kept_only_among_its_like() -> None:
    features = np.array([[np.nan, np.nan], [-5.0, 0.0]])
    assert all(keep(features, np.array([1.0, 0.0]), temperature=t, seed=s) == 1 for t in (0, 1) for s in range(20))
    assert keep(features[:1], np.array([1.0, 0.0]), temperature=1, seed=0) == 0


def test_a_dilemmas_reply_counts_as_the_option_it_chooses() -> None:
    texts = ['{"choice": "B"}', '{"choice": "A", "explanation": "guard guard"}', "no idea"]
    found = evidence_of(EVIDENCE, Asked(JUMP), texts)
    assert found[1, 0] > found[0, 0]
    assert np.isnan(found[2]).all()
    assert choose(EVIDENCE, request(Asked(JUMP)), request().steering, texts) == 1


def test_a_free_reply_counts_as_the_text_it_is() -> None:
    texts = ["Better guard it", "You should leap", "Wait"]
    assert choose(EVIDENCE, request(), request().steering, texts) == 1


def test_seeds_are_of_the_request_and_of_what_they_are_for() -> None:
    assert number(request(), "a") == number(request(), "a")
    others = {
        number(request(), "a"),
        number(request(), "b"),
        number(request(seed=1), "a"),
        number(request(Asked(JUMP))),
    }
    assert len(others) == 4


def test_what_no_candidate_can_be_told_apart_by_is_refused() -> None:
    with pytest.raises(BadInputError, match="by int"):
        open_evidence(3, TAXONOMY)
    with pytest.raises(BadInputError, match="about small"):
        open_evidence(EVIDENCE, Taxonomy("other", TAXONOMY.pairs[:1]))
