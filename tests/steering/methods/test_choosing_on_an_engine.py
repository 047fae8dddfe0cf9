"""Rerank and neighbourhood where a model answers: candidates are real replies, and the one kept is one of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from counterpoint.models.decoding import Decoding
from counterpoint.steering.asking import BASE, Asked, Conversation, Request
from counterpoint.steering.candidates import evidence_of, open_evidence
from counterpoint.steering.composing import chooser
from counterpoint.steering.dial import MethodDial, PairDial, taxonomy_hash
from counterpoint.steering.engine import Engine
from counterpoint.steering.methods.neighbourhood import Neighbours
from counterpoint.steering.methods.rerank import Reranking
from counterpoint.steering.steering import Steering, from_leans, nothing
from small_encoder import TWO_PAIRS, small_scorer
from small_language import DILEMMA, language

EVIDENCE = open_evidence(small_scorer(), TWO_PAIRS)
RISKY = from_leans({"Risk-taking": 2.0}, TWO_PAIRS)
ASK = Conversation.said("What shall Zoë do?")
GREEDY = Decoding(temperature=0, max_new_tokens=6)


@pytest.fixture(scope="module")
def engine() -> Engine:
    materials = {"rerank": Reranking(EVIDENCE, candidates=4), "neighbourhood": Neighbours(EVIDENCE, directions=3)}
    return Engine(language(), TWO_PAIRS, materials=materials)


@pytest.mark.parametrize(("method", "count"), [("rerank", 4), ("neighbourhood", 3), ("mixture+rerank", 4)])
def test_the_candidate_that_fits_best_is_kept(engine: Engine, method: str, count: int) -> None:
    (reply,) = engine.answer([Request(ASK, RISKY, method, GREEDY)])
    assert (reply.method, len(reply.others), reply.steering) == (method, count - 1, RISKY)
    fits = evidence_of(EVIDENCE, ASK, [reply.text, *reply.others])[:, 0]
    assert fits[0] == fits.max()


@pytest.mark.parametrize("method", ["rerank", "neighbourhood"])
@pytest.mark.parametrize("ask", [ASK, Asked(DILEMMA)], ids=["conversation", "dilemma"])
def test_no_steering_is_the_bases_own_tokens(engine: Engine, method: str, ask: Asked | Conversation) -> None:
    for decoding in (GREEDY, replace(GREEDY, temperature=0.9)):
        request = Request(ask, nothing(TWO_PAIRS), method, decoding)
        steered, base = engine.answer([request, replace(request, method=BASE)])
        assert steered.tokens == base.tokens
        assert steered.others == ()


@pytest.mark.parametrize("method", ["rerank", "neighbourhood"])
def test_a_reply_is_the_same_in_company(engine: Engine, method: str) -> None:
    requests = [Request(Conversation.said(f"Question {i}?"), RISKY, method, GREEDY) for i in range(3)]
    alone = [engine.answer([request])[0] for request in requests]
    assert engine.answer(requests) == alone


def test_a_dial_turns_what_candidates_are_chosen_by(engine: Engine) -> None:
    # turned to next to nothing, the draw alone decides; as asked, evidence does
    small = tuple(PairDial(pair.name, "slope", (-1e-6, 0.0, 1e-6), (-9.0, 0.0, 9.0)) for pair in TWO_PAIRS)
    dial = MethodDial("rerank", "m", taxonomy_hash(TWO_PAIRS), "d", small)
    strong = from_leans({"Risk-taking": 9.0}, TWO_PAIRS).scaled(1000)
    turned = Engine(engine.language, TWO_PAIRS, materials=engine.materials, dials={"rerank": dial})
    warm = replace(GREEDY, temperature=1.0)
    requests = [Request(ASK, strong, "rerank", warm, seed=seed) for seed in range(12)]
    best = [_is_best(reply.text, reply.others) for reply in engine.answer(requests)]
    chance = [_is_best(reply.text, reply.others) for reply in turned.answer(requests)]
    assert all(best)
    assert not all(chance)


class Doubling:
    """A dial that can be told from none, and from one applied twice."""

    def __call__(self, steering: Steering) -> Steering:
        return steering.scaled(2.0)


@pytest.mark.parametrize(
    ("method", "dials", "made_of", "chosen_by"),
    [
        # its dial was measured with candidates in its own units: the inner method's must not turn them again
        ("neighbourhood", ("neighbourhood", "mixture"), 4.0, 4.0),
        ("neighbourhood", ("mixture",), 4.0, 2.0),
        # a method that is named gets what was asked for by its own dial; half of it, as each of two methods does
        ("mixture+rerank", ("rerank",), 1.0, 2.0),
        ("mixture+rerank", ("rerank", "mixture"), 2.0, 2.0),
    ],
)
def test_every_strength_is_turned_once(
    engine: Engine, method: str, dials: tuple[str, ...], made_of: float, chosen_by: float
) -> None:
    turned = Engine(engine.language, TWO_PAIRS, materials=engine.materials, dials=dict.fromkeys(dials, Doubling()))
    choice = chooser(turned, Request(ASK, RISKY, method, GREEDY))  # 2 is asked for
    assert choice is not None
    candidate = choice.method.spread(choice.spread)[0]
    drafted = turned.draft(candidate)
    # the mixture's voices: the base's, then half of v for the positive pole and half of it against the negative one
    assert drafted.voices[1].weight == pytest.approx(made_of / 2)
    parts = 1 + len(choice.choose.methods)
    assert choice.choose.steering.vector[0] / parts == pytest.approx(chosen_by)


def _is_best(text: str, others: tuple[str, ...]) -> bool:
    fits = evidence_of(EVIDENCE, ASK, [text, *others])[:, 0]
    return bool(fits[0] == fits.max())
