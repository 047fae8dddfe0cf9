"""`counterpoint evaluate --suite dial`: dials are measured, saved, checked elsewhere, and found again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from counterpoint.cli import app
from counterpoint.data.toy import data_set
from counterpoint.errors import BadInputError
from small_encoder import write_dilemmas
from small_language import language


def invoke(model: str, out: Path, *more: str) -> str:
    command = ["evaluate", "--suite", "dial", "--model", model, "--out", str(out), *more]
    found = CliRunner().invoke(app, command, catch_exceptions=False)
    assert found.exit_code == 0, found.stderr
    return found.stdout


def toy_files(folder: Path) -> tuple[str, str]:
    """Two files that share no scenario."""
    dilemmas = data_set(120).dilemmas
    paths = (folder / "one.jsonl", folder / "other.jsonl")
    for path, part in zip(paths, (dilemmas[:60], dilemmas[60:]), strict=True):
        write_dilemmas(path, part)
    return str(paths[0]), str(paths[1])


@pytest.mark.slow  # schools lm:tiny
def test_a_dial_is_written_and_turns_the_harm_suites_strengths(tmp_path: Path) -> None:
    one, other = toy_files(tmp_path)
    out = tmp_path / "run"
    few = ("--methods", "mixture", "--set", "draws=1", "--set", "points=2")
    summary = json.loads(invoke("lm:tiny", out, "--data", one, "--test", other, *few, "--json"))
    assert [row["strength"] for row in summary] == [-2.0, -1.0, 1.0, 2.0]
    assert (out / "dial-mixture.json").is_file()
    assert invoke("lm:tiny", out, "--data", one, "--test", other, *few, "--json") == json.dumps(summary) + "\n"
    harm = [
        "evaluate",
        "--suite",
        "harm",
        "--model",
        "lm:tiny",
        "--methods",
        "mixture",
        "--out",
        str(tmp_path / "harm"),
    ]
    small = ["--set", "two_choice=4", "--set", "open=2", "--dial", str(out / "dial-mixture.json"), "--json"]
    assert CliRunner().invoke(app, [*harm, *small], catch_exceptions=False).exit_code == 0
    results = json.loads((tmp_path / "harm" / "results.json").read_text())
    assert results["config"]["dials"] == ["mixture"]


def test_what_cant_work_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    language(folder=folder)
    one, _ = toy_files(tmp_path)
    with pytest.raises(BadInputError, match="needs --data"):
        invoke(f"lm:{folder}", tmp_path / "a")
    with pytest.raises(BadInputError, match="scenario"):
        invoke(f"lm:{folder}", tmp_path / "b", "--data", one, "--test", one, "--taxonomy", "toy")
    with pytest.raises(BadInputError, match="dial has no --dial"):
        invoke(f"lm:{folder}", tmp_path / "c", "--data", one, "--test", one, "--dial", "dial.json")
    with pytest.raises(BadInputError, match="expected lm:"):
        invoke("encoder", tmp_path / "d", "--data", one, "--test", one)
