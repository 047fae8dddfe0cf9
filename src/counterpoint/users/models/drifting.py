"""Beliefs about people who change, slowly or all at once.

Slowly: a random walk and mean reversion between choices, filtered forward (dynamic generalised linear models: West,
Harrison and Migon 1985, doi:10.2307/2287613). All at once: Bayesian online change point detection (Adams and MacKay
2007, arXiv 0710.3742, eq. 3): hypotheses about what changed when, each with a belief of its own, weighted by how well
it predicted.

Departures: a change may concern one value pair or all of them, so a hypothesis forgets one pair or everything, not
always everything; what changed about a pair is considered when a choice about that pair can tell; and only the `keep`
likeliest hypotheses survive a choice (Fearnhead and Liu 2007 prune at random, we don't, so that the same events give
the same belief).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from scipy.special import logsumexp

from counterpoint.users.belief import Belief, Vector
from counterpoint.users.filtering import contrast, filter_rows
from counterpoint.users.model import Observation, Question, fold, predict_gaussian
from counterpoint.users.quadrature import Array

DAY = 86400.0
"""Seconds; rates are per day."""
ALARM = 0.05
"""A change is announced once the choices are 1 / `ALARM` times likelier with changes than without. For somebody who
never changes that ratio is a martingale of mean 1, so, were the model right, at most this share of steady people would
ever raise an alarm, however long they are watched (Ville 1939; Robbins 1970, doi:10.1214/aoms/1177696786)."""


@dataclass(frozen=True)
class Hypotheses:
    """What may have happened to a person, likeliest first. Axes: `hypothesis` (H), `value_pair` (K).

    Attributes:
        mean: `[hypothesis, value_pair]`.
        covariance: `[hypothesis, value_pair, value_pair]`.
        log_weight: `[hypothesis]`, nats, normalised.
        changed: `[hypothesis]`, time of the last change under it; 0: none.
        time: of the last observation; 0: none yet.
        count: observations so far.
        log_evidence: log-probability of all observations so far, nats.
    """

    mean: Array
    covariance: Array
    log_weight: Vector
    changed: Vector
    time: float = 0.0
    count: int = 0
    log_evidence: float = 0.0

    @property
    def change_probability(self) -> float:
        """Probability that anything ever changed, with changes as common as the model's hazard says."""
        return float(np.exp(self.log_weight[self.changed > 0]).sum())

    @property
    def log_never(self) -> float:
        """Log-probability that nothing ever changed, nats."""
        never = self.log_weight[self.changed == 0]
        return float(never[0]) if len(never) else -np.inf


