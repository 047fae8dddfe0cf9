"""Results in the common form, small enough to know by heart."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def row(method: str, metric: str, mean: float | None, **more: Any) -> dict[str, Any]:
    """A line of `summary`; its interval is 0.1 to either side."""
    ends = {"ci_low": None, "ci_high": None} if mean is None else {"ci_low": mean - 0.1, "ci_high": mean + 0.1}
    return {"method": method, "metric": metric, "mean": mean, **ends, "n": 0 if mean is None else 10, **more}


def pair(a: str, b: str, metric: str, difference: float, p: float, **more: Any) -> dict[str, Any]:
    """A line of `paired`."""
    ends = {"ci_low": difference - 0.1, "ci_high": difference + 0.1}
    return {"a": a, "b": b, "metric": metric, "difference": difference, **ends, "p_value": p, "p_holm": p, **more}


def results(suite: str = "new", *, sha256: str = "a" * 64, **more: Any) -> dict[str, Any]:
    """A suite's results that nobody wrote code for."""
    return {
        "schema": "counterpoint.results/1",
        "command": "evaluate",
        "version": "0.1.0",
        "suite": suite,
        "config": {"model": "encoder", "seeds": 1},
        "data": {"train": 0, "test": 2, "sha256": sha256},
        "rows": [],
        "summary": [],
        "paired": [],
        "failures": [],
        "seconds": {"total": 1.0},
        **more,
    }


def answer(method: str, dilemma: str, pole: str, *, right: bool, seed: int = 0) -> dict[str, Any]:
    """A line of `predictions.jsonl`: of two options the first is right."""
    return {
        "method": method,
        "seed": seed,
        "dilemma": dilemma,
        "value_pair": "Risk",
        "pole": pole,
        "gold": [0],
        "log_probs": [-0.1, -2.4] if right else [-2.4, -0.1],
        "chosen": 0 if right else 1,
    }


def write(folder: Path, found: Mapping[str, Any], predictions: Sequence[Mapping[str, Any]] = ()) -> Path:
    """A run's folder; every answered dilemma has a scenario of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(found))
    (folder / "predictions.jsonl").write_text("".join(json.dumps(p) + "\n" for p in predictions))
    options = [{"text": "one", "pole": "P"}, {"text": "other", "pole": "Q"}]
    dilemmas = [
        {"id": id_, "value_pair": "Risk", "scenario": f"Scenario {id_}.", "options": options}
        for id_ in dict.fromkeys(p["dilemma"] for p in predictions)
    ]
    (folder / "dilemmas.jsonl").write_text("".join(json.dumps(d) + "\n" for d in dilemmas))
    return folder
