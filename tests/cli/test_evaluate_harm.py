"""`counterpoint evaluate --suite harm` from the command line, on a random model in a folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from counterpoint.cli import app
from counterpoint.cli.evaluate_harm import Asking, _samples
from counterpoint.data.taxonomy import taxonomy
from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.evaluation.harm import samples
from counterpoint.evaluation.suites.harm import HarmConfig
from counterpoint.models.language_model import LanguageModel
from counterpoint.steering.calibration import identity_of
from counterpoint.steering.dial import MethodDial, PairDial, taxonomy_hash
from counterpoint.steering.engine import Engine
from small_language import language

VCD = taxonomy("vcd")
Invoke = Callable[..., str]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("model")
    language(folder=folder)
    return f"lm:{folder}"


@pytest.fixture
def questions(tmp_path: Path) -> str:
    path = tmp_path / "questions.json"
    row = {"correct": "(A)", "incorrect": "(B)", "correct_full_text": "On water", "incorrect_full_text": "In trees"}
    rows = [
        {**row, "prompt": f"Help.\nWhere do {i} geese sleep?\n\nChoices:\n(A) On water\n(B) In trees"} for i in "789"
    ]
    path.write_text(json.dumps(rows))
    return str(path)


@pytest.fixture
def invoke(model: str, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    monkeypatch.setattr(samples, "LENGTHS", dict.fromkeys(samples.LENGTHS, 2))
    monkeypatch.setattr(samples, "NEUTRAL", samples.NEUTRAL[:4])
    monkeypatch.setattr(samples, "OPINIONS", samples.OPINIONS[:4])
    few = ("--methods", "mixture", "--set", "open=2", "--set", "resamples=100")

    def invoked(out: Path, *more: str) -> str:
        command = ["evaluate", "--suite", "harm", "--out", str(out), *few, "--model", model, *more]
        found = CliRunner().invoke(app, command, catch_exceptions=False)
        assert found.exit_code == 0, found.stderr
        return found.stdout

    return invoked


def test_it_writes_numbers_and_a_report(invoke: Invoke, questions: str, tmp_path: Path) -> None:
    told = " ".join(invoke(tmp_path / "run", "--data", questions).split())
    assert "What steering does to what it should leave alone" in told
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    counts = {row["metric"]: row["n"] + row["undefined"] for row in results["summary"] if row["method"] == "mixture"}
    assert counts["two_choice"] == 3
    assert counts["neutral_changed"] == 4
    assert counts["length"] == 2
    assert "Two-choice answers right" in (tmp_path / "run" / "report.html").read_text()


def test_json_is_all_that_is_printed_and_methods_can_be_added(invoke: Invoke, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert {row["method"] for row in json.loads(invoke(out, "--json"))} == {"base", "mixture"}
    more = json.loads(invoke(out, "--json", "--methods", "mixture,instruction", "--strengths", "1,2"))
    assert {(row["method"], row["strength"]) for row in more} == {
        ("base", 0.0),
        *((method, strength) for method in ("mixture", "instruction") for strength in (1.0, 2.0)),
    }


def test_a_dial_turns_the_strengths(invoke: Invoke, model: str, tmp_path: Path) -> None:
    identity = identity_of(LanguageModel.load(model))
    straight = tuple(PairDial(pair.name, "slope", (-4.0, 0.0, 4.0), (-8.0, 0.0, 8.0)) for pair in VCD)
    dial = MethodDial("mixture", identity, taxonomy_hash(VCD), "d", straight)
    dial.save(tmp_path / "dial.json")
    turned = json.loads(invoke(tmp_path / "a", "--json", "--strengths", "2", "--dial", f"{tmp_path}/dial.json"))
    plain = json.loads(invoke(tmp_path / "b", "--json", "--strengths", "1"))
    means = [[(row["metric"], row["mean"]) for row in rows if row["method"] == "mixture"] for rows in (turned, plain)]
    assert means[0] == means[1]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("--model", "encoder"), "expected lm:"),
        (("--methods", "mixtura"), "mixture"),
        (("--strengths", "0"), "above 0"),
        (("--strengths", "a"), "expected numbers"),
        (("--material", "rerank"), "a method and its folder"),
        (("--dial", "nowhere.json"), "not a saved dial"),
        (("--data", "nowhere.json"), "no such file"),
        (("--methods", "activation"), "vectors"),
        (("--set", "opne=3"), "open"),
    ],
)
def test_what_cant_work_is_refused(invoke: Invoke, tmp_path: Path, wrong: tuple[str, str], said: str) -> None:
    with pytest.raises((BadInputError, UnknownNameError), match=said):
        invoke(tmp_path / "run", *wrong)


def test_history_needs_its_data(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="--data"):
        CliRunner().invoke(app, ["evaluate", "--suite", "history", "--out", str(tmp_path)], catch_exceptions=False)


def test_the_toy_model_is_asked_what_it_is_given_beside_its_own_questions(questions: str) -> None:
    engine = Engine(language(), taxonomy("toy"))
    asking = Asking("lm:tiny", questions, None, None)
    own = _samples(Asking("lm:tiny", None, None, None), HarmConfig(two_choice=2, open=1), engine, toy=True)
    asked = _samples(asking, HarmConfig(two_choice=2, open=1), engine, toy=True)
    assert [sample for sample in asked if sample.kind != "two_choice"] == [s for s in own if s.kind != "two_choice"]
    assert [sample.id for sample in asked if sample.kind == "two_choice"] == ["truthfulqa-1", "truthfulqa-2"]
