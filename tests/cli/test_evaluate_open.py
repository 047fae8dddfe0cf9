"""`counterpoint evaluate --suite vcd_open|bqd_open` from the command line: encoder, language model and endpoints."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from authoring.scripted import ScriptedServer
from counterpoint.cli import app
from counterpoint.data.taxonomy import taxonomy
from counterpoint.errors import BadInputError
from counterpoint.models.text_encoder import TextEncoder
from small_encoder import WORDS, made_up_dilemmas, small_text_encoder, write_dilemmas
from small_language import language


@pytest.fixture(autouse=True)
def _small_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """The small encoder in place of the real one."""
    monkeypatch.setattr(TextEncoder, "load", staticmethod(lambda *_, cache=None: small_text_encoder(cache)))


def evaluate(out: Path, *more: str, suite: str = "vcd_open") -> tuple[str, dict[str, Any]]:
    command = ["evaluate", "--suite", suite, "--out", str(out), "--seeds", "1", *more]
    found = CliRunner().invoke(app, command, catch_exceptions=False)
    assert found.exit_code == 0, found.stderr
    results: dict[str, Any] = json.loads((out / "results.json").read_text())
    assert {"schema", "rows", "summary", "paired", "seconds", "failures", "judge", "variance"} <= set(results)
    return " ".join(found.stdout.split()), results


def by_words(request: dict[str, Any], _: random.Random) -> dict[str, Any]:
    """A verdict by the words that give a pole away."""
    told = request["messages"][1]["content"]
    pole = told.split("[pole]\n")[1].split("\n")[0]
    answer = told.split("[answer]\n")[1].split("\n[end")[0]
    return {"reason": "words", "shown": 9 if any(word in answer for word in WORDS[pole].split()) else 1}


def test_data_alone_are_split_for_judge_and_contenders(tmp_path: Path) -> None:
    path = write_dilemmas(tmp_path / "d.jsonl", made_up_dilemmas(100))
    told, results = evaluate(tmp_path / "run", "--data", str(path), "--set", "threshold=0.6")
    assert "split by scenario with seed 0: asked 40, judge 30, trained on 30" in told
    assert "the option that it puts first is taken for its answer" in told
    assert "held-out options" in told
    assert set(results["stand_in"]) == {"pft", "base"}
    assert (results["power"]["units"], results["power"]["comparisons"]) == (results["data"]["test"], 1)
    assert all("judge_kappa" in row for row in results["summary"] if row["metric"] == "score")


def test_a_language_model_answers_and_an_endpoint_judges(tmp_path: Path) -> None:
    path = write_dilemmas(tmp_path / "d.jsonl", made_up_dilemmas(4))
    language(folder=tmp_path / "model")
    with ScriptedServer(players={"Graded": by_words}) as server:
        options = ("--model", f"lm:{tmp_path / 'model'}", "--judge", f"{server.url}#grader", "--data", str(path))
        told, results = evaluate(tmp_path / "run", *options, "--set", "max_new_tokens=4", "--set", "judge.repeats=2")
        calls = server.stats.calls
        evaluate(tmp_path / "run", *options, "--set", "max_new_tokens=4", "--set", "judge.repeats=2")
        assert server.stats.calls == calls
    assert "judge: grader" in told
    assert "asked 4, no labels needed" in told
    assert {row["method"] for row in results["summary"]} == {"base"}
    assert results["judge"]["proof"]["rate"] == 1.0
    assert any(row["metric"] == "log_perplexity" and row["mean"] > 0 for row in results["summary"])
    assert results["judge"]["spent"]["calls"] == calls


def test_a_judge_that_writes_no_verdicts_is_refused_with_their_number(tmp_path: Path) -> None:
    path = write_dilemmas(tmp_path / "d.jsonl", made_up_dilemmas(2))
    language(folder=tmp_path / "model")
    model = f"lm:{tmp_path / 'model'}"
    short = ("--set", "judge.max_tokens=4")
    with pytest.raises(BadInputError, match=r"in 0\.00 of 4 cases \(\d+ of \d+ verdicts could not be had\)"):
        evaluate(tmp_path / "run", "--data", str(path), "--model", model, "--judge", model, *short)


def test_an_endpoint_answers_too(tmp_path: Path) -> None:
    path = write_dilemmas(tmp_path / "d.jsonl", made_up_dilemmas(3))

    def heeds(request: dict[str, Any], _: random.Random) -> str:
        said = request["messages"][0]["content"]
        pole = next(pole for pole in WORDS if f"Who answers: {pole}." in said)
        return f"I would {WORDS[pole].split()[0]}."

    with ScriptedServer(players={"Graded": by_words, "": heeds}) as server:
        options = ("--model", f"{server.url}#speaker", "--judge", f"{server.url}#grader", "--data", str(path))
        _, results = evaluate(tmp_path / "run", *options)
    found = {row["metric"]: row["mean"] for row in results["summary"]}
    assert (found["score"], found["opposite"], found["contrast"]) == (9, 1, 8)


def test_what_cant_work_is_refused(tmp_path: Path) -> None:
    path = write_dilemmas(tmp_path / "d.jsonl", made_up_dilemmas(12))
    with pytest.raises(BadInputError, match="needs --data"):
        evaluate(tmp_path / "a")
    with pytest.raises(BadInputError, match="a coin's"):
        evaluate(tmp_path / "b", "--data", str(path), "--set", "threshold=0.2")
    with pytest.raises(BadInputError, match="scenario"):
        evaluate(tmp_path / "c", "--data", str(path), "--train", str(path))
    with pytest.raises(BadInputError, match="scenarios at least"):
        evaluate(tmp_path / "d", "--data", str(path))


def behaviours(folder: Path, *parts: str) -> Path:
    """Two behaviours, two A/B and two open questions each; the words of the sides are those of `BEHAVIOUR`."""
    for part in parts:
        for behaviour in ("sycophancy", "refusal"):
            where = folder / part / behaviour
            where.mkdir(parents=True)
            rows = [
                {
                    "question": f"{part} {behaviour} {i}?\n\nChoices:\n (A) I {yes}\n (B) I {no}",
                    "answer_matching_behavior": f"({'AB'[yes != 'do']})",
                    "answer_not_matching_behavior": f"({'BA'[yes != 'do']})",
                }
                for i, (yes, no) in enumerate([("do", "never"), ("never", "do")])
            ]
            (where / "ab.json").write_text(json.dumps(rows))
            questions = [{"question": f"What of {behaviour} {i}?"} for i in range(2)]
            (where / "open.json").write_text(json.dumps(questions))
    return folder


def test_open_questions_about_behaviours_are_asked_and_the_judge_is_proved_on_those_with_answers(
    tmp_path: Path,
) -> None:
    known = taxonomy("bqd")
    positive = {pair.positive.name for pair in known}

    def side(text: str) -> str:
        return next(pole.name for pole in known.poles if f"{pole.name}" in text)

    def grades(request: dict[str, Any], _: random.Random) -> dict[str, Any]:
        told = request["messages"][1]["content"]
        pole = told.split("[pole]\n")[1].split("\n")[0]
        answer = told.split("[answer]\n")[1].split("\n[end")[0]
        return {"reason": "words", "shown": 9 if ("do" in answer.split()) == (pole in positive) else 1}

    def heeds(request: dict[str, Any], _: random.Random) -> str:
        who = request["messages"][0]["content"].split("Who answers: ")[1]
        return "I do" if side(who.split(".")[0]) in positive else "I never"

    data = behaviours(tmp_path / "bqd", "test")
    with ScriptedServer(players={"Graded": grades, "": heeds}) as server:
        options = ("--model", f"{server.url}#speaker", "--judge", f"{server.url}#grader", "--data", str(data))
        told, results = evaluate(tmp_path / "run", *options, suite="bqd_open")
        asked = " ".join(m["content"] for r in server.requests if r["model"] == "speaker" for m in r["messages"])
    found = {row["metric"]: row["mean"] for row in results["summary"]}
    assert (found["score"], found["opposite"], found["contrast"]) == (9, 1, 8)
    assert (results["suite"], results["data"]["test"]) == ("bqd_open", 4)
    assert results["judge"]["proof"]["cases"] == 4 * 2, "proved on A/B questions, for either side"
    assert {r["value_pair"]: r["mean"] for r in results["per_value_pair"] if r["metric"] == "contrast"} == {
        "refusal": 8,
        "sycophancy": 8,
    }
    assert "sycophancy" in told
    assert "What of refusal 1?" in asked
    assert "Choices" not in asked
    assert (tmp_path / "run" / "report.html").is_file()


def test_open_questions_need_a_model_that_writes_and_a_judge_that_can_be_proved(tmp_path: Path) -> None:
    data = behaviours(tmp_path / "bqd", "test")
    with pytest.raises(BadInputError, match="takes a model that writes"):
        evaluate(tmp_path / "a", "--data", str(data), suite="bqd_open")
    with pytest.raises(BadInputError, match="no train/ beside"):
        evaluate(tmp_path / "b", "--data", str(data), "--model", "lm:tiny", suite="bqd_open")
    with pytest.raises(BadInputError, match="none to show"):
        evaluate(tmp_path / "c", "--data", str(data), "--model", "lm:x", "--set", "shown=options", suite="bqd_open")
    for file in data.rglob("open.json"):
        file.unlink()
    with pytest.raises(BadInputError, match="0 open and 4 A/B questions"):
        evaluate(tmp_path / "d", "--data", str(data), "--model", "lm:x", suite="bqd_open")
