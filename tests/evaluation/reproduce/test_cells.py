"""Cells: known by what decides them, done once, with a clock that learns from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from counterpoint.evaluation.progress import Stage
from counterpoint.evaluation.reproduce.cells import Clock, Job, Within, cell_of, duration, run_jobs
from counterpoint.runlog import RunFolder


def job(name: str, *decides: object, done: list[str] | None = None, fails: bool = False) -> Job:
    def do(within: Within) -> Any:
        within("working", 0.5)
        if fails:
            raise RuntimeError("killed")
        if done is not None:
            done.append(name)
        return {"name": name, "pair": (1, 2)}

    return Job(cell_of("test", name, [name, *decides], 10.0), do)


def silent(_: Stage) -> None:
    pass


def test_a_cell_s_key_is_all_that_decides_it_and_not_its_label_or_cost() -> None:
    one = cell_of("method", "pft, seed 0", ["pft", 0, {"rate": 1}], 5)
    assert one.key == cell_of("method", "another label", ["pft", 0, {"rate": 1}], 9).key
    assert one.key != cell_of("method", "pft, seed 0", ["pft", 0, {"rate": 2}], 5).key
    assert one.key != cell_of("ablation", "pft, seed 0", ["pft", 0, {"rate": 1}], 5).key


def test_finished_cells_are_taken_over_and_read_as_they_were_written(tmp_path: Path) -> None:
    done: list[str] = []
    folder = RunFolder(tmp_path, "x", "")
    with pytest.raises(RuntimeError, match="killed"):
        run_jobs([job("a", done=done), job("b", fails=True)], folder, Clock(silent, 20))
    first = run_jobs([job("a", done=done), job("b", done=done)], folder, Clock(silent, 20))
    assert done == ["a", "b"]
    assert [part["pair"] for part in first.values()] == [[1, 2], [1, 2]], "a new part reads as one from the disk"
    assert run_jobs([job("a", done=done), job("b", done=done)], folder, Clock(silent, 20)) == first
    run_jobs([job("a", "another setting", done=done)], folder, Clock(silent, 10))
    assert done == ["a", "b", "a"]
    folder.close()


def test_the_clock_learns_from_the_cells_that_were_done() -> None:
    told: list[Stage] = []
    clock = Clock(told.append, 100)
    clock.tell("a", 10, "training", 0.5)
    clock.finished(10, None)  # an earlier run's
    clock.finished(10, 30)  # three times as long as foreseen
    clock.tell("b", 20, "", 0.0)
    # 95 s foreseen; then 80 s foreseen at three times their length: 240 s, 4 min
    assert [stage.text for stage in told] == ["a: training (about 2 min to go)", "b (about 4 min to go)"]
    assert told[1].share == pytest.approx(0.97 * 0.2)


def test_nothing_is_foretold_of_a_model_of_unknown_speed_until_a_cell_is_done() -> None:
    told: list[Stage] = []
    clock = Clock(told.append, 100, known=False)
    clock.tell("a", 10, "", 0.0)
    clock.finished(10, 1000)
    clock.tell("b", 10, "", 0.0)
    assert [stage.text for stage in told] == ["a", "b (about 2.5 h to go)"]


def test_durations_in_words() -> None:
    assert [duration(s) for s in (-3, 0, 89, 90, 3600, 5400)] == ["0 s", "0 s", "89 s", "2 min", "60 min", "1.5 h"]
