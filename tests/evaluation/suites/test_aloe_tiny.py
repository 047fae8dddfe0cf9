"""ALOE end to end on `lm:tiny` and its toy world: both stages, then the suite, beside the untrained model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from counterpoint.cli import app

RECIPE = Path(__file__).parents[3] / "recipes" / "tiny-aloe.toml"


@pytest.mark.slow
def test_alignment_rises_with_turns_after_both_stages_and_more_than_untrained(tmp_path: Path) -> None:
    """Two minutes. Trained, intervals of gain and slope exclude 0; so does that of the gain less the base's."""
    run, out = tmp_path / "run", tmp_path / "out"
    done = CliRunner().invoke(app, ["train", str(RECIPE), "--out", str(run)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    asked = ["evaluate", "--suite", "aloe", "--model", str(run), "--out", str(out), "--set", "cases=200"]
    done = CliRunner().invoke(app, asked, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    results = json.loads((out / "results.json").read_text())
    assert results["failures"] == []
    found = {(row["method"], row["metric"]): row for row in results["summary"]}
    assert found["sft+dpo", "gain"]["ci_low"] > 0
    assert found["sft+dpo", "ir"]["ci_low"] > 0
    (pair,) = (p for p in results["paired"] if (p["a"], p["b"], p["metric"]) == ("base", "sft+dpo", "gain"))
    assert pair["ci_high"] < 0
    assert pair["p_holm"] < 0.05
