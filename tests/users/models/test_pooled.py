"""Everybody the same."""

from __future__ import annotations

import numpy as np

from counterpoint.users.belief import Belief
from counterpoint.users.models.pooled import Pooled
from users.small import chose, question


def test_nothing_a_person_does_changes_the_prediction() -> None:
    model = Pooled(Belief(np.array([0.5]), np.eye(1)))
    state = model.fit([chose(1, [1.0], [-1.0], time=7.0)] * 20)
    asked = question([1.0], [-1.0])
    assert model.predict(state, asked).tolist() == model.predict(model.prior(), asked).tolist()
    assert model.predict(state, asked)[0] > 0.5
    assert (state.count, state.time) == (20, 7.0)
    assert model.evidence(state).tolist() == [0.0]
