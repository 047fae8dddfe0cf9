"""Rerank: what is asked of the base, and which reply is kept."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from counterpoint.errors import BadInputError
from counterpoint.models.decoding import Decoding
from counterpoint.models.encoder import EncoderScorer
from counterpoint.steering.asking import Conversation, Reply, Request
from counterpoint.steering.method import METHODS, Choosing
from counterpoint.steering.methods.rerank import Reranking
from counterpoint.steering.steering import from_leans
from small_encoder import TWO_PAIRS, small_scorer, small_text_encoder
from users.small import TAXONOMY, WordScorer

HOST: Any = SimpleNamespace(taxonomy=TAXONOMY)
ASK = Conversation.said("What shall I do?")


def opened(material: object = None) -> Choosing:
    found = METHODS.get("rerank").open(HOST, material)
    assert isinstance(found, Choosing)
    return found


def request(lean: float = 1.0, *, temperature: float = 0.0, rest: str = "base") -> Request:
    """As an engine hands it over: by the methods that are left."""
    return Request(ASK, from_leans({"Daring": lean}, TAXONOMY), rest, Decoding(temperature=temperature))


def replies(*texts: str) -> list[Reply]:
    return [Reply(text, "stop", request().steering, "base") for text in texts]


def test_the_bases_own_reply_is_the_first_candidate() -> None:
    found = opened(Reranking(WordScorer(), candidates=4)).spread(request())
    assert len(found) == 4
    assert all(one.methods == () and one.ask == ASK for one in found)
    assert (found[0].decoding, found[0].seed) == (request().decoding, request().seed)


def test_the_others_are_drawn_warm_enough_to_differ() -> None:
    found = opened(Reranking(WordScorer(), candidates=4, temperature=0.8)).spread(request())
    assert {one.decoding.temperature for one in found[1:]} == {0.8}
    assert len({one.seed for one in found}) == 4
    hot = opened(Reranking(WordScorer())).spread(request(temperature=1.5))
    assert {one.decoding.temperature for one in hot} == {1.5}


def test_equal_requests_draw_equal_candidates() -> None:
    assert opened(WordScorer()).spread(request()) == opened(WordScorer()).spread(request())


def test_with_another_method_each_gets_its_share() -> None:
    first, *_ = opened(WordScorer()).spread(request(1.0, rest="mixture"))
    assert (first.method, first.steering.vector) == ("mixture", (0.5, 0.0))
    first, *_ = opened(WordScorer()).spread(request(1.0, rest="instruction+mixture"))
    assert first.steering.vector == pytest.approx((2 / 3, 0.0))


def test_the_reply_that_fits_is_kept() -> None:
    texts = replies("guard it", "leap at once", "wait")
    assert opened(WordScorer()).choose(request(1.0), texts) == 1
    assert opened(WordScorer()).choose(request(-1.0), texts) == 0


def test_any_saved_scorer_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from counterpoint.models import encoder

    monkeypatch.setattr(encoder.TextEncoder, "load", staticmethod(lambda *_, cache=None: small_text_encoder(cache)))
    small_scorer().save(tmp_path)
    method = METHODS.get("rerank").open(SimpleNamespace(taxonomy=TWO_PAIRS), str(tmp_path))  # type: ignore[arg-type]
    assert isinstance(method.evidence.scorer, EncoderScorer)  # type: ignore[union-attr]


@pytest.mark.parametrize(("wrong", "said"), [({"candidates": 1}, "at least 2"), ({"temperature": 0.0}, "above 0")])
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInputError, match=said):
        Reranking(**wrong)
