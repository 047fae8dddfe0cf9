"""A language model in this process answers calls as an endpoint does."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from authoring.clients import call
from counterpoint.authoring.backend import Speak
from counterpoint.authoring.calls import Call, Message, Sampling
from counterpoint.errors import BadInputError
from counterpoint.models.lm_calls import speaker
from small_language import tokenizer, weights

SHORT = Sampling(temperature=1.0, max_tokens=9)


@pytest.fixture(scope="module")
def speak(tmp_path_factory: pytest.TempPathFactory) -> Speak:
    folder = tmp_path_factory.mktemp("model")
    tokenizer("no system").save_pretrained(folder)
    torch.manual_seed(0)
    weights(max_position_embeddings=200).save_pretrained(folder)
    return speaker(f"lm:{folder}")


def test_equal_calls_get_equal_answers_and_another_seed_another(speak: Speak) -> None:
    calls = [call(f"River {i}?", sampling=SHORT, seed=seed) for i in range(3) for seed in (1, 1, 2)]
    replies = speak(calls)
    for first, second, other in zip(replies[::3], replies[1::3], replies[2::3], strict=True):
        assert first == second
        assert first.text != other.text
    assert speak(calls[4:5]) == replies[4:5]  # whoever is beside it


def test_calls_of_other_sampling_are_answered_beside_each_other(speak: Speak) -> None:
    replies = speak([call(sampling=SHORT), call(sampling=Sampling(temperature=0.0, max_tokens=3))])
    assert [reply.tokens_out <= most for reply, most in zip(replies, (9, 3), strict=True)] == [True, True]


def test_a_prompt_that_is_too_long_is_refused_alone(speak: Speak) -> None:
    short, long = speak([call(sampling=SHORT), call("river " * 300, sampling=SHORT)])
    assert (short.finish in ("stop", "length"), long.finish) == (True, "refused")
    assert "reads at most 199" in long.text


def test_a_template_without_system_turns_gets_the_words_all_the_same(speak: Speak) -> None:
    messages = (Message("system", "You know maps."), Message("user", "River?"))
    (reply,) = speak([Call(messages, SHORT)])
    (without,) = speak([Call(messages[1:], SHORT)])
    assert reply.tokens_in > without.tokens_in


def test_a_model_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no causal language model"):
        speaker(f"lm:{tmp_path}")
