"""The benchmark runs, on a model too small to measure, and writes what it says."""

import json
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "trie.py"
FIELDS = {
    "work",
    "model",
    "rival",
    "ratio",
    "ratio_low",
    "ratio_high",
    "token_limit",
    "flop_limit",
    "max_logprob_difference",
    "max_gradient_difference",
    "peak_memory_ratio",
}


def test_the_benchmark_writes_its_rows(tmp_path):
    small = ["--models", "XS", "--rounds", "1", "--dilemmas", "1", "--vocabulary", "400", "--work", "pair"]
    command = [sys.executable, str(BENCHMARK), *small, "--json", str(tmp_path / "out.json")]
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    rows = json.loads((tmp_path / "out.json").read_text())
    assert {row["work"] for row in rows} == {"pair", "pair, LoRA"}
    assert len(rows) == 4
    for row in rows:
        assert set(row) == FIELDS
        assert row["ratio_low"] <= row["ratio"] <= row["ratio_high"]
        assert row["token_limit"] > 1.3
        assert row["max_logprob_difference"] < 2e-5
        assert row["max_gradient_difference"] < 5e-6
