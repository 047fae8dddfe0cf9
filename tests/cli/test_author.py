"""`counterpoint author dilemmas`, from the command line to files, against a scripted server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from authoring.dilemma_player import players
from authoring.scripted import Script, ScriptedServer
from counterpoint.cli import app, main
from counterpoint.data import load
from counterpoint.data.lint import lint


def asked(url: str, folder: Path, count: int, *more: object) -> list[str]:
    where = ["--base-url", url, "--out", folder / "rows.jsonl", "--cache", folder / "cache", "--label", "scripted"]
    given = ["author", "dilemmas", "--model", "m", "--count", count, *where, "--no-embeddings", *more]
    return [str(each) for each in given]


def run(url: str, folder: Path, count: int, *more: object) -> Result:
    return CliRunner().invoke(app, asked(url, folder, count, *more), catch_exceptions=False)


def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> str:
    monkeypatch.setattr("sys.argv", ["counterpoint", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    return capsys.readouterr().err


def test_rows_load_and_are_clean_and_everything_is_on_record(tmp_path: Path) -> None:
    with ScriptedServer(Script(malformed=0.1), players()) as server:
        result = run(server.url, tmp_path, 24, "--licence", "CC0-1.0", "--twins")
        calls = server.stats.calls
    assert result.exit_code == 0, result.output
    assert "24 of 24 dilemmas kept, 24 with a twin" in result.output
    assert "lint: clean" in result.output
    data, twins = load(tmp_path / "rows.jsonl"), load(tmp_path / "rows.twins.jsonl")
    assert lint(data).clean
    assert len(data) == 24
    for twin in twins.dilemmas:
        (first,) = [each for each in data.dilemmas if f"{each.id}-twin" == twin.id]
        assert [option.text for option in twin.options] == [option.text for option in first.options]
        assert all(a.pole != b.pole for a, b in zip(first.options, twin.options, strict=True))
    folder = tmp_path / "rows.run"
    rows = [json.loads(line) for line in (folder / "provenance.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == [dilemma.id for dilemma in data.dilemmas]
    card = json.loads((folder / "card.json").read_text())
    assert (card["licence"], card["sha256"], card["complete"]) == ("CC0-1.0", data.digest, True)
    assert sum(card["answers"].values()) == calls
    assert "CC0-1.0" in (folder / "card.md").read_text()


def test_the_same_command_again_pays_nothing_and_says_the_same(tmp_path: Path) -> None:
    with ScriptedServer(Script(), players()) as server:
        run(server.url, tmp_path, 6)
        calls, rows = server.stats.calls, (tmp_path / "rows.jsonl").read_bytes()
        assert run(server.url, tmp_path, 6).exit_code == 0
        assert (server.stats.calls, (tmp_path / "rows.jsonl").read_bytes()) == (calls, rows)
        for file in (tmp_path / "rows.run").iterdir():
            file.unlink()  # from the cache alone
        assert run(server.url, tmp_path, 6, "--force").exit_code == 0
        assert (server.stats.calls, (tmp_path / "rows.jsonl").read_bytes()) == (calls, rows)


def test_a_larger_count_goes_on_from_what_is_there(tmp_path: Path) -> None:
    with ScriptedServer(Script(), players()) as server:
        run(server.url, tmp_path, 6)
        run(server.url, tmp_path, 12)
        assert server.stats.paid_twice == 0
    assert len(load(tmp_path / "rows.jsonl")) == 12


def test_other_settings_are_refused_where_a_run_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with ScriptedServer(Script(), players()) as server:
        run(server.url, tmp_path, 2)
        assert "other settings" in refused(monkeypatch, capsys, asked(server.url, tmp_path, 2, "--seed", 1))


def test_a_file_of_somebody_elses_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rows.jsonl").write_text("mine")
    with ScriptedServer(Script(), players()) as server:
        assert "--force" in refused(monkeypatch, capsys, asked(server.url, tmp_path, 2))
        assert (tmp_path / "rows.jsonl").read_text() == "mine"
        assert run(server.url, tmp_path, 2, "--force").exit_code == 0


def test_the_cap_ends_the_run_with_what_it_has_and_more_money_goes_on(tmp_path: Path) -> None:
    with ScriptedServer(Script(latency=0.01), players()) as server:
        result = run(server.url, tmp_path, 12, "--max-cost", 0.05)
        paid = (server.stats.tokens_in + 4 * server.stats.tokens_out) / 1e6
        assert result.exit_code == 1
        assert "cap of $0.05 is reached" in result.output
        assert paid <= 0.05
        assert run(server.url, tmp_path, 12, "--max-cost", 0.05).exit_code == 1  # what was spent counts
        assert (server.stats.tokens_in + 4 * server.stats.tokens_out) / 1e6 <= 0.05
        assert run(server.url, tmp_path, 12, "--max-cost", 1).exit_code == 0
        assert server.stats.paid_twice == 0


def test_a_dry_run_asks_nothing_and_names_the_price(tmp_path: Path) -> None:
    with ScriptedServer(Script(), players()) as server:
        result = run(server.url, tmp_path, 24, "--dry-run", "--max-cost", 2)
        assert server.stats.calls == 0
    assert "96 calls" in result.output
    assert "$" in result.output
    assert list(tmp_path.iterdir()) == []
    plan = json.loads(run("http://x", tmp_path, 24, "--dry-run", "--json").output)
    assert plan["price"]["calls"] == 96


def test_a_model_that_answers_nothing_useful_ends_the_run_with_reasons(tmp_path: Path) -> None:
    with ScriptedServer() as server:  # made up from the form: random words, random labels
        result = run(server.url, tmp_path, 4, "--attempts", 2)
    assert result.exit_code == 1
    card = json.loads((tmp_path / "rows.run" / "card.json").read_text())
    assert card["rows"] < 4
    assert sum(card["rejected"].values()) >= 2 * (4 - card["rows"])  # two attempts for each row that is missing
    assert "rejected:" in result.output


def test_a_model_that_repeats_itself_fills_one_row(tmp_path: Path) -> None:
    with ScriptedServer(Script(repeating=1.0), players()) as server:
        run(server.url, tmp_path, 4, "--pairs", "Risk Orientation", "--options", "2", "--attempts", 2)
    card = json.loads((tmp_path / "rows.run" / "card.json").read_text())
    assert card["rows"] == 1
    assert card["rejected"] == {"near duplicate": 6}


def test_json_gives_the_card(tmp_path: Path) -> None:
    with ScriptedServer(Script(), players()) as server:
        result = run(server.url, tmp_path, 2, "--json")
    assert json.loads(result.stdout)["rows"] == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--base-url", "models.example"], "--base-url"),
        (["--pairs", "Risk"], "Risk Orientation"),
        (["--options", "2,nine"], "--options"),
        (["--options", "7"], "2 to 5 options"),
        (["--out", "/dev/null/rows.jsonl"], "--out"),
    ],
)
def test_bad_input_is_refused_with_what_is_wrong(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    given: list[str],
    said: str,
) -> None:
    with ScriptedServer() as server:
        assert said in refused(monkeypatch, capsys, asked(server.url, tmp_path, 2, *given))
        assert server.stats.calls == 0


@pytest.mark.parametrize(
    "how",
    [
        signal.SIGKILL,
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
    ],
)
def test_a_command_that_is_ended_loses_no_answer(tmp_path: Path, how: signal.Signals) -> None:
    code = "from counterpoint.cli import run; run()"
    with ScriptedServer(Script(latency=0.3), players()) as server:
        arguments = [sys.executable, "-c", code, *asked(server.url, tmp_path, 12)]
        pipe = subprocess.PIPE
        process = subprocess.Popen(arguments, stdout=pipe, stderr=pipe, start_new_session=True)
        while server.stats.in_flight < 12:
            time.sleep(0.01)
        if how == signal.SIGKILL:  # whoever read what it says is gone too
            process.stdout.close()  # type: ignore[union-attr]
            process.stderr.close()  # type: ignore[union-attr]
        os.killpg(process.pid, how)  # as a terminal or a supervisor does, to the whole group
        process.communicate() if how != signal.SIGKILL else process.wait()
        ended = process.returncode
        result = run(server.url, tmp_path, 12)
        assert result.exit_code == 0, result.output
        assert set(server.stats.seen.values()) == {1}  # what was in flight came home: nothing was even asked twice
    assert ended == (130 if how != signal.SIGKILL else -signal.SIGKILL)
