"""Beliefs against other computations: brute-force quadrature, choix and kickscore, all under the same priors."""

from __future__ import annotations

import numpy as np
from beliefs_world import Figure, World

from counterpoint.users.belief import Belief
from counterpoint.users.laplace import posterior
from counterpoint.users.model import Observation, Question
from counterpoint.users.models.drifting import DAY, Drifting
from counterpoint.users.simulate import draw_choice


def quadrature(world: World) -> list[Figure]:
    """Worst error of mean (in standard deviations) and variance (relative) over random posteriors."""
    del world
    found = []
    for size in (1, 2):
        rng = np.random.default_rng(size)
        axis = np.linspace(-6, 6, 6001 if size == 1 else 601)
        grid = np.stack(np.meshgrid(*[axis] * size, indexing="ij"), axis=-1).reshape(-1, size)
        worst = []
        for _ in range(40):
            scale, count, width = rng.uniform(0.2, 3.0), int(rng.integers(1, 11)), int(rng.integers(2, 6))
            shown = [Question(rng.normal(size=(width, size)) * scale, np.zeros(width)) for _ in range(count)]
            seen = [draw_choice(rng.normal(size=size), question, rng) for question in shown]
            logs = -0.5 * (grid**2).sum(axis=1)
            for o in seen:
                logits = grid @ o.question.features.T
                logs += logits[:, o.chosen] - np.logaddexp.reduce(logits, axis=1)
            weight = np.exp(logs - logs.max())
            weight /= weight.sum()
            mean = weight @ grid
            variance = weight @ (grid - mean) ** 2
            belief = posterior(seen, Belief.flat(size))
            worst.append(np.abs(belief.mean - mean).max() / np.sqrt(variance.min()))
            worst.append(np.abs(np.diag(belief.covariance) / variance - 1).max())
        value = float(max(worst))
        found.append(Figure(f"worst error of mean and variance, {size}-D", value, None, None, "<= 0.02", value <= 0.02))
    return found


def choix_oracle(world: World) -> list[Figure]:
    """A static two-option case: strengths of five items from 30 comparisons, as choix sees them."""
    del world
    import choix

    rng = np.random.default_rng(0)
    pairs = [tuple(int(i) for i in rng.permutation(5)[:2]) for _ in range(30)]
    mean, covariance = choix.ep_pairwise(5, pairs, alpha=1.0)
    seen = [Observation(Question(np.eye(5)[[won, lost]], np.zeros(2)), 0) for won, lost in pairs]
    belief = posterior(seen, Belief.flat(5))
    error = max(np.abs(belief.mean - mean).max(), np.abs(belief.sd - np.sqrt(np.diag(covariance))).max())
    bar = "<= 0.05 (choix approximates the logistic; our nodes leave 0.02)"
    return [Figure("largest difference from choix, in log-odds", float(error), None, None, bar, bool(error <= 0.05))]


def kickscore_oracle(world: World) -> list[Figure]:
    """A drifting case, one strength that walks at random, against kickscore's expectation propagation at the end."""
    del world
    import kickscore

    rng = np.random.default_rng(0)
    ours = Drifting(Belief.flat(1), noise=0.05, hazard=0.0)
    state = ours.prior()
    model = kickscore.BinaryModel(obs_type="logit")
    model.add_item("person", kernel=kickscore.kernel.Constant(1.0) + kickscore.kernel.Wiener(0.05, t0=1.0))
    model.add_item("zero", kernel=kickscore.kernel.Constant(1e-9))
    for day in range(1, 31):
        won = rng.random() < (0.8 if day < 15 else 0.3)
        model.observe(["person" if won else "zero"], ["zero" if won else "person"], t=float(day))
        question = Question(np.array([[0.5], [-0.5]]), np.zeros(2), time=day * DAY)
        state = ours.update(state, Observation(question, 0 if won else 1))
    model.fit(tol=1e-6)
    mean, variance = model.item["person"].predict([30.0])
    belief = ours.belief(state)
    error = max(abs(float(belief.mean[0] - mean[0])), abs(float(belief.sd[0] - np.sqrt(variance[0]))))
    bar = "<= 0.05 (we filter once forward, kickscore iterates over all choices)"
    return [Figure("largest difference from kickscore, in log-odds", error, None, None, bar, error <= 0.05)]
