"""From events to a belief, without a database: replay, one event further, and a person's own word above it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.errors import BadInputError
from counterpoint.models.scorer import LogProbs
from counterpoint.serving.store.bank import Bank
from counterpoint.serving.store.beliefs import FIRST, SAID_SD, Beliefs, Held, standing_events
from counterpoint.serving.store.records import CORRECTED, WITHDRAWN, StoredEvent
from counterpoint.types import Dilemma
from counterpoint.users.belief import Belief
from serving.conftest import DATA
from users.small import WordScorer


def in_memory() -> Bank:
    scored = WordScorer().score(list(DATA.dilemmas), [DATA.taxonomy.poles] * len(DATA))
    known: dict[Dilemma, LogProbs] = dict(zip(DATA.dilemmas, scored, strict=True))
    return Bank(DATA, WordScorer, "words", known)


BANK = in_memory()
BELIEFS = Beliefs(BANK)
PAIRS = [pair.name for pair in DATA.taxonomy]


def stored(kind: str, payload: dict[str, Any], *, time: float) -> StoredEvent:
    return StoredEvent(0, "", kind, time, 0.0, payload)


def kinds() -> st.SearchStrategy[StoredEvent]:
    time = st.integers(0, 30).map(float)
    about = st.sampled_from([dilemma.digest for dilemma in DATA.dilemmas])
    pair = st.sampled_from(PAIRS)
    return st.one_of(
        st.builds(
            lambda t, d, o: stored("chose", {"dilemma": d, "groups": [[o]]}, time=t),
            time,
            about,
            st.sampled_from([0, 1]),
        ),
        st.builds(lambda t, d: stored("skipped", {"dilemma": d}, time=t), time, about),
        st.builds(lambda t, p: stored("said", {"pole": p}, time=t), time, st.sampled_from(["Daring", "Later"])),
        st.builds(lambda t, n: stored("retracted", {"target": f"e{n}"}, time=t), time, st.integers(0, 9)),
        st.builds(
            lambda t, p, v: stored(CORRECTED, {"value_pair": p, "value": v}, time=t), time, pair, st.floats(-5, 5)
        ),
        st.builds(lambda t, p: stored(WITHDRAWN, {"value_pair": p}, time=t), time, pair),
    )


@given(st.lists(kinds(), max_size=10), st.data())
def test_replay_one_further_and_any_order_agree_to_the_last_bit(events: list[StoredEvent], data: st.DataObject) -> None:
    named = [replace(event, id=f"e{n}") for n, event in enumerate(events)]
    arrived = [replace(e, sequence=n + 1) for n, e in enumerate(data.draw(st.permutations(named)))]
    reading = BANK.read([])
    held = BELIEFS.newcomer
    while len(arrived) > held.sequence:
        batch = arrived[held.sequence : held.sequence + data.draw(st.integers(1, 3))]
        so_far = arrived[: held.sequence + len(batch)]
        held = BELIEFS.advance(held, batch, reading) or BELIEFS.replay(so_far, reading)
    by_time = BELIEFS.replay([replace(e, sequence=n + 1) for n, e in enumerate(named)], reading)
    assert held.inferred.pack() == by_time.inferred.pack()
    assert (held.corrections, held.sequence, held.last) == (by_time.corrections, by_time.sequence, by_time.last)
    assert np.array_equal(held.inferred.covariance, Belief.unpack(held.inferred.pack()).covariance)


def test_only_a_later_event_goes_on_from_where_we_were() -> None:
    event = replace(stored("skipped", {"dilemma": "d1"}, time=5.0), id="b")
    held, reading = replace(BELIEFS.newcomer, last=(5.0, "a")), BANK.read([])
    assert BELIEFS.advance(held, [event], reading) is not None
    assert BELIEFS.advance(replace(held, last=(5.0, "c")), [event], reading) is None
    assert BELIEFS.advance(held, [event, replace(event, id="a2")], reading) is None
    assert BELIEFS.advance(held, [replace(event, kind="retracted", payload={"target": "x"})], reading) is None
    assert Beliefs(BANK, model="drifting").advance(held, [event], reading) is None


def test_their_own_word_replaces_a_marginal_and_the_rest_follows_its_correlation() -> None:
    # S = [[1, .5], [.5, 1]], said 2 on the first: gain (1, .5), so the second moves by 1;
    # its variance is 1 - .25 + .25 * .0625
    inferred = Belief(np.zeros(2), np.array([[1.0, 0.5], [0.5, 1.0]]), 7.0, 3)
    found = BELIEFS.outranked(Held(inferred, {"Risk": 2.0}, 3, FIRST))
    assert found.mean == pytest.approx([2.0, 1.0])
    assert found.covariance == pytest.approx(np.array([[0.0625, 0.03125], [0.03125, 0.765625]]))
    assert (found.time, found.count) == (7.0, 3)


def test_several_words_hold_at_once() -> None:
    inferred = Belief(np.array([1.0, -1.0]), np.array([[1.0, 0.9], [0.9, 1.0]]))
    found = BELIEFS.outranked(Held(inferred, {"Pace": -3.0, "Risk": 2.0}, 2, FIRST))
    assert found.mean == pytest.approx([2.0, -3.0])
    assert found.covariance == pytest.approx(SAID_SD**2 * np.eye(2), abs=1e-12)


def test_no_word_leaves_inference_untouched() -> None:
    held = Held(Belief.flat(2), {}, 0, FIRST)
    assert BELIEFS.outranked(held) is held.inferred


def test_a_correction_can_be_taken_back_like_any_event() -> None:
    said = StoredEvent(1, "c", CORRECTED, 1.0, 0.0, {"value_pair": "Risk", "value": 1.0})
    back = StoredEvent(2, "r", "retracted", 2.0, 0.0, {"target": "c"})
    assert standing_events([back, said]) == []
    assert standing_events([back, said], as_of=1.5) == [said]


def test_evidence_start_and_model_make_the_identity() -> None:
    others = [Beliefs(BANK, model="drifting"), Beliefs(BANK, start=Belief.flat(2, sd=2.0))]
    assert len({BELIEFS.identity, *(other.identity for other in others)}) == 3
    assert Beliefs(in_memory()).identity == BELIEFS.identity
    with pytest.raises(BadInputError, match="gaussian"):
        Beliefs(BANK, model="in_context")


def test_what_was_taken_back_before_it_arrived_never_counts() -> None:
    back = replace(stored("retracted", {"target": "later"}, time=1.0), id="r", sequence=1)
    chose = replace(
        stored("chose", {"dilemma": DATA.dilemmas[0].digest, "groups": [[0]]}, time=2.0), id="later", sequence=2
    )
    reading = BANK.read([])
    held = BELIEFS.replay([back], reading)
    assert BELIEFS.advance(held, [chose], reading) is None
    assert BELIEFS.replay([back, chose], reading).inferred.count == 0
    assert BELIEFS.replay([back, chose], reading).last == (2.0, "later")
