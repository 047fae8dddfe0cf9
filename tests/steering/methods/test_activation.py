"""Vectors added to the residual stream: the worked example, files, and what doesn't fit."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from counterpoint.errors import BadInputError
from counterpoint.models.caa import CaaScorer
from counterpoint.models.lm_scorer import LmScorer
from counterpoint.models.steering_hooks import add_to_residual
from counterpoint.steering.asking import Request
from counterpoint.steering.engine import Engine
from counterpoint.steering.method import Draft
from counterpoint.steering.methods.activation import METHOD, OpenActivation, Vectors
from counterpoint.steering.steering import Steering
from small_language import language
from steering.small import GREEDY, PAIRS, TALK, engine


def vectors(identity="", layer=1):
    draw = torch.Generator().manual_seed(3)
    return Vectors({pair.name: torch.randn(32, generator=draw) for pair in PAIRS}, layer, 0.5, identity)


def test_the_worked_example():
    directions = 2 * torch.tensor([[3.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    opened = OpenActivation(4, directions, somebody=torch.tensor([0.0, 0.0, 1.0]), level=4.0)
    draft = opened.draft(Draft(TALK), Steering((1.0, -0.5)))
    assert (draft.offsets[4].tolist(), draft.erased[4].tolist()) == ([6.0, -1.0, 4.0], [0.0, 0.0, 1.0])
    # somebody is there already: pairs add up, and nothing else is taken out
    again = opened.draft(draft, Steering((1.0, 0.0)))
    assert (again.offsets[4].tolist(), again.erased[4].tolist()) == ([12.0, -1.0, 4.0], [0.0, 0.0, 1.0])
    plain = OpenActivation(4, directions).draft(Draft(TALK), Steering((1.0, -0.5)))
    assert (plain.offsets[4].tolist(), plain.erased) == ([6.0, -1.0, 0.0], {})


def test_the_stream_is_moved_from_the_prompts_last_token_on():
    made = language()
    steered = Engine(made, PAIRS, materials={"activation": vectors()})
    (reply,) = steered.answer([Request(TALK, Steering((2.0, -1.0)), "activation", GREEDY)])
    prompt, said = steered.prompting.ids(TALK, None), list(reply.tokens)
    by_pair = vectors().by_pair
    offset = 0.5 * (2.0 * by_pair["Tempo"] - by_pair["Company"])
    moved = torch.zeros(len(prompt) + len(said), 32)
    moved[len(prompt) - 1 :] = offset
    with torch.no_grad(), add_to_residual(made.model, 1, moved[None]):
        logits = made.model(torch.tensor([[*prompt, *said]]), use_cache=False).logits[0]
    assert logits[len(prompt) - 1 : -1].argmax(-1).tolist() == said


def test_what_was_saved_is_read_again(tmp_path):
    replace(vectors(), somebody=torch.eye(32)[3], level=-2.5).save(tmp_path / "somebody")
    read = Vectors.read(tmp_path / "somebody")
    assert (read.somebody.tolist(), read.level) == (torch.eye(32)[3].tolist(), -2.5)
    vectors("small 0").save(tmp_path / "own")
    read = Vectors.read(tmp_path / "own")
    assert read.somebody is None
    assert (read.layer, read.multiplier, read.identity) == (1, 0.5, "small 0")
    assert all(torch.equal(read.by_pair[name], vector) for name, vector in vectors().by_pair.items())
    scorer = CaaScorer(LmScorer(language()), PAIRS, vectors().by_pair, layer=1, multiplier=0.5)
    scorer.save(tmp_path / "caa")
    request = Request(TALK, Steering((2.0, 0.0)), "activation", GREEDY)
    said = {
        Engine(language(), PAIRS, materials={"activation": given}).answer([request])[0].tokens
        for given in (vectors(), scorer, tmp_path / "own", str(tmp_path / "caa"))
    }
    assert len(said) == 1


def test_what_does_not_fit_is_an_error(tmp_path):
    made = engine()
    with pytest.raises(BadInputError, match="of small 9; the model here is small 0"):
        METHOD.open(made, vectors("small 9"))
    with pytest.raises(BadInputError, match="no CAA vector for Company"):
        METHOD.open(made, Vectors({"Tempo": torch.ones(32)}, 1, 1.0))
    with pytest.raises(BadInputError, match="of 8 numbers; the model's stream has 32"):
        METHOD.open(made, Vectors({pair.name: torch.ones(8) for pair in PAIRS}, 1, 1.0))
    with pytest.raises(BadInputError, match="no saved CAA vectors"):
        METHOD.open(made, tmp_path)
    vectors().save(tmp_path)
    (tmp_path / "vectors.safetensors").write_bytes(b"damaged")
    with pytest.raises(BadInputError, match="not of one"):
        METHOD.open(made, tmp_path)
    with pytest.raises(BadInputError, match="layer 7"):
        Engine(language(), PAIRS, materials={"activation": vectors(layer=7)}).method("activation")
