"""Neighbourhood: directions around v, one reply each through another method, the best by v kept."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.errors import BadInputError
from counterpoint.models.decoding import Decoding
from counterpoint.steering.asking import Conversation, Reply, Request
from counterpoint.steering.method import METHODS, Choosing
from counterpoint.steering.methods.neighbourhood import Neighbours, neighbours
from counterpoint.steering.steering import Steering, from_leans
from users.small import TAXONOMY, WordScorer

MODEL: Any = SimpleNamespace(taxonomy=TAXONOMY, language=None)
ENDPOINT: Any = SimpleNamespace(taxonomy=TAXONOMY)


def opened(material: object = None, *, host: Any = MODEL) -> Choosing:
    found = METHODS.get("neighbourhood").open(host, material or Neighbours(WordScorer(), inner="neighbour_test"))
    assert isinstance(found, Choosing)
    return found


def request(steering: Steering | None = None, *, rest: str = "base") -> Request:
    """As an engine hands it over: by the methods that are left."""
    steering = steering or from_leans({"Daring": 2.0}, TAXONOMY)
    return Request(Conversation.said("What shall I do?"), steering, rest, Decoding(temperature=0.0))


@pytest.fixture(autouse=True)
def _generating(monkeypatch: pytest.MonkeyPatch) -> None:
    """A method that needs a model and one that needs a prompt, whatever others there are."""
    kinds = {"neighbour_test": "model", "instruction": "prompt", "mixture": "model", "rerank": "candidates"}
    monkeypatch.setattr(METHODS, "get", _getter(kinds))


def _getter(kinds: dict[str, str]) -> Any:
    from counterpoint.steering.methods import neighbourhood

    return lambda name: neighbourhood.METHOD if name == "neighbourhood" else SimpleNamespace(needs=kinds[name])


@given(
    st.lists(st.floats(-3, 3).filter(lambda x: abs(x) > 0.01), min_size=2, max_size=6),
    st.floats(1, 80),
    st.integers(0, 10_000),
)
def test_neighbours_are_as_long_as_v_and_within_the_angle(vector: list[float], angle: float, seed: int) -> None:
    v = np.array(vector)
    found = neighbours(v, [True] * len(v), 8, angle, seed)
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.full(8, np.linalg.norm(v)))
    cosines = found @ v / np.linalg.norm(v) ** 2
    assert (np.degrees(np.arccos(np.clip(cosines, -1, 1))) <= angle + 1e-4).all()


def test_angles_are_even_and_directions_go_to_both_sides() -> None:
    found = neighbours(np.array([2.0, 0.0]), [True, True], 4000, 30.0, 0)
    angles = np.degrees(np.arctan2(found[:, 1], found[:, 0]))
    assert np.abs(angles).mean() == pytest.approx(15.0, abs=0.5)
    assert (angles > 0).mean() == pytest.approx(0.5, abs=0.03)


def test_a_line_has_no_other_directions() -> None:
    assert np.array_equal(neighbours(np.array([1.5]), [True], 3, 30.0, 0), [[1.5]] * 3)


def test_v_itself_is_asked_for_as_it_would_be_alone() -> None:
    first, *others = opened().spread(request())
    assert (first.method, first.steering, first.decoding) == ("neighbour_test", request().steering, request().decoding)
    assert len(others) == 4
    assert all(one.decoding.temperature == 0.7 and one.method == "neighbour_test" for one in others)
    assert len({one.steering.vector for one in others}) == 4
    assert opened().spread(request()) == (first, *others)


def test_what_was_left_out_on_purpose_stays_out() -> None:
    steering = Steering((2.0, 0.0), uncertain=("Pace",))
    assert all(one.steering.vector == (2.0, 0.0) for one in opened().spread(request(steering)))


def test_a_method_that_the_request_names_generates() -> None:
    assert {one.method for one in opened().spread(request(rest="instruction"))} == {"instruction"}


def test_the_best_by_v_is_kept_whoever_it_was_generated_for() -> None:
    texts = [Reply(text, "stop", request().steering, "x") for text in ("guard it", "wait", "leap at once")]
    assert opened().choose(request(), texts) == 2


def test_the_method_within_fits_what_answers() -> None:
    (first, *_) = opened(Neighbours(WordScorer()), host=MODEL).spread(request())
    assert first.method == "mixture"
    (first, *_) = opened(Neighbours(WordScorer()), host=ENDPOINT).spread(request())
    assert first.method == "instruction"
    with pytest.raises(BadInputError, match="in process"):
        opened(Neighbours(WordScorer(), inner="mixture"), host=ENDPOINT)
    with pytest.raises(BadInputError, match="only chooses"):
        opened(Neighbours(WordScorer(), inner="rerank"))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"directions": 1}, "at least 2"), ({"angle": 90.0}, "below 90"), ({"temperature": 0.0}, "above 0")],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInputError, match=said):
        Neighbours(**wrong)
