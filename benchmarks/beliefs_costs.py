"""What beliefs cost: microseconds an update, a million people in a batch, bytes a person.

Time is what this thread spent on a core, so that other work on the machine makes little difference.
"""

from __future__ import annotations

import time

import numpy as np
from beliefs_world import Figure, World

from counterpoint.users.belief import Belief
from counterpoint.users.filtering import Contrast, filter_rows, step
from counterpoint.users.model import Observation, Question


def speed(world: World) -> list[Figure]:
    """One update of six value pairs and three options; a million people in a batch; bytes a person."""
    del world
    rng = np.random.default_rng(6)
    belief, seen = Belief.flat(6), Observation(Question(rng.normal(size=(3, 6)), np.zeros(3)), 1)
    times = []
    for _ in range(3000):
        start = time.thread_time()
        step(belief, seen)
        times.append((time.thread_time() - start) * 1e6)
    low, value, high = (float(q) for q in np.quantile(times, [0.025, 0.5, 0.975]))
    size = len(belief.pack())
    rows, total, start = 1024, 1_000_000, time.thread_time()
    mean, covariance = np.zeros((rows, 6)), np.tile(np.eye(6), (rows, 1, 1))
    shown = Contrast(rng.normal(size=(rows, 2, 6)), np.zeros((rows, 2)), np.ones(rows))
    for _ in range(0, total, rows):
        filter_rows(mean, covariance, shown, grid="rough")
    batch = time.thread_time() - start
    return [
        Figure("one update, K = 6, microseconds (median; 95% of runs)", value, low, high, "<= 100", value <= 100),
        Figure("a million people in a batch, one core, seconds", batch, None, None, "<= 60", batch <= 60),
        Figure("bytes a person", float(size), None, None, "< 500", size < 500),
    ]
