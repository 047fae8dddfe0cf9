"""Likelihoods under steering, against whole passes of the model and the scorer's own letters."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from counterpoint.errors import BadInputError
from counterpoint.models.decoding import Decoding
from counterpoint.models.language_model import LanguageModel
from counterpoint.models.lm_scorer import LmReading, LmScorer
from counterpoint.steering.asking import Asked, Conversation, Request
from counterpoint.steering.engine import Engine, Limits
from counterpoint.steering.likelihood import log_probs, options
from counterpoint.steering.steering import Steering, from_leans, nothing
from counterpoint.types import Pole
from small_encoder import TWO_PAIRS
from small_language import DILEMMA, language

QUESTION = Conversation.said("Where does Zoë go?")
RISKY = from_leans({"Risk-taking": 0.8}, TWO_PAIRS)
REPLY = (65, 66, 67, 68, 70)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(language(), TWO_PAIRS)


def whole_pass(language: LanguageModel, prompt: tuple[int, ...], reply: tuple[int, ...]) -> torch.Tensor:
    """Log-probabilities of what comes at each place of the reply, `[place, vocabulary]`, without a cache."""
    with torch.no_grad():
        logits = language.model(torch.tensor([[*prompt, *reply]])).logits[0]
    return logits[len(prompt) - 1 : -1].double().log_softmax(-1)


def asked_of(engine: Engine, who: Pole | None) -> torch.Tensor:
    return whole_pass(engine.language, engine.prompting.ids(QUESTION, who), REPLY)


def test_without_steering_it_is_the_models_own(engine: Engine) -> None:
    (found,) = log_probs(engine, [Request(QUESTION, nothing(TWO_PAIRS))], [REPLY])
    assert found == pytest.approx(
        [float(row[t]) for row, t in zip(asked_of(engine, None), REPLY, strict=True)], abs=1e-4
    )


def test_mixture_mixes_at_every_token(engine: Engine) -> None:
    (found,) = log_probs(engine, [Request(QUESTION, RISKY, "mixture")], [REPLY])
    positive, negative = (asked_of(engine, pole) for pole in TWO_PAIRS.pairs[0].poles)
    mixed = (asked_of(engine, None) + 0.8 * (positive - negative) / 2).log_softmax(-1)
    assert found == pytest.approx([float(row[t]) for row, t in zip(mixed, REPLY, strict=True)], abs=1e-4)


def test_what_is_generated_is_the_likeliest_at_every_place(engine: Engine) -> None:
    request = Request(QUESTION, RISKY, "mixture", Decoding(temperature=0, max_new_tokens=6))
    (reply,) = engine.answer([request])
    (best,) = log_probs(engine, [request], [reply.tokens])
    for place in range(len(reply.tokens)):
        others = [(*reply.tokens[:place], token) for token in range(60, 90)]
        found = log_probs(engine, [request] * len(others), others)
        assert max(row[place] for row in found) <= best[place] + 1e-4


def test_rows_of_different_lengths_and_small_batches_change_nothing() -> None:
    small = Engine(language(), TWO_PAIRS, limits=Limits(rows=4))
    requests = [Request(QUESTION, RISKY, "mixture"), Request(Conversation.said("?"), nothing(TWO_PAIRS))] * 3
    replies = [REPLY, REPLY[:1], REPLY[:3], REPLY, (), REPLY[2:]]
    together = log_probs(small, requests, replies)
    alone = [log_probs(small, [r], [t])[0] for r, t in zip(requests, replies, strict=True)]
    assert [len(row) for row in together] == [len(reply) for reply in replies]
    for one, other in zip(together, alone, strict=True):
        assert one == pytest.approx(other, abs=1e-4)


def test_options_are_read_as_the_scorer_reads_letters(engine: Engine) -> None:
    pair = TWO_PAIRS.pairs[0]
    scorer = LmScorer(engine.language, LmReading("letters"))
    (rows,) = scorer.score([DILEMMA], [[None, *pair.poles]])
    base, steered = options(
        engine, [Request(Asked(DILEMMA), nothing(TWO_PAIRS)), Request(Asked(DILEMMA), RISKY, "mixture")]
    )
    assert base == pytest.approx(rows[0], abs=1e-4)
    assert steered == pytest.approx(log_softmax(rows[0] + 0.8 * (rows[1] - rows[2]) / 2), abs=1e-4)
    assert np.exp(steered).sum() == pytest.approx(1.0)


def test_a_method_that_only_chooses_has_no_likelihood(engine: Engine) -> None:
    with pytest.raises(BadInputError, match="isn't defined"):
        log_probs(engine, [Request(QUESTION, RISKY, "rerank")], [REPLY])


def test_only_dilemmas_have_options(engine: Engine) -> None:
    with pytest.raises(BadInputError, match="ask for one option"):
        options(engine, [Request(QUESTION, nothing(TWO_PAIRS))])


def test_a_reply_beyond_the_models_positions_is_refused(engine: Engine) -> None:
    with pytest.raises(BadInputError, match="positions"):
        log_probs(engine, [Request(QUESTION, Steering((0.0, 0.0)))], [[65] * 2048])
