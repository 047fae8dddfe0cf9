"""The paper's open-ended score beside ours: taken from a finished run of `vcd_open`, which has a judge, and says so."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from counterpoint.errors import BadInputError
from counterpoint.evaluation.report import read_run

SUITE = "vcd_open"


class OpenAnswers(NamedTuple):
    """What PFT's free answers were graded, and what to know of it."""

    score: Mapping[str, Any]
    """A row of the run's summary: mean of 10 with its interval."""
    judge: str
    """Who graded, and how far it can be believed."""
    asked: str
    """What was asked, and how often."""


def read_open_answers(folder: str | None, *, model: str) -> OpenAnswers | None:
    """The score of `pft` in a run's folder; None where none is given.

    Args:
        folder: of a finished `evaluate --suite vcd_open`.
        model: the reproduction's, which must be that run's.

    Raises:
        BadInputError: it is no such run, its model is another, or it has no score of `pft`.
    """
    if folder is None:
        return None
    results = read_run(Path(folder)).results
    suite, asked = results.get("suite"), results.get("config") or {}
    if suite != SUITE or asked.get("model") != model:
        raise BadInputError(
            f"open_answers is {folder}, a run of {suite or results.get('command')} with {asked.get('model')}; "
            f"expected a finished run of evaluate --suite {SUITE} --model {model}"
        )
    rows = [row for row in results["summary"] if (row["method"], row["metric"]) == ("pft", "score")]
    if not rows or rows[0]["mean"] is None:
        raise BadInputError(f"{folder}: holds no score of pft; expected --methods pft among its methods")
    judge = results["judge"]
    told = f"{judge['name']}, who puts gold options above their opposites in {judge['proof']['rate']:.2f} of cases"
    if own := judge.get("agreement_with_gold"):
        told += f" and is right about {own['accuracy']:.2f} of held-out options"
    if stand_in := (results.get("stand_in") or {}).get("pft"):
        told += f"; {stand_in}"
    what = asked.get("data") or asked.get("test")
    return OpenAnswers(rows[0], told, f"{results['data']['test']} questions of {what}, {asked.get('seeds')} seeds")