@dataclass(frozen=True)
class Drifting:
    """A preference vector that moves. State: `Hypotheses`.

    The default rates come from `benchmarks/beliefs_defaults.py drift`: simulated people whose choices are read on
    halves of Crossroads that the scorer was not trained on. docs/log.md has what was tried.

    Attributes:
        start: the belief about a newcomer; also where reversion pulls and what a change resets to.
        noise: variance of the random walk, per day, in units of the prior variance.
        reversion: rate at which leanings return to the newcomer's mean, per day.
        hazard: probability, before any one choice, that what it is about has changed all at once.
        keep: how many hypotheses survive a choice.
    """

    start: Belief
    noise: float = 0.001
    reversion: float = 0.0
    hazard: float = 0.05
    keep: int = 16

    def prior(self) -> Hypotheses:
        """One hypothesis: a newcomer."""
        return Hypotheses(self.start.mean[None], self.start.covariance[None], np.zeros(1), np.zeros(1))

    def update(self, state: Hypotheses, observation: Observation) -> Hypotheses:
        """Let time pass, consider that something changed just now, weigh by the choice, keep the likeliest."""
        time = observation.question.time
        days = max(0.0, time - state.time) / DAY if state.count else 0.0
        branched = self._branch(self._age(state, days), observation.question)
        result = filter_rows(branched.mean, branched.covariance, contrast(observation), grid="rough")
        logs = branched.log_weight + result.log_predictive
        total = float(logsumexp(logs))
        # that nothing ever changed stays among them: alarms are measured against it
        first = np.where(branched.changed == 0, np.inf, logs)
        best = np.argsort(-first, kind="stable")[: self.keep]
        best = best[np.argsort(-logs[best], kind="stable")]
        return Hypotheses(
            result.mean[best],
            result.covariance[best],
            logs[best] - logsumexp(logs[best]),
            branched.changed[best],
            max(time, state.time),
            state.count + 1,
            state.log_evidence + total,
        )

    def fit(self, observations: Sequence[Observation]) -> Hypotheses:
        """One by one, in the order given."""
        return fold(self, observations)

    def predict(self, state: Hypotheses, question: Question) -> Vector:
        """Probability of each alternative at the question's time, averaged over what may have happened."""
        days = max(0.0, question.time - state.time) / DAY if state.count and question.time else 0.0
        aged = self._age(state, days)
        weights = np.exp(aged.log_weight)
        beliefs = (Belief(mean, covariance) for mean, covariance in zip(aged.mean, aged.covariance, strict=True))
        parts = [predict_gaussian(belief, question) for belief in beliefs]
        probability = weights @ np.array(parts)
        normalised: Vector = probability / probability.sum()
        return normalised

    def belief(self, state: Hypotheses, time: float | None = None, scene: str = "") -> Belief:  # noqa: ARG002
        """Mean and covariance over all hypotheses, at a time; `changed` is set once a change is plain (`ALARM`)."""
        days = max(0.0, time - state.time) / DAY if state.count and time is not None else 0.0
        aged = self._age(state, days)
        weights = np.exp(aged.log_weight)
        mean = weights @ aged.mean
        away = aged.mean - mean
        covariance = np.einsum("h,hkl->kl", weights, aged.covariance) + (away * weights[:, None]).T @ away
        changed = self._last_change(state)
        return Belief(mean, covariance, state.time if time is None else max(time, state.time), state.count, changed)

    def evidence(self, state: Hypotheses) -> Vector:
        """ln(prior sd / sd) per value pair, nats; negative where somebody is more of a riddle than a newcomer."""
        return self.belief(state).information(self.start)

    def _age(self, state: Hypotheses, days: float) -> Hypotheses:
        """Random walk and reversion over some days."""
        if days == 0.0 or (self.noise == 0.0 and self.reversion == 0.0):
            return state
        kept = np.exp(-self.reversion * days)
        mean = self.start.mean + kept * (state.mean - self.start.mean)
        grown = (1 - kept**2) + self.noise * days
        return replace(state, mean=mean, covariance=kept**2 * state.covariance + grown * self.start.covariance)

    def _branch(self, state: Hypotheses, question: Question) -> Hypotheses:
        """Every hypothesis goes on, or forgets a value pair that the question is about, or forgets them all."""
        size = self.start.size
        if self.hazard == 0.0 or state.count == 0:
            return state
        means, covariances = [state.mean], [state.covariance]
        for pair in self._about(question):
            mean, covariance = state.mean.copy(), state.covariance.copy()
            mean[:, pair] = self.start.mean[pair]
            covariance[:, pair, :] = covariance[:, :, pair] = 0.0
            covariance[:, pair, pair] = self.start.covariance[pair, pair]
            means.append(mean)
            covariances.append(covariance)
        if size > 1:
            means.append(np.broadcast_to(self.start.mean, state.mean.shape))
            covariances.append(np.broadcast_to(self.start.covariance, state.covariance.shape))
        kinds = len(means) - 1
        stays = state.log_weight + np.log1p(-self.hazard)
        changes = np.tile(state.log_weight + np.log(self.hazard / kinds), kinds)
        changed = np.full(kinds * len(state.changed), max(question.time, 1e-9))
        return replace(
            state,
            mean=np.concatenate(means),
            covariance=np.concatenate(covariances),
            log_weight=np.concatenate([stays, changes]),
            changed=np.concatenate([state.changed, changed]),
        )

    def _about(self, question: Question) -> list[int]:
        """The value pairs that tell the alternatives apart, at least half as well as the one that does so best."""
        spread = np.ptp(question.features, axis=0) * self.start.sd
        return [int(pair) for pair in np.flatnonzero(spread >= spread.max() / 2)]

    def _last_change(self, state: Hypotheses) -> float:
        """When something changed, under the likeliest hypothesis with a change; 0 while that is not plain."""
        before = max(state.count - 1, 0) * np.log1p(-self.hazard)
        if state.log_never - before > np.log(ALARM):
            return 0.0
        happened = np.where(state.changed > 0, state.log_weight, -np.inf)
        return float(state.changed[int(np.argmax(happened))])


def learn_rates(
    people: Sequence[Sequence[Observation]],
    start: Belief,
    *,
    noise: Iterable[float] = (0.0, 0.0003, 0.001, 0.003, 0.01, 0.03),
    reversion: Iterable[float] = (0.0, 0.003, 0.03),
    hazard: Iterable[float] = (0.001, 0.01, 0.05),
) -> Drifting:
    """The rates with the largest marginal likelihood (type II) of everybody's observations, on a grid."""
    models = [Drifting(start, *rates) for rates in product(noise, reversion, hazard)]
    return max(models, key=lambda model: sum(model.fit(observations).log_evidence for observations in people))


MODEL = Drifting
