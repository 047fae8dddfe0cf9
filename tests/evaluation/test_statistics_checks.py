"""`benchmarks/statistics_checks.py`: its simulations go through verdicts and titles, and the figures kept all hold."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "results" / "statistics.json"


def load() -> Any:
    """The benchmark as a module; its records need it to be known by name."""
    spec = importlib.util.spec_from_file_location("statistics_checks", ROOT / "benchmarks" / "statistics_checks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


checks = load()


def test_every_figure_that_is_kept_holds_and_the_bars_are_there() -> None:
    rows = json.loads(KEPT.read_text(encoding="utf-8"))
    assert all(set(row) == {"what", "value", "low", "high", "bar", "holds"} for row in rows)
    assert [row["what"] for row in rows if row["holds"] is False] == []
    bars = {row["bar"] for row in rows if row["holds"]}
    assert {"0.93 to 0.97", "0.03 to 0.07"} <= bars


def test_a_rate_is_held_against_its_range_with_wilson_s_interval() -> None:
    # 5 of 100: (0.05 + 1.92073 / 100 -+ 1.95996 sqrt(0.0475 / 100 + 0.0096037 / 100)) / 1.0384146
    found = checks.rate("x", 5, 100, 0.03, 0.07)
    assert (found.low, found.high) == (pytest.approx(0.0215, abs=2e-4), pytest.approx(0.1118, abs=2e-4))
    assert found.holds is True
    assert checks.rate("x", 8, 100, 0.03, 0.07).holds is False
    assert checks.rate("x", 8, 100).holds is None


def test_a_method_that_is_better_is_named_by_verdict_and_title() -> None:
    run = checks.simulated(checks.World((52, 40, 28), 2, 0.6), checks.METHODS[:2], np.random.default_rng(0), lead=0.2)
    paired = run.paired({"pft": "PFT", "sft_mixed": "SFT mixed"}, metrics=["acc_one"])
    assert paired[0]["verdict"] == "PFT is ahead of SFT mixed"
    assert checks.title(run, paired) == "PFT leads, and the data support it"


@pytest.mark.slow
def test_equal_methods_are_rarely_called_one_ahead_of_the_other() -> None:
    # 300 runs: two standard errors around 5% are 2.5 points; 1,000 are in results/statistics.json
    found = {figure.what: figure for figure in checks.false_winners(300)}
    named = found["false winners among comparisons of two equal methods, verdicts"]
    assert 0.02 <= named.value <= 0.08
    assert found["the same, the report's title"].value == named.value
