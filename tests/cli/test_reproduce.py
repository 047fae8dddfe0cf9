"""`counterpoint reproduce` from the command line, over the small encoder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from counterpoint.cli import app
from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.models.text_encoder import TextEncoder
from small_encoder import made_up_dilemmas, small_text_encoder, write_dilemmas

FEW = ("--methods", "base,pft", "--quick", "--histories", "none", "--ablations", "weights")


@pytest.fixture(scope="module", autouse=True)
def _small_encoder() -> Iterator[None]:
    """The small encoder in place of the real one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TextEncoder, "load", staticmethod(lambda *_, cache=None: small_text_encoder(cache)))
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_dilemmas(tmp_path_factory.mktemp("data") / "teas.jsonl", made_up_dilemmas(30)))


def invoke(*arguments: str) -> tuple[str, str]:
    """Output and errors of a command that succeeds."""
    found = CliRunner().invoke(app, ["reproduce", *arguments], catch_exceptions=False)
    assert found.exit_code == 0, found.stderr
    return found.stdout, found.stderr


def test_a_dry_run_says_cells_time_and_what_can_be_shown(data: str, tmp_path: Path) -> None:
    out, _ = invoke("pft", "--data", data, "--out", str(tmp_path / "run"), "--dry-run", *FEW)
    assert "7 cells (2 method, 1 ablation, 4 left_out)" in out
    assert "on one core" in out
    assert "is found 80% of the time" in out
    assert not (tmp_path / "run").exists()
    told = json.loads(invoke("pft", "--data", data, "--out", str(tmp_path), "--dry-run", "--json", *FEW)[0])
    assert told["cells"] == {"method": 2, "ablation": 1, "left_out": 4}
    assert told["power"]["units"] == 2


def test_what_it_can_show_is_said_first_and_the_paper_beside_the_run_last(data: str, tmp_path: Path) -> None:
    out, err = invoke("pft", "--data", data, "--out", str(tmp_path), *FEW)
    assert err.index("7 cells") < err.index("% ")
    told = " ".join(out.split())
    for said in ("96.67%", "8.69", "not measured", "another family", str(tmp_path / "report.html")):
        assert said in told, said
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["config"]["seeds"] == 1
    assert results["config"]["history"]["people"] == 24, "what --quick says holds where nothing else is said"
    assert results["config"]["history"]["noises"] == [0.0], "and what it doesn't say stays as it is"
    assert results["history"] is None


def test_flags_override_what_quick_says(data: str, tmp_path: Path) -> None:
    told = json.loads(
        invoke(*("pft", "--data", data, "--out", str(tmp_path), "--dry-run", "--json", *FEW, "--seeds", "2"))[0]
    )
    assert told["cells"]["method"] == 4


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("--histories", "one"), "whole numbers"),
        (("--ablations", "colour"), "colour"),
        (("--methods", "base"), "must hold pft"),
        (("--set", "sede=2"), "Did you mean 'seeds'"),
    ],
)
def test_what_cant_work_is_refused(data: str, tmp_path: Path, wrong: tuple[str, str], said: str) -> None:
    with pytest.raises((BadInputError, UnknownNameError), match=said):
        invoke("pft", "--data", data, "--out", str(tmp_path / "run"), *FEW, *wrong)
    assert not (tmp_path / "run").exists()
