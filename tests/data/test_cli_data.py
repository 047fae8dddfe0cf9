"""`counterpoint data` from the outside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from made_up import row, vcd_row
from typer.testing import CliRunner

from counterpoint.cli.data import app
from counterpoint.data import load
from counterpoint.data.rows import json_schema
from counterpoint.errors import BadDataError, BadInputError, CounterpointError


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize("command", ["inspect", "validate", "convert", "split", "lint", "schema"])
def test_every_command_helps_with_an_example(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"Example: counterpoint data {command}" in result.output


def test_inspect_counts() -> None:
    summary = json.loads(run("inspect", "crossroads", "--json").output)
    assert summary["dilemmas"] == 180
    assert summary["options"] == {"2": 30, "3": 60, "4": 60, "5": 30}
    assert [pair["dilemmas"] for pair in summary["value_pairs"]] == [30] * 6
    assert summary["sha256"] == load("crossroads").digest
    assert "180 dilemmas" in run("inspect", "crossroads").output


def test_validate_says_valid_or_every_problem_and_exits_with_2(file_of: Any) -> None:
    good, bad = file_of(row()), file_of(row(), row(id="b", scenario=""), {"id": "c"}, name="bad.jsonl")
    assert run("validate", good).output == "valid: 1 dilemmas, 0 open questions\n"
    result = run("validate", bad)
    assert result.exit_code == 2
    assert "line 2 (id 'b'), scenario: is empty" in result.stderr
    assert "4 problems; 1 good records" in result.stderr
    told = json.loads(run("validate", bad, "--json").stdout)
    assert (told["valid"], told["dilemmas"], len(told["problems"])) == (False, 1, 4)
    assert told["problems"][0]["record"] == "line 2 (id 'b')"


def test_convert_writes_the_other_form(file_of: Any, tmp_path: Path) -> None:
    source = file_of(vcd_row(), name="vcd.json")
    result = run("convert", source, "--out", tmp_path / "out.jsonl")
    assert result.exit_code == 0
    assert load(tmp_path / "out.jsonl").dilemmas == load(source).dilemmas
    told = json.loads(run("convert", source, "--out", tmp_path / "b.json", "--to", "trl", "--json").output)
    assert told["format"] == "trl"


def test_bad_input_is_refused_and_nothing_is_written(file_of: Any, tmp_path: Path) -> None:
    bad = file_of(row(id="a"), row(id="b", scenario=""))
    result = run("convert", bad, "--out", tmp_path / "out.jsonl")
    assert isinstance(result.exception, BadDataError)
    assert "--keep-good" in str(result.exception)
    assert not (tmp_path / "out.jsonl").exists()
    result = run("convert", bad, "--out", tmp_path / "out.jsonl", "--keep-good")
    assert result.exit_code == 0
    assert "left out" in result.stderr
    assert len(load(tmp_path / "out.jsonl")) == 1


def test_an_existing_file_is_kept_without_force(file_of: Any, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("precious")
    assert isinstance(run("convert", file_of(row()), "--out", out).exception, BadInputError)
    assert out.read_text() == "precious"
    assert run("convert", file_of(row()), "--out", out, "--force").exit_code == 0


def test_split_writes_three_files(tmp_path: Path) -> None:
    told = json.loads(run("split", "crossroads", "--out", tmp_path / "parts", "--json").output)
    assert list(told["parts"].values()) == [144, 18, 18]
    assert len(load(tmp_path / "parts" / "train.jsonl")) == 144
    again = run("split", "crossroads", "--out", tmp_path / "parts")
    assert isinstance(again.exception, BadInputError)


@pytest.mark.parametrize("wrong", ["0.8,0.2", "a,b,c", "1,1,1", ""])
def test_split_refuses_other_fractions(tmp_path: Path, wrong: str) -> None:
    result = run("split", "crossroads", "--out", tmp_path, "--fractions", wrong)
    assert isinstance(result.exception, BadInputError)
    assert list(tmp_path.iterdir()) == []


def test_lint_is_clean_on_the_built_in_set_and_says_the_figures() -> None:
    result = run("lint", "crossroads", "--no-embeddings")
    assert result.exit_code == 0
    assert "clean" in result.output
    told = json.loads(run("lint", "crossroads", "--no-embeddings", "--json").output)
    assert told["clean"] is True
    assert {score["rule"] for score in told["rules"]} >= {"first", "last", "longest", "bag of words"}


def test_lint_ends_with_1_where_it_finds_something(file_of: Any) -> None:
    rows = (vcd_row(scenario=f"Scenario {i}") for i in range(30))
    result = run("lint", file_of(*rows), "--no-embeddings")
    assert result.exit_code == 1
    assert "error: position balance" in result.output


def test_schema_prints_the_schema(tmp_path: Path) -> None:
    assert json.loads(run("schema").output) == json_schema()
    assert run("schema", "--out", tmp_path / "s.json").exit_code == 0
    assert json.loads((tmp_path / "s.json").read_text()) == json_schema()


@pytest.mark.parametrize("option", [("--source", "csv"), ("--taxonomy", "nobody")])
def test_unknown_names_are_refused(option: tuple[str, str]) -> None:
    assert isinstance(run("inspect", "crossroads", *option).exception, CounterpointError)
