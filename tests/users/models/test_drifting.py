"""People who change: slow drift against kickscore, sudden flips, no false alarms on the steady."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from counterpoint.users.belief import Belief
from counterpoint.users.models.drifting import ALARM, DAY, Drifting, learn_rates
from counterpoint.users.models.gaussian import Gaussian
from counterpoint.users.simulate import draw_choice
from users.small import chose, question

START = Belief.flat(2, sd=1.5)


def lived(sides: list[int], *, noise: float = 0.0, seed: int = 0) -> list:  # type: ignore[type-arg]
    """Choices about the first value pair, one a day; side 1 takes the first option, -1 the second."""
    rng = np.random.default_rng(seed)
    taken = [side if rng.random() >= noise else -side for side in sides]
    return [chose(0 if side > 0 else 1, [1.0, 0.1], [-1.0, -0.1], time=DAY * (n + 1)) for n, side in enumerate(taken)]


def test_a_random_walk_is_kickscores_at_its_end() -> None:
    # Numbers from kickscore 0.2.0: a logit BinaryModel of "person" with kernel Constant(1) + Wiener(0.05, t0=1)
    # against an item fixed at 0, expectation propagation to 1e-6, posterior on day 30 (benchmarks/beliefs.py runs it).
    # Kickscore iterates over all choices and approximates the logistic; we filter forward once with exact moments. At
    # the last time both are posteriors of the same walk: they agree to 0.02 of log-odds.
    model = Drifting(Belief.flat(1), noise=0.05, hazard=0.0)
    state = model.prior()
    for day, won in enumerate("111100111001010100101100000000", start=1):
        state = model.update(state, chose(0 if won == "1" else 1, [0.5], [-0.5], time=day * DAY))
    belief = model.belief(state)
    assert belief.mean[0] == pytest.approx(-1.17124506, abs=0.02)
    assert belief.sd[0] == pytest.approx(0.69871868, abs=0.02)


def test_without_change_or_drift_it_is_the_gaussian_model() -> None:
    still = Drifting(START, noise=0.0, hazard=0.0)
    seen = lived([1, 1, -1, 1])
    gaussian = Gaussian(START)
    state = gaussian.prior()
    for observation in seen:
        state = gaussian.update(state, observation)
    belief = still.belief(still.fit(seen))
    assert belief.mean == pytest.approx(state.mean, abs=0.01)
    assert belief.covariance == pytest.approx(state.covariance, abs=0.01)


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_half_the_people_who_flip_at_the_20th_choice_are_followed_within_six(noise: float) -> None:
    model, needed = Drifting(START), []
    for seed in range(11):
        state = model.prior()
        turned = 40
        for n, observation in enumerate(lived([1] * 20 + [-1] * 20, noise=noise, seed=seed)):
            state = model.update(state, observation)
            if n >= 20 and turned == 40 and model.belief(state).mean[0] < 0:
                turned = n - 19
        needed.append(turned)
    assert np.median(needed) <= 6


def test_after_a_flip_the_belief_says_when_something_changed() -> None:
    model = Drifting(START)
    belief = model.belief(model.fit(lived([1] * 20 + [-1] * 10)))
    assert belief.changed == pytest.approx(21 * DAY, abs=2 * DAY)


@pytest.mark.parametrize("gap", [1.0, 3600.0])
def test_people_are_followed_as_fast_when_choices_come_in_one_sitting(gap: float) -> None:
    model = Drifting(START)
    state = model.prior()
    for n, observation in enumerate(lived([1] * 20 + [-1] * 6)):
        at_once = replace(observation, question=replace(observation.question, time=gap * (n + 1)))
        state = model.update(state, at_once)
    assert model.belief(state).mean[0] < 0


def test_what_changed_is_looked_for_where_a_choice_can_tell() -> None:
    # Evidence on the first pair is ten times that on the second: the state goes on, or forgets the first, or both.
    model = Drifting(START)
    one = model.update(model.prior(), chose(0, [1.0, 0.1], [-1.0, -0.1], time=DAY))
    two = model.update(one, chose(0, [1.0, 0.1], [-1.0, -0.1], time=2 * DAY))
    assert len(two.log_weight) == 3
    both = model.update(one, chose(0, [1.0, 0.6], [-1.0, -0.6], time=2 * DAY))
    assert len(both.log_weight) == 4


def test_that_nothing_ever_changed_stays_a_hypothesis() -> None:
    model = Drifting(START, keep=2)
    state = model.fit(lived([1] * 20 + [-1] * 20))
    assert len(state.log_weight) == 2
    assert (state.changed == 0).sum() == 1
    assert (np.diff(state.log_weight) <= 0).all()
    assert state.log_never == state.log_weight[state.changed == 0][0]


def test_an_alarm_means_that_choices_are_twenty_times_likelier_with_changes() -> None:
    # Posterior odds of "never" against its prior, (1 - hazard) per choice but the first: their ratio is how much
    # likelier the choices are under the model than without changes, which a model without hazard computes on its own.
    # Hypotheses that are dropped take a little away: alarms come later for it, never earlier.
    model, still = Drifting(START, noise=0.0, keep=400), Drifting(START, noise=0.0, hazard=0.0)
    told = []
    for count in range(22, 34):
        seen = lived([1] * 20 + [-1] * 20)[:count]
        state = model.fit(seen)
        ratio = state.log_evidence - still.fit(seen).log_evidence
        own = (count - 1) * np.log1p(-model.hazard) - state.log_never
        assert ratio - 0.3 <= own <= ratio + 1e-9
        assert (own >= -np.log(ALARM)) == (model.belief(state).changed > 0)
        told.append(model.belief(state).changed > 0)
    assert told == sorted(told)
    assert set(told) == {False, True}


def test_people_who_follow_the_model_and_never_change_seldom_raise_an_alarm() -> None:
    # At most a share of 0.05 ever does, however long they are watched: of 60 people 3 on average, 8 with probability
    # 0.99. Choices are drawn by the model's own law.
    rng, alarms = np.random.default_rng(0), 0
    model = Drifting(Belief.flat(1), noise=0.0, hazard=0.1)
    for _ in range(60):
        own, state = rng.normal(size=1), model.prior()
        alarm = False
        for n in range(40):
            asked = question([1.0], [-1.0], time=DAY * (n + 1))
            state = model.update(state, draw_choice(own, asked, rng))
            alarm |= model.belief(state).changed > 0
        alarms += alarm
    assert alarms <= 8


def test_steady_people_raise_no_alarm() -> None:
    model = Drifting(START)
    for seed in range(5):
        state = model.prior()
        for observation in lived([1] * 100, noise=0.05 * (seed % 3), seed=seed):
            state = model.update(state, observation)
            assert model.belief(state).changed == 0


def test_a_change_on_one_pair_leaves_the_other_alone() -> None:
    model = Drifting(START, noise=0.001)
    second = [chose(0, [0.0, 1.0], [0.0, -1.0], time=DAY * (n + 1) / 10) for n in range(10)]
    before = model.belief(model.fit(second)).mean[1]
    flipped = [*second, *lived([1] * 15 + [-1] * 10)[2:]]
    # That everything changed is as likely a story as that one pair did, so about half of it stays.
    assert model.belief(model.fit(flipped)).mean[1] > 0.3 * before


def test_time_alone_widens_a_walk_and_reversion_forgets() -> None:
    seen = lived([1] * 10)
    walk = Drifting(START, noise=0.01, hazard=0.0)
    state = walk.fit(seen)
    now, later = walk.belief(state), walk.belief(state, time=(10 + 100) * DAY)
    # Variance grows by noise * days * prior variance: 0.01 * 100 * 2.25.
    assert later.covariance[0, 0] == pytest.approx(now.covariance[0, 0] + 2.25)
    assert later.mean == pytest.approx(now.mean)
    pulled = Drifting(START, noise=0.0, reversion=0.1, hazard=0.0)
    state = pulled.fit(seen)
    forgotten = pulled.belief(state, time=(10 + 1000) * DAY)
    assert forgotten.mean == pytest.approx([0, 0], abs=1e-6)
    assert forgotten.covariance == pytest.approx(START.covariance, abs=1e-6)


def test_rates_are_learnt_from_people() -> None:
    steady = [lived([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], seed=s) for s in range(4)]
    restless = [lived([1, 1, 1, 1, -1, -1, -1, -1, 1, 1, 1, 1] * 2, seed=s) for s in range(4)]
    grid = {"noise": (0.0, 0.3), "reversion": (0.0,), "hazard": (0.001, 0.1)}
    calm, wild = learn_rates(steady, START, **grid), learn_rates(restless, START, **grid)
    assert (calm.noise, calm.hazard) == (0.0, 0.001)
    assert wild.noise > 0 or wild.hazard > 0.001
