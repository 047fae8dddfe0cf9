"""Whole runs: what is learnt, what is left alone, and what a stop costs (nothing)."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from counterpoint.errors import BadInputError
from counterpoint.training.lm import LmTraining, TrainingDivergedError, settings, train_lm
from counterpoint.training.lm.checkpoints import last_whole
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
    assert [(point, 8) for point in curve] == told
    assert [point.step for point in curve] == list(range(1, 9))
    assert curve[-1].epoch == 8
    assert curve[-1].loss < curve[0].loss - 1


def test_only_the_adapter_changes_and_the_model_is_left_as_it_was_found(tmp_path: Path) -> None:
    made = language()
    before = {name: p.clone() for name, p in made.model.named_parameters()}
    config = made.model.config
    kept = (config._attn_implementation, config.use_cache)
    train_lm(made, DATA[:3], VCD, PFT, replace(QUICK, checkpointing=True), seed=0, out=tmp_path)
    after = dict(made.model.get_base_model().named_parameters())
    for name, parameter in before.items():
        now = after[name] if name in after else after[name.replace(".weight", ".base_layer.weight")]
        assert torch.equal(now, parameter), name
    assert kept == (config._attn_implementation, config.use_cache)
    assert not any(getattr(module, "gradient_checkpointing", False) for module in made.model.modules())
    assert not any(module.training for module in made.model.modules())
    assert any(bool((p != 0).any()) for name, p in made.model.named_parameters() if "lora_B" in name)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(uninterrupted: Result, tmp_path: Path) -> None:
    again, curve = trained(tmp_path / "again")
    assert same(again, uninterrupted[0])
    assert curve == uninterrupted[1]
    assert not same(trained(tmp_path / "other", seed=1)[0], uninterrupted[0])


@pytest.mark.parametrize("step", [1, 3, 4, 5])
def test_a_run_that_was_stopped_ends_with_the_very_same_weights(
    step: int, uninterrupted: Result, tmp_path: Path
) -> None:
    # before the first checkpoint, in the middle of an epoch, at its end, in the next
    with pytest.raises(StoppedError):
        train_lm(language(), DATA, VCD, PFT, NOISY, seed=0, out=tmp_path, report=stop_at(step))
    found, curve = trained(tmp_path)
    assert same(found, uninterrupted[0])
    assert curve == uninterrupted[1]


def test_a_checkpoint_cut_short_is_not_gone_on_from(uninterrupted: Result, tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        train_lm(language(), DATA, VCD, PFT, NOISY, seed=0, out=tmp_path, report=stop_at(5))
    half = tmp_path / "checkpoint-6"
    half.mkdir()
    (half / "trainer_state.json").write_text("{")
    assert same(trained(tmp_path)[0], uninterrupted[0])


def test_a_finished_run_is_not_run_again(uninterrupted: Result, tmp_path: Path) -> None:
    trained(tmp_path)
    made, told = language(), []
    curve = train_lm(made, DATA, VCD, PFT, NOISY, seed=0, out=tmp_path, report=lambda *a: told.append(a))
    assert not told
    assert curve == uninterrupted[1]
    assert same(weights(made), uninterrupted[0])


def test_a_folder_with_another_run_is_refused(tmp_path: Path) -> None:
    train_lm(language(), DATA[:2], VCD, PFT, QUICK, seed=0, out=tmp_path)
    slower = replace(QUICK, learning_rate=1e-3)
    for data, training, seed in ((DATA[:2], QUICK, 1), (DATA[:2], slower, 0), (DATA[:3], QUICK, 0)):
        with pytest.raises(BadInputError, match="other data, settings or base weights"):
            train_lm(language(), data, VCD, PFT, training, seed=seed, out=tmp_path)


KILLED = """
import os, signal, sys
from pathlib import Path
from typing import Any
from lm.small import VCD, language
from lm.test_train import DATA, NOISY, PFT, train_lm
train_lm(language(), DATA, VCD, PFT, NOISY, seed=0, out=Path(sys.argv[1]),
         report=lambda point, steps: os.kill(os.getpid(), signal.SIGKILL) if point.step == 5 else None)
"""


def test_a_killed_process_s_run_ends_with_the_very_same_weights(uninterrupted: Result, tmp_path: Path) -> None:
    path = os.pathsep.join([str(Path(__file__).parents[1]), str(Path(__file__).parents[2])])
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], env={**os.environ, "PYTHONPATH": path})
    assert killed.returncode == -signal.SIGKILL
    assert last_whole(tmp_path) == tmp_path / "checkpoint-4"
    found, curve = trained(tmp_path)
    assert same(found, uninterrupted[0])
    assert curve == uninterrupted[1]


def test_a_checkpoint_holds_the_adapter_alone_and_no_pickled_arguments(tmp_path: Path) -> None:
    trained(tmp_path)
    last = last_whole(tmp_path)
    assert last is not None
    assert sorted(path.name for path in tmp_path.glob("checkpoint-*")) == ["checkpoint-6", "checkpoint-7"]
    assert all("lora_" in name for name in load_file(last / "adapter.safetensors"))
    assert not (last / "training_args.bin").exists()
    assert json.loads((last / "trainer_state.json").read_text())["global_step"] == 7


def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path) -> None:
    wild = replace(QUICK, learning_rate=1e30, clip=0.0, steps=5)
    with pytest.raises(TrainingDivergedError, match="learning_rate"):
        train_lm(language(), DATA, VCD, PFT, wild, seed=0, out=tmp_path)


def test_what_the_model_can_t_read_is_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="lm:small reads 64"):
        train_lm(language(max_position_embeddings=64), DATA[:2], VCD, PFT, QUICK, seed=0, out=tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, r"training\.epochs must be at least 1 \(got 0\)"),
        ({"learning_rate": 0.0}, r"training\.learning_rate must be above 0"),
        ({"clip": float("nan")}, r"training\.clip must be at least 0"),
        ({"steps": 0}, r"training\.steps must be at least 1"),
        ({"max_nodes": 0}, r"training\.max_nodes"),
    ],
)
def test_settings_that_can_t_work_are_refused(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=message):
        train_lm(language(), DATA[:2], VCD, PFT, replace(QUICK, **change), seed=0, out=tmp_path)


def test_defaults_are_the_papers() -> None:
    # arXiv 2604.12479, reference set-up
    default = LmTraining()
    assert (default.lora.rank, default.lora.alpha, default.lora.dropout) == (8, 32, 0.05)
    assert (default.learning_rate, default.weight_decay, default.clip) == (5e-5, 0.01, 1.0)
    assert (default.schedule, default.warmup_steps, default.optimiser) == ("linear", 100, "adamw_torch")
    assert (default.epochs, default.batch, default.accumulate, default.max_tokens) == (3, 4, 4, 512)


def test_warm_up_is_the_papers_on_the_papers_data_and_never_most_of_a_short_run() -> None:
    # 6,000 examples, 16 a step, 3 epochs: 1,125 steps, of which a tenth is 113
    assert settings.warm_up(LmTraining(), 1125) == 100
    assert settings.warm_up(LmTraining(), 60) == 6
    assert settings.warm_up(replace(LmTraining(), warmup_steps=0), 60) == 0


def test_every_setting_is_read() -> None:
    folder = Path(settings.__file__).parent
    code = "\n".join(path.read_text() for path in folder.glob("*.py"))
    unread = [f.name for f in fields(LmTraining) if not re.search(rf"(settings|training)\.{f.name}\b", code)]
    assert not unread
