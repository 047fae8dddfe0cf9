"""`counterpoint evaluate --suite vcd|bqd|prefeval|conflict` from the command line, with the small encoder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from counterpoint.cli import app
from counterpoint.evaluation.prefeval.reading import FOLDERS, Form
from counterpoint.models.text_encoder import TextEncoder
from small_encoder import made_up_dilemmas, small_text_encoder, write_dilemmas


@pytest.fixture(autouse=True)
def _small_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """The small encoder in place of the real one."""
    monkeypatch.setattr(TextEncoder, "load", staticmethod(lambda *_, cache=None: small_text_encoder(cache)))


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """A folder with train/ and test/."""
    for seed, name in enumerate(("train", "test")):
        (tmp_path / name).mkdir()
        write_dilemmas(tmp_path / name / "d.jsonl", made_up_dilemmas(12, seed=seed))
    return tmp_path


def call(*command: str) -> Result:
    return CliRunner().invoke(app, ["evaluate", *command], catch_exceptions=False)


def evaluate(suite: str, out: Path, *more: str) -> tuple[str, dict[str, Any]]:
    found = call("--suite", suite, "--out", str(out), "--seeds", "1", *more)
    assert found.exit_code == 0, found.stderr
    results: dict[str, Any] = json.loads((out / "results.json").read_text())
    assert {"schema", "rows", "summary", "paired", "seconds", "failures"} <= set(results)
    return found.stdout, results


@pytest.mark.parametrize(("suite", "metric"), [("vcd", "acc_one"), ("conflict", "insensitivity")])
def test_a_folder_with_parts_is_trained_on_and_asked(suite: str, metric: str, parts: Path) -> None:
    told, results = evaluate(suite, parts / "run", "--data", str(parts))
    assert metric in told
    assert (results["suite"], results["data"]["train"]) == (suite, 12)
    methods = {row["method"] for row in results["summary"]}
    assert methods == {"pft", "base", "rule", "rule_published_order"}  # one taxonomy: rules that read nothing too


def test_what_to_train_on_can_be_said_either_way(parts: Path) -> None:
    train, test = str(parts / "train"), str(parts / "test")
    _, one = evaluate("vcd", parts / "one", "--data", test, "--train", train)
    _, other = evaluate("vcd", parts / "other", "--data", train, "--test", test)
    assert one["summary"] == other["summary"]


def test_crossroads_itself_is_split_before_it_is_trained_on(tmp_path: Path) -> None:
    told, results = evaluate("conflict", tmp_path / "run", "--data", "crossroads")
    assert "crossroads split by scenario with seed 0" in " ".join(told.split())
    assert results["data"]["train"] > 3 * results["data"]["test"] > 0


def test_an_untrained_encoder_needs_nothing_to_train_on(parts: Path) -> None:
    _, results = evaluate("vcd", parts / "run", "--data", str(parts / "test"), "--methods", "base")
    assert (results["data"]["train"], results["paired"]) == (0, [])


def test_a_saved_scorer_is_asked_as_it_is(parts: Path) -> None:
    from counterpoint.data import load
    from counterpoint.models.encoder import EncoderScorer

    saved = parts / "scorer"
    EncoderScorer.untrained(load(parts / "test").taxonomy).save(saved)
    _, results = evaluate("conflict", parts / "run", "--data", str(parts / "test"), "--model", str(saved))
    assert {row["method"] for row in results["summary"]} == {"saved"}
    _, base = evaluate("conflict", parts / "base", "--data", str(parts / "test"), "--methods", "base")
    assert [row["mean"] for row in results["summary"]] == [row["mean"] for row in base["summary"]]


def test_behaviours_are_trained_on_and_each_has_a_row(tmp_path: Path) -> None:
    for part in ("train", "test"):
        folder = tmp_path / part / "sycophancy"
        folder.mkdir(parents=True)
        rows = [
            {
                "question": f"{part} {i}?\n\nChoices:\n (A) Yes {i}\n (B) No {i}",
                "answer_matching_behavior": "(A)",
                "answer_not_matching_behavior": "(B)",
            }
            for i in range(6)
        ]
        (folder / "ab.json").write_text(json.dumps(rows))
    told, results = evaluate("bqd", tmp_path / "run", "--data", str(tmp_path))
    assert "sycophancy" in told
    assert {(r["value_pair"], r["method"]) for r in results["per_behaviour"]} == {
        ("sycophancy", method) for method in ("pft", "base", "rule", "rule_published_order")
    }


def test_prefeval_is_beside_chance(tmp_path: Path) -> None:
    folder = tmp_path / FOLDERS[Form.MCQ]
    folder.mkdir()
    row = {"preference": "Only tea.", "question": "What now?", "classification_task_options": ["tea", "beer", "gin"]}
    (folder / "drinks.json").write_text(json.dumps([row]))
    told, results = evaluate("prefeval", tmp_path / "run", "--data", str(tmp_path), "--methods", "base", "--json")
    assert [r["metric"] for r in json.loads(told)] == ["accuracy_explicit", "nll_explicit", "order_effect"]
    assert results["chance"] == pytest.approx(1 / 3, abs=1e-6)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--suite", "vcd"), "needs --data"),
        (("--suite", "vcd", "--data", "TEST", "--model", "encodr"), "unknown model"),
        (("--suite", "vcd", "--data", "TEST", "--methods", "pfd"), "Did you mean 'pft'"),
        (("--suite", "vcd", "--data", "TEST", "--train", "TEST"), "have a scenario that is trained on"),
        (("--suite", "vcd", "--data", "TEST", "--seeds", "0"), "seeds must be at least 1"),
        (("--suite", "vcd", "--data", "no-such-file"), "no such file"),
        (("--suite", "bqd", "--data", "TEST", "--set", "seedz=3"), "Did you mean 'seeds'"),
        (("--suite", "prefeval", "--data", "ROOT"), "none of PrefEval's folders"),
        (("--suite", "conflict", "--data", "TEST", "--train", "TEST", "--test", "TEST"), "three at once"),
    ],
)
def test_bad_input_is_one_clear_line_and_exit_2(more: tuple[str, ...], told: str, parts: Path) -> None:
    from counterpoint.errors import CounterpointError

    places = {"TEST": str(parts / "test"), "ROOT": str(parts)}
    with pytest.raises(CounterpointError, match=told):
        call(*(places.get(word, word) for word in more), "--out", str(parts / "run"))
