"""Runs are compared sample by sample on the same data, and on nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterpoint.evaluation.reports.pairing import Named, Pairing, pair_runs
from counterpoint.evaluation.reports.writing import read
from reports.results import answer, results, row, write

POLES = ("P", "Q")
IDS = tuple(f"d{i}" for i in range(12))


def run(folder: Path, wrong: set[str], *, method: str = "pft", suite: str = "vcd", sha256: str = "a" * 64) -> Named:
    """A run that fails the named dilemmas for both poles."""
    lines = [answer(method, id_, pole, right=id_ not in wrong) for id_ in IDS for pole in POLES]
    found = results(suite, sha256=sha256, summary=[row(method, "acc_one", 1 - len(wrong) / len(IDS))])
    return Named(folder.name, read(write(folder, found, lines)))


def paired(*runs: Named) -> Pairing:
    return pair_runs(runs)


def test_a_difference_is_that_of_the_same_samples(tmp_path: Path) -> None:
    """By hand: one is right in 12 of 12 dilemmas, the other in 3 of 12: a difference of 0.75, and all signs alike."""
    found = paired(run(tmp_path / "one", set()), run(tmp_path / "other", set(IDS[:9])))
    (line,) = found.rows
    assert (line["a"], line["b"], line["metric"]) == ("one: pft", "other: pft", "acc_one")
    assert line["difference"] == pytest.approx(0.75)
    assert line["p_value"] < 0.02  # 2 of 2**9 sign flips are as large
    assert line["verdict"] == "PFT (one) is ahead of PFT (other)"
    assert found.refused == []


def test_other_data_or_another_suite_are_refused(tmp_path: Path) -> None:
    one = run(tmp_path / "one", set())
    for other in (run(tmp_path / "other", set(IDS), sha256="b" * 64), run(tmp_path / "suite", set(IDS), suite="bqd")):
        found = paired(one, other)
        assert found.rows == []
        assert "not compared in pairs" in found.refused[0]


def test_different_methods_pair_where_each_run_has_one_alone(tmp_path: Path) -> None:
    (line,) = paired(run(tmp_path / "one", set(), method="base"), run(tmp_path / "other", set(IDS[:2]))).rows
    assert (line["a"], line["b"]) == ("one: base", "other: pft")


def test_conflict_counts_a_dilemma_once(tmp_path: Path) -> None:
    """By hand: one is right for both poles of 12; the other fails one pole of 6 dilemmas: 1 - 0.5."""
    one = run(tmp_path / "one", set(), suite="conflict")
    lines = [answer("pft", id_, pole, right=not (pole == "Q" and id_ in IDS[:6])) for id_ in IDS for pole in POLES]
    folder = write(tmp_path / "other", results("conflict", summary=[row("pft", "paired_accuracy", 0.5)]), lines)
    (line,) = paired(one, Named("other", read(folder))).rows
    assert (line["metric"], line["difference"]) == ("paired_accuracy", pytest.approx(0.5))


def test_a_run_without_answers_or_hash_stands_unpaired_and_says_so(tmp_path: Path) -> None:
    one = run(tmp_path / "one", set())
    bare = Named("bare", read(write(tmp_path / "bare", results("vcd", summary=[row("pft", "acc_one", 0.5)]))))
    assert "share no method" in paired(one, bare).refused[0]
    nameless = [Named(n, read(write(tmp_path / n, results("vcd", data={})))) for n in ("x", "y")]
    assert "don't say which data" in paired(*nameless).refused[0]
