"""Fitting the encoder scorer: the head's optimum against an independent one, its scale, and repeatable runs."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize

from counterpoint.errors import BadInputError
from counterpoint.models.encoder import EncoderConfig, EncoderScorer
from counterpoint.training.fit import LOG_SCALE_BOUNDS, fit
from counterpoint.training.objective import OBJECTIVES
from counterpoint.training.settings import FitConfig, Point
from counterpoint.types import Dilemma, Option
from small_encoder import RISK, TWO_PAIRS, made_up_dilemmas, small_scorer

DILEMMAS = made_up_dilemmas(24)
HEAD_ONLY = FitConfig(calibration_folds=0, head_iterations=200)
TUNE = FitConfig(finetune=True, calibration_folds=0, members=2, epochs=2, batch_size=5)


def fitted(
    config: FitConfig, dilemmas: tuple[Dilemma, ...] = DILEMMAS, *, name: str = "pft", seed: int = 0
) -> tuple[EncoderScorer, list[Point]]:
    scorer = small_scorer(EncoderConfig(ngrams="never"))
    points = fit(scorer, dilemmas, TWO_PAIRS, OBJECTIVES.get(name), config=config, seed=seed)
    return scorer, points


def held_out_nll(scorer: EncoderScorer, dilemmas: tuple[Dilemma, ...]) -> float:
    """Mean over dilemmas and poles of -log of the probability that the pole's options have together."""
    total = 0.0
    poles = [TWO_PAIRS.by_name[d.value_pair].poles for d in dilemmas]
    for dilemma, rows, asked in zip(dilemmas, scorer.score(dilemmas, poles), poles, strict=True):
        total += sum(
            -math.log(np.exp(row[list(dilemma.gold(p.name))]).sum()) for row, p in zip(rows, asked, strict=True)
        )
    return total / (2 * len(dilemmas))


def slow_objective(
    flat: NDArray[np.float64], scorer: EncoderScorer, precision: float
) -> tuple[float, NDArray[np.float64]]:
    """PFT's summed loss plus the prior, and its gradient, dilemma by dilemma in numpy: the definition, written anew."""
    head = flat.reshape(scorer.weight.shape)
    codes = scorer.pole_codes(scorer.poles).double().numpy()
    names = [pole.name for pole in scorer.poles]
    loss, gradient = precision / 2 * float((head**2).sum()), precision * head
    for dilemma in DILEMMAS:
        raw = scorer.text_encoder.features([option.text for option in dilemma.options]).astype(float)
        z = (raw - scorer.mean.numpy()) / scorer.scale.numpy()
        unit = raw[:, 16:] / np.linalg.norm(raw[:, 16:], axis=1, keepdims=True)
        for pole in TWO_PAIRS.by_name[dilemma.value_pair].poles:
            code = codes[:, names.index(pole.name)]
            logits = unit @ scorer.text_encoder.embed([pole.description])[0] + z @ head @ code
            log_p = logits - np.logaddexp.reduce(logits)
            target = np.array([option.pole == pole.name for option in dilemma.options]) / len(dilemma.gold(pole.name))
            loss -= float(target @ log_p)
            gradient = gradient + np.outer(z.T @ (np.exp(log_p) - target), code)
    return loss, gradient.ravel()


@pytest.mark.parametrize("precision", [1.0, 0.1])
def test_the_head_is_the_optimum_that_an_independent_optimiser_finds(precision: float) -> None:
    scorer, points = fitted(dataclasses.replace(HEAD_ONLY, head_precision=precision))
    found = minimize(
        slow_objective, np.zeros(scorer.weight.numel()), (scorer, precision), jac=True, options={"gtol": 1e-7}
    )
    assert np.abs(found.jac).max() < 1e-5
    # the loss is strongly convex by `precision`, the gradient's entries below 1e-3: |A - A*| <= |gradient| / precision
    bound = 1e-3 * math.sqrt(scorer.weight.numel()) / precision
    assert np.linalg.norm(scorer.weight.numpy().ravel() - found.x) < bound
    assert np.linalg.norm(found.x) > 10 * bound
    assert points[-1].loss * len(DILEMMAS) == pytest.approx(found.fun, rel=1e-4)


def test_a_fit_starts_at_the_untrained_loss_and_goes_down() -> None:
    _, points = fitted(HEAD_ONLY)
    expected, _ = slow_objective(np.zeros(32 * 4), fitted(dataclasses.replace(HEAD_ONLY, head_iterations=0))[0], 1.0)
    assert points[0].loss * len(DILEMMAS) == pytest.approx(expected, rel=1e-4)
    losses = [point.loss for point in points]
    assert losses == sorted(losses, reverse=True)
    assert [point.step for point in points] == list(range(len(points)))


@pytest.mark.parametrize("config", [FitConfig(), TUNE], ids=["frozen", "tuned"])
def test_the_same_seed_gives_identical_weights(config: FitConfig) -> None:
    (one, points), (other, again) = fitted(config, seed=3), fitted(config, seed=3)
    assert points == again
    assert torch.equal(one.weight, other.weight)
    if one.tuned is not None and other.tuned is not None:
        assert all(torch.equal(a, b) for a, b in zip(one.tuned.parameters(), other.tuned.parameters(), strict=True))
        different = fitted(config, seed=4)[0].tuned
        assert different is not None
        assert not torch.equal(one.tuned.members[0].head, different.members[0].head), "the seed does nothing"


