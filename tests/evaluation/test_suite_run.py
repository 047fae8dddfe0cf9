"""A run answers what isn't answered yet, counts what failed, and gives the same results when it was stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from counterpoint.errors import BadInputError
from counterpoint.evaluation.suite_run import CHUNK, Contender, Within, run_suite
from counterpoint.evaluation.suites.vcd import Vcd
from counterpoint.models.scorer import Scorer
from counterpoint.runlog import RunFolder
from counterpoint.types import DataSet, Dilemma, Pole
from users.small import TAXONOMY, WordScorer, dilemma

DATA = DataSet("small", TAXONOMY, tuple(dilemma(f"d{i}", f"leap {i}", f"guard {i}") for i in range(CHUNK + 4)))


class Choking(WordScorer):
    """Fails where an option holds one of the words, in one of two ways."""

    def __init__(self, raises: Sequence[str] = (), infinite: Sequence[str] = ()) -> None:
        super().__init__()
        self.raises, self.infinite = raises, infinite

    def score(self, dilemmas: Sequence[Dilemma], poles: Sequence[Sequence[Pole]]) -> list[NDArray[np.float32]]:
        if any(d.id in self.raises for d in dilemmas):
            raise RuntimeError("out of memory")
        rows = super().score(dilemmas, poles)
        return [row * np.nan if d.id in self.infinite else row for d, row in zip(dilemmas, rows, strict=True)]


def of(scorer: Scorer) -> Callable[[int, Within], Scorer]:
    return lambda _, __: scorer


@contextmanager
def folder(path: Path) -> Iterator[RunFolder]:
    opened = RunFolder(path, "same", "")
    try:
        yield opened
    finally:
        opened.close()


def run(path: Path, scorer: Scorer, seeds: int = 1) -> dict[str, Any]:
    with folder(path) as opened:
        return run_suite(Vcd(DATA), [Contender("pft", of(scorer))], seeds=seeds, folder=opened, config={})


def mean(results: dict[str, Any]) -> dict[str, Any]:
    return next(row for row in results["summary"] if row["metric"] == "acc_one")


def test_who_reads_the_words_is_always_right(tmp_path: Path) -> None:
    results = run(tmp_path, WordScorer())
    assert (mean(results)["mean"], mean(results)["n"], mean(results)["failed"]) == (1.0, 2 * len(DATA), 0)
    assert results == json.loads((tmp_path / "results.json").read_text())
    assert len((tmp_path / "predictions.jsonl").read_text().splitlines()) == 2 * len(DATA)


def test_a_failure_is_neither_a_crash_nor_a_zero_and_costs_no_other_sample(tmp_path: Path) -> None:
    results = run(tmp_path, Choking(raises=["d3"], infinite=["d7", "d33"]))
    assert (mean(results)["mean"], mean(results)["failed"]) == (1.0, 3)
    assert mean(results)["n"] == 2 * (len(DATA) - 3)
    assert {f["sample"]: f["error"] for f in results["failures"]} == {
        "d3": "RuntimeError: out of memory",
        "d7": "ArithmeticError: log-probabilities are not finite",
        "d33": "ArithmeticError: log-probabilities are not finite",
    }


def test_a_model_that_answers_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=f"pft: none of {len(DATA)} samples could be answered.*out of memory"):
        run(tmp_path, Choking(raises=[d.id for d in DATA.dilemmas]))


def test_our_own_mistakes_stop_the_run(tmp_path: Path) -> None:
    class Broken(WordScorer):
        def score(self, *_: object) -> list[NDArray[np.float32]]:
            raise TypeError("a bug")

    with pytest.raises(TypeError, match="a bug"):
        run(tmp_path, Broken())


def test_a_run_that_was_stopped_goes_on_after_the_last_chunk(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", WordScorer(), seeds=2)
    run(tmp_path / "stopped", WordScorer(), seeds=2)
    (tmp_path / "stopped" / "parts" / f"pft-seed1-{CHUNK}.json").unlink()  # as if killed before the last chunk
    scorer = WordScorer()
    again = run(tmp_path / "stopped", scorer, seeds=2)
    assert scorer.asked == 2 * (len(DATA) - CHUNK)  # the missing chunk alone, in two orders
    assert {**again, "seconds": 0} == {**whole, "seconds": 0}


def test_a_finished_run_makes_no_scorer(tmp_path: Path) -> None:
    run(tmp_path, WordScorer())

    def never(_: int, __: Within) -> Scorer:
        raise AssertionError("a scorer was made")

    with folder(tmp_path) as opened:
        run_suite(Vcd(DATA), [Contender("pft", never)], seeds=1, folder=opened, config={})


def test_what_failed_is_tried_again(tmp_path: Path) -> None:
    run(tmp_path, Choking(raises=["d3"]))
    assert mean(run(tmp_path, WordScorer()))["failed"] == 0
