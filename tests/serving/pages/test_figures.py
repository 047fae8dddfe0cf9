"""What charts show: latency from Prometheus' own text, drift from preferences then and now."""

from __future__ import annotations

import numpy as np
import pytest

from counterpoint.serving.metrics import Metrics
from counterpoint.serving.pages import figures
from counterpoint.serving.people import Leaning, PathPoint, Preferences
from counterpoint.types import Pole, Taxonomy, ValuePair
from counterpoint.users.belief import Belief

PETS = Taxonomy("pets", (ValuePair("Pets", Pole("Dog", ""), Pole("Cat", "")),))


def of(mean: float, sd: float = 0.5) -> Preferences:
    """Somebody with one leaning."""
    one = Leaning("Pets", "Dog", "Cat", mean, sd, mean - 1, mean + 1, 0.5, 1.0, None, "")
    return Preferences("Ann", (one,), "", 1, 1, None, None, None, Belief(np.array([mean]), np.eye(1) * sd**2))


def test_latency_counts_every_answer_once_in_the_bucket_it_belongs_to_and_no_checks() -> None:
    metrics = Metrics()
    for seconds in (0.001, 0.009, 0.03, 0.3, 0.3, 4.0, 50.0):
        metrics.answered("GET", "/person", 200, seconds)
    metrics.answered("GET", "/healthz", 200, 0.001)
    metrics.answered("GET", "/static/{name}", 200, 0.001)
    counted = dict(figures.latency(metrics.text().decode()))
    assert counted == {"10 ms": 2, "50 ms": 1, "0.1 s": 0, "0.5 s": 2, "2 s": 0, "10 s": 1, "more": 1}


def test_drift_is_the_difference_of_means_and_counts_who_moved_beyond_their_doubt() -> None:
    # Ann from 0 to 1, beyond her 0.5; Bob from 1 to 1.2, within his: means 0.5 then, 1.1 now
    (found,) = figures.drift([(of(0.0), of(1.0)), (of(1.0), of(1.2))])
    assert (found.then, found.now, found.moved) == (pytest.approx(0.5), pytest.approx(1.1), 1)
    assert figures.drift([]) == ()


def test_rows_share_one_axis_so_that_bars_can_be_compared() -> None:
    near, far = (Leaning("Pets", "Dog", "Cat", m, 1, m - 1, m + 1, 0.5, 1.0, None, "") for m in (0.0, 2.0))
    both = figures.rows(Preferences("Ann", (near, far), "", 1, 1, None, None, None, of(0).belief))
    alone = figures.rows(Preferences("Ann", (near,), "", 1, 1, None, None, None, of(0).belief))
    assert both[0].bar != alone[0].bar


def test_a_path_of_one_point_is_no_path() -> None:
    start = PathPoint(0.0, "", Belief(np.zeros(1), np.eye(1)))
    assert figures.panels([start], PETS) == ()
    later = PathPoint(1e9, "e1", Belief(np.ones(1), np.eye(1) * 0.25))
    (panel,) = figures.panels([start, later], PETS)
    assert [(time, at.mean) for time, at in panel.table] == [(0.0, 0.0), (1e9, 1.0)]
    assert panel.table[1][1].high == pytest.approx(1 + 1.6449 * 0.5, abs=1e-3)