def test_the_order_of_the_dilemmas_hardly_moves_the_head() -> None:
    one, other = fitted(HEAD_ONLY)[0].weight, fitted(HEAD_ONLY, DILEMMAS[::-1])[0].weight
    torch.testing.assert_close(one, other, atol=0.02, rtol=0)


def test_calibration_multiplies_the_head_by_one_number_within_bounds_and_helps_on_unseen_dilemmas() -> None:
    train, unseen = made_up_dilemmas(80, seed=1), made_up_dilemmas(80, seed=2)
    plain, calibrated = fitted(HEAD_ONLY, train)[0], fitted(FitConfig(head_iterations=200), train)[0]
    ratio = (calibrated.weight / plain.weight)[plain.weight.abs() > 1e-4]
    scale = float(ratio.median())
    torch.testing.assert_close(ratio, torch.full_like(ratio, scale), rtol=1e-3, atol=0)
    assert math.exp(LOG_SCALE_BOUNDS[0]) < scale < math.exp(LOG_SCALE_BOUNDS[1])
    assert scale > 1, "a precise prior makes the head timid, and these dilemmas are easy"
    assert held_out_nll(calibrated, unseen) < held_out_nll(plain, unseen)


def test_calibration_shrinks_a_head_that_learned_noise() -> None:
    def relabelled(dilemma: Dilemma, i: int) -> Dilemma:
        names = [pole.name for pole in TWO_PAIRS.by_name[dilemma.value_pair].poles]
        poles = [names[hash_bit(i, k)] for k in range(len(dilemma.options))]
        poles[:2] = names if hash_bit(i, 7) else names[::-1]
        options = tuple(Option(o.text, p) for o, p in zip(dilemma.options, poles, strict=True))
        return dataclasses.replace(dilemma, options=options)

    def hash_bit(i: int, k: int) -> int:
        return int(torch.randint(0, 2, (1,), generator=torch.Generator().manual_seed(8 * i + k)))

    noise = tuple(relabelled(dilemma, i) for i, dilemma in enumerate(made_up_dilemmas(40, seed=1)))
    loose = FitConfig(head_precision=0.1)
    plain, calibrated = (fitted(dataclasses.replace(loose, calibration_folds=k), noise)[0] for k in (0, 5))
    assert calibrated.weight.norm() < plain.weight.norm() / 2


def test_too_few_dilemmas_for_the_folds_leave_the_scale_at_one() -> None:
    few = DILEMMAS[:9]
    assert torch.equal(
        fitted(FitConfig(calibration_folds=5), few)[0].weight, fitted(FitConfig(calibration_folds=0), few)[0].weight
    )
    assert not torch.equal(
        fitted(FitConfig(calibration_folds=3), few)[0].weight, fitted(FitConfig(calibration_folds=0), few)[0].weight
    )


def test_a_more_precise_prior_gives_a_smaller_head() -> None:
    norms = [float(fitted(dataclasses.replace(HEAD_ONLY, head_precision=p))[0].weight.norm()) for p in (0.1, 1, 10)]
    assert norms == sorted(norms, reverse=True)


def test_fine_tuning_takes_as_many_steps_for_every_objective_and_lowers_the_loss() -> None:
    runs = {name: fitted(TUNE, name=name) for name in ("pft", "sft_mixed", "dpo_positive")}
    # 24 dilemmas, 5 a step: 5 steps an epoch, 2 epochs, 2 members
    tuned = {name: points for name, (_, points) in runs.items()}
    assert {name: len(points) for name, points in tuned.items()} == dict.fromkeys(runs, 20)
    assert tuned["pft"][5].epoch == 1.0
    quick: dict[str, Any] = {"learning_rate": 1e-3, "head_learning_rate": 1e-2}
    longer, points = fitted(dataclasses.replace(TUNE, epochs=15, batch_size=24, members=1, **quick))
    assert longer.tuned is not None
    assert not longer.tuned.training
    assert points[-1].loss < 0.95 * points[0].loss


def test_progress_is_told_with_each_point() -> None:
    told: list[tuple[Point, int]] = []
    points = fit(
        small_scorer(), DILEMMAS, TWO_PAIRS, OBJECTIVES.get("pft"), config=TUNE, report=lambda *a: told.append(a)
    )
    assert [point for point, _ in told][-len(points) :] == points  # after those of the head on frozen features
    assert all(point.step < total for point, total in told)


def test_nothing_to_train_on_is_bad_input() -> None:
    negative = (Dilemma("d", RISK, "s", (Option("a", "Risk-averse"), Option("b", "Risk-averse"))),)
    with pytest.raises(BadInputError, match="no dilemma has an option on the side"):
        fit(small_scorer(), negative, TWO_PAIRS, OBJECTIVES.get("sft_positive"))
    with pytest.raises(BadInputError, match="no dilemma has an option on the side"):
        fit(small_scorer(), (), TWO_PAIRS, OBJECTIVES.get("pft"))


def test_a_weight_of_nothing_for_the_negative_side_is_training_on_the_positive_side() -> None:
    one_side, _ = fitted(dataclasses.replace(HEAD_ONLY, weights=(1.0, 0.0)))
    positive, _ = fitted(HEAD_ONLY, name="sft_positive")
    assert torch.allclose(one_side.weight, positive.weight, atol=2e-3)
    both, _ = fitted(HEAD_ONLY)
    assert not torch.allclose(one_side.weight, both.weight, atol=0.05)
