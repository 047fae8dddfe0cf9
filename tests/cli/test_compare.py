"""`counterpoint compare` and `demo` from the command line, over the small encoder."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from counterpoint.cli import app, main
from counterpoint.cli.compare import estimate, print_results
from counterpoint.cli.progress import progress_bar
from counterpoint.evaluation.progress import Stage
from counterpoint.models.text_encoder import TextEncoder
from full_disk import files_of_at_most
from small_encoder import made_up_dilemmas, small_text_encoder, write_dilemmas

REAL_LOAD = TextEncoder.load
QUICK = ("--set", "fit.calibration_folds=0", "--set", "fit.head_iterations=5")


@pytest.fixture(scope="module", autouse=True)
def _small_encoder() -> Iterator[None]:
    """The small encoder in place of the real one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TextEncoder, "load", staticmethod(lambda *_, cache=None: small_text_encoder(cache)))
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dilemmas(tmp_path_factory.mktemp("data") / "teas.jsonl", made_up_dilemmas(16))


def invoke(*arguments: str) -> tuple[str, str]:
    """Output and errors of a command that succeeds."""
    found = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert found.exit_code == 0, found.stderr
    return found.stdout, found.stderr


def test_json_is_all_that_is_printed_and_parses(data: Path, tmp_path: Path) -> None:
    out, err = invoke(
        "compare",
        "--data",
        str(data),
        "--methods",
        "pft, base",
        "--seeds",
        "1",
        "--out",
        str(tmp_path),
        *QUICK,
        "--json",
    )
    found = json.loads(out)
    assert err == ""
    assert set(found) == {"data", "summary", "paired", "seconds"}
    written = json.loads((tmp_path / "results.json").read_text())
    assert {key: written[key] for key in found} == found
    assert written["config"]["methods"] == ["pft", "base"]


@pytest.mark.parametrize("size", [2_000, 20_000])
def test_a_run_that_met_a_full_disk_says_so_and_goes_on_when_there_is_room(
    data: Path, tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["compare", "--data", str(data), "--methods", "pft,sft_mixed", "--seeds", "1", *QUICK, "--out"]
    out = tmp_path / "out"
    monkeypatch.setattr(sys, "argv", ["counterpoint", *asked, str(out)])
    with files_of_at_most(size), pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr().err
    assert end.value.code == 2
    assert f"error: {out}" in said
    assert "Traceback" not in said
    assert "the same command goes on from there" in said
    assert not (out / "results.json").exists()
    invoke(*asked, str(out))
    invoke(*asked, str(tmp_path / "whole"))
    ways = [json.loads((tmp_path / name / "results.json").read_text()) for name in ("out", "whole")]
    assert [way.pop("seconds") is not None for way in ways] == [True, True]
    assert ways[0] == ways[1]


def test_flags_config_and_sets_reach_the_run(data: Path, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text('methods = ["pft"]\nseeds = 3\ntest_fraction = 0.5\n')
    invoke(
        *("compare", "--config", str(tmp_path / "run.toml"), "--data", str(data), "--seeds", "1", "--finetune"),
        *("--set", "fit.epochs=1", *QUICK, "--out", str(tmp_path / "run"), "--json"),
    )
    config = json.loads((tmp_path / "run" / "results.json").read_text())["config"]
    assert (config["methods"], config["seeds"], config["test_fraction"]) == (["pft"], 1, 0.5)
    assert (config["fit"]["finetune"], config["fit"]["epochs"], config["fit"]["head_iterations"]) == (True, 1, 5)


def test_the_table_names_methods_in_words_and_says_where_the_report_is(data: Path, tmp_path: Path) -> None:
    out, err = invoke(
        "compare", "--data", str(data), "--methods", "pft,base", "--seeds", "1", "--out", str(tmp_path), *QUICK
    )
    for word in ("teas: 4 unseen dilemmas", "PFT", "Untrained", "Best blind rule", "chance", "Acc_one", "ECE"):
        assert word in out
    assert str(tmp_path / "report.html") in out
    assert "100%" in err


def test_the_demo_explains_runs_and_says_what_to_do_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys.modules["counterpoint.cli.demo"], "METHODS", ("pft", "base"))
    out, _ = invoke("demo", "--seeds", "1", "--out", "run", "--no-words")
    assert out.startswith("People disagree")
    assert "crossroads: 36 unseen dilemmas" in out
    assert "open run/report.html" in out
    assert (tmp_path / "run" / "report.html").is_file()
    intro, _, _ = out.partition("crossroads: 36")
    config = json.loads((tmp_path / "run" / "results.json").read_text())
    for number in (str(config["data"]["train"]), str(config["data"]["test"]), "180"):
        assert f" {number} " in intro.replace("\n", " "), "the introduction tells other numbers"


@pytest.mark.slow
def test_the_demo_with_the_real_encoder_separates_pft_from_one_sided_training(
    tmp_path: Path, embedding_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del embedding_cache
    monkeypatch.setattr(TextEncoder, "load", REAL_LOAD)
    invoke("demo", "--seeds", "1", "--out", str(tmp_path), "--no-words")
    summary = json.loads((tmp_path / "results.json").read_text())["summary"]
    acc_one = {row["method"]: row["mean"] for row in summary if row["metric"] == "acc_one"}
    assert acc_one["pft"] > acc_one["base"]
    assert acc_one["pft"] > acc_one["rule"]


def test_an_estimate_is_shown_with_its_interval_or_as_a_dash() -> None:
    assert estimate({"mean": 0.5, "ci_low": 0.4, "ci_high": 0.6}) == "0.500 (0.400 to 0.600)"
    assert estimate({"mean": 0.5, "ci_low": None, "ci_high": None}) == "0.500"
    assert estimate({"mean": None, "ci_low": None, "ci_high": None}) == "-"
    assert estimate(None) == "-"


def test_what_the_tests_say_of_pft_is_printed_and_nothing_of_the_others() -> None:
    def paired(a: str, b: str, metric: str = "acc_one", p: float | None = 0.01) -> dict[str, Any]:
        return {"a": a, "b": b, "metric": metric, "p_holm": p, "verdict": f"{a} beats {b} on {metric}"}

    results = {
        "data": {"name": "teas", "test": 4},
        "summary": [{"method": "pft", "metric": "acc_one", "mean": 0.5, "ci_low": None, "ci_high": None}],
        "rules": {"chance": 0.49},
        "paired": [paired("pft", "base"), paired("x", "y"), paired("pft", "z", "acc_all"), paired("pft", "w", p=None)],
    }
    console = Console(record=True, width=120, quiet=True)
    console.quiet = False
    with console.capture() as captured:
        print_results(results, console)
    assert captured.get().count("beats") == 1
    assert "pft beats base on acc_one (Acc_one, corrected p = 0.01)" in captured.get()


def test_a_log_file_gets_a_line_now_and_then_and_the_last_one(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar() as report:
        for share in (0.0, 0.2, 0.4, 1.0):
            report(Stage("reading", share))
    assert capsys.readouterr() == ("", "  0%  reading\n100%  reading\n")
    with progress_bar(quiet=True) as report:
        report(Stage("reading", 1.0))
    assert capsys.readouterr() == ("", "")
