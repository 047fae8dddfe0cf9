"""`counterpoint evaluate --suite drift` from the command line, with the small encoder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from counterpoint.cli import app
from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.models.text_encoder import TextEncoder
from small_encoder import made_up_dilemmas, small_text_encoder, write_dilemmas

FEW = ("--people", "4", "--seeds", "1", "--methods", "drifting,pooled", "--set", "noises=[0.0]")
FEW += ("--set", "before=6", "--set", "after=6", "--set", "moments=[0,3,6]", "--set", "resamples=100")


@pytest.fixture(autouse=True)
def _small_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """The small encoder in place of the real one."""
    monkeypatch.setattr(TextEncoder, "load", staticmethod(lambda *_, cache=None: small_text_encoder(cache)))


def invoke(out: Path, *more: str) -> str:
    command = ["evaluate", "--suite", "drift", "--out", str(out), *FEW, *more]
    found = CliRunner().invoke(app, command, catch_exceptions=False)
    assert found.exit_code == 0, found.stderr
    assert ("points or more is found 80% of the time" in found.stderr) is ("--json" not in more)
    return found.stdout


def test_one_file_is_split_and_people_followed(tmp_path: Path) -> None:
    path = write_dilemmas(tmp_path / "d.jsonl", made_up_dilemmas(32))
    told = " ".join(invoke(tmp_path / "run", "--data", str(path)).split())
    assert "flip, 0% at random: alignment by choices since" in told
    assert "split by scenario with seed 0" in told
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert {"schema", "rows", "summary", "paired", "failures", "seconds"} <= set(results)
    assert {row["since"] for row in results["rows"]} == {0, 3, 6}
    summary = json.loads(invoke(tmp_path / "run", "--data", str(path), "--json"))
    assert summary == results["summary"]
    more = invoke(tmp_path / "run", "--data", str(path), "--json", "--methods", "drifting,pooled,gaussian")
    assert {row["method"] for row in json.loads(more)} == {"drifting", "pooled", "gaussian"}


def test_what_cant_work_is_refused(tmp_path: Path) -> None:
    path = str(write_dilemmas(tmp_path / "d.jsonl", made_up_dilemmas(12)))
    with pytest.raises(UnknownNameError, match="encoder"):
        invoke(tmp_path / "a", "--data", path, "--model", "gpt")
    with pytest.raises(BadInputError, match="needs --data"):
        invoke(tmp_path / "b")
    with pytest.raises(BadInputError, match="scenario"):
        invoke(tmp_path / "c", "--data", path, "--test", path)
