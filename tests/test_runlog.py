"""A run's folder: whole files or none, one run at a time, finished parts taken over, other settings refused."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from counterpoint.errors import BadInputError
from counterpoint.runlog import RunFolder, disk_faults_told, dump_json, write_text
from full_disk import files_of_at_most


def opened(path: Path, identity: str = "a") -> RunFolder:
    return RunFolder(path, identity, "seeds = 1\n")


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "results.json"
    write_text(path, "old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["results.json"]


def test_a_disk_that_takes_no_more_is_told_with_the_file_s_name(tmp_path: Path) -> None:
    with files_of_at_most(1000), pytest.raises(OSError, match="too large") as caught:
        write_text(tmp_path / "results.json", "x" * 4000)
    assert caught.value.filename == str(tmp_path / "results.json")
    assert list(tmp_path.iterdir()) == []


def test_what_a_library_could_not_write_is_an_error_of_the_disk_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(with_what: str) -> None:
        with disk_faults_told(tmp_path):
            if with_what == "safetensors":
                save_file({"x": torch.zeros(4000)}, tmp_path / "x.safetensors")
            raise RuntimeError("unexpected pos 44544 vs 44432")  # as PyTorch does

    with files_of_at_most(1000), pytest.raises(OSError, match="too large") as caught:
        write("safetensors")
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(tmp_path))
    with pytest.raises(RuntimeError, match="unexpected pos"):  # there is room: something else is wrong
        write("torch")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1 << 30, 1 << 30, 4096))
    with pytest.raises(OSError, match="No space left"):
        write("torch")


def test_json_never_holds_nan_and_keeps_order_and_letters() -> None:
    assert dump_json({"b": 1, "a": "é"}) == '{\n "b": 1,\n "a": "é"\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        dump_json([float("nan")])


def test_a_finished_part_is_taken_over_by_the_next_run_and_a_damaged_one_is_not(tmp_path: Path) -> None:
    first = opened(tmp_path)
    assert first.part("pft-seed0") is None
    first.save_part("pft-seed0", {"x": 0.1 + 0.2})
    first.save_part("pft-seed1", {"x": 1})
    first.close()
    (tmp_path / "parts" / "pft-seed1.json").write_text('{"x": ')
    second = opened(tmp_path)
    assert second.part("pft-seed0") == {"x": 0.1 + 0.2}
    assert second.part("pft-seed1") is None
    second.close()


def test_a_folder_of_other_settings_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    first = opened(tmp_path, "a")
    first.save_part("pft-seed0", 1)
    first.close()
    with pytest.raises(BadInputError, match="other settings or data"):
        RunFolder(tmp_path, "b", "seeds = 2\n")
    assert (tmp_path / "config.toml").read_text() == "seeds = 1\n"
    opened(tmp_path, "a").close()  # the refused run holds no lock


def test_a_folder_in_which_nothing_is_kept_yet_takes_other_settings(tmp_path: Path) -> None:
    opened(tmp_path, "a").close()
    RunFolder(tmp_path, "b", "seeds = 2\n").close()
    assert (tmp_path / "config.toml").read_text() == "seeds = 2\n"
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(BadInputError, match="other settings or data"):
        opened(tmp_path, "a")


def test_two_runs_in_one_folder_at_once_are_refused_until_the_first_is_closed(tmp_path: Path) -> None:
    first = opened(tmp_path)
    with pytest.raises(BadInputError, match="another run is writing here"):
        opened(tmp_path)
    first.close()
    opened(tmp_path).close()


@pytest.mark.parametrize("blocked", ["", "parts", ".lock"])
def test_a_path_that_can_t_be_a_run_s_folder_is_refused(tmp_path: Path, blocked: str) -> None:
    path = tmp_path / "run"
    if blocked:
        path.mkdir()
    if blocked == ".lock":
        (path / ".lock").mkdir()
    else:
        (path / blocked).write_text("a file")
    with pytest.raises(BadInputError, match="can't be made a run's folder"):
        opened(path)


def test_the_log_is_a_line_an_event_and_lines_are_json(tmp_path: Path) -> None:
    folder = opened(tmp_path)
    folder.log("cell", {"method": "pft"})
    folder.log("finished", {"total": 1.5})
    folder.write_lines("predictions.jsonl", ({"n": i, "text": "a\nb"} for i in range(2)))
    folder.close()
    assert [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()] == [
        {"event": "cell", "method": "pft"},
        {"event": "finished", "total": 1.5},
    ]
    assert [json.loads(line)["n"] for line in (tmp_path / "predictions.jsonl").read_text().splitlines()] == [0, 1]
