"""Whole runs: what is learnt, what is left alone, and what a stop costs (nothing)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch

from counterpoint.training.lm import LmTraining, train_lm
from counterpoint.training.objective import OBJECTIVES
from counterpoint.training.settings import Point

from .small import NO_DROPOUT, QUICK, VCD, dilemmas, language, weights

NOISY = replace(QUICK, lora=replace(NO_DROPOUT, dropout=0.3), save_steps=2, steps=7, learning_rate=0.02)
"""Seven steps over two epochs of four, with a checkpoint every second one."""
DATA = dilemmas(14)
PFT = OBJECTIVES.get("pft")
Result = tuple[dict[str, torch.Tensor], list[Point]]
"""An adapter's weights and a training curve."""


class StoppedError(Exception):
    """Stands for a crash."""


def stop_at(step: int) -> Callable[[Point, int], None]:
    def report(point: Point, _: int) -> None:
        if point.step == step:
            raise StoppedError

    return report


def trained(out: Path, *, seed: int = 0) -> Result:
    made = language()
    torch.manual_seed(12345)  # what the caller drew before must not matter
    curve = train_lm(made, DATA, VCD, PFT, NOISY, seed=seed, out=out)
    return weights(made), curve


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return trained(tmp_path_factory.mktemp("whole"))


def test_the_loss_falls_and_every_step_is_told(tmp_path: Path) -> None:
    told: list[tuple[Point, int]] = []
    made = language()
    fast = replace(QUICK, epochs=8, learning_rate=0.05)
    curve = train_lm(made, DATA[:4], VCD, PFT, fast, seed=0, out=tmp_path, report=lambda *a: told.append(a))
    unread = [f.name for f in fields(LmTraining) if not re.search(rf"(settings|training)\.{f.name}\b", code)]
    assert not unread
