"""`counterpoint answer`, end to end on a random model in a folder, and at a server on this machine."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from counterpoint.cli import answer_setup
from counterpoint.cli.answer import answer
from counterpoint.cli.answer_setup import World, opposite, over, question, read_leans
from counterpoint.data import load, taxonomy
from counterpoint.errors import BadInputError, CounterpointError, UnknownNameError
from counterpoint.models.language_model import LanguageModel
from counterpoint.steering.asking import Asked, Conversation, Message
from counterpoint.steering.calibration import identity_of
from counterpoint.steering.dial import MethodDial, PairDial, taxonomy_hash
from counterpoint.steering.steering import Policy, from_belief, from_leans
from counterpoint.types import Choice, ChoiceKind
from counterpoint.users.belief import Belief
from counterpoint.users.events import append_event
from counterpoint.users.evidence import Evidence
from small_language import language
from small_server import Server
from users.small import TAXONOMY, WordScorer, dilemma

TOY = taxonomy("toy")
APP = typer.Typer()
APP.command()(answer)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("model")
    language(folder=folder)
    return f"lm:{folder}"


def run(*arguments: str, input: str | None = None) -> Any:
    return CliRunner().invoke(APP, list(arguments), input=input)


def told(*arguments: str, input: str | None = None) -> Any:
    result = run(*arguments, "--json", input=input)
    assert result.exit_code == 0, result.output + repr(result.exception)
    return json.loads(result.stdout)


def fails(*arguments: str) -> str:
    result = run(*arguments)
    assert isinstance(result.exception, CounterpointError), result.output  # which the command line ends with 2 on
    return str(result.exception)


TALK = ("Quick or slow?", "--taxonomy", "toy", "--max-tokens", "6")
ASK = ("--data", "toy", "--dilemma", "toy-3", "--max-tokens", "6")


def test_a_prompt_is_answered_and_zero_strength_is_the_base(model: str) -> None:
    found = told(*TALK, "--lean", "hare=3", "--model", model, "--method", "instruction")
    assert found["replies"][0]["method"] == "instruction"
    assert found["replies"][0]["vector"] == [3, 0]
    base = told(*TALK, "--model", model)["replies"][0]
    zero = told(*TALK, "--lean", "hare=3", "--strength", "0", "--model", model)["replies"][0]
    assert base == zero
    assert base["method"] == "base"


def test_strength_multiplies_every_leaning(model: str) -> None:
    (one,) = told(*TALK, "--lean", "hare=2", "--lean", "Cat", "--strength", "0.5", "--model", model)["replies"]
    assert one["vector"] == [1, -0.5]
    assert one["method"] == "mixture"


def test_compare_shows_the_base_the_person_and_the_opposite(model: str) -> None:
    arguments = (*ASK, "--lean", "hare=2", "--model", model)
    base, own, other = told(*arguments, "--compare")["replies"]
    assert [base["vector"], own["vector"], other["vector"]] == [[0, 0], [2, 0], [-2, 0]]
    assert [one["who"] for one in (base, own, other)] == ["base", "person", "opposite"]
    for one in (base, own, other):
        assert sum(one["probabilities"]) == pytest.approx(1)
    (alone,) = told(*arguments)["replies"]
    assert alone.pop("probabilities") == pytest.approx(own.pop("probabilities"), abs=1e-5)
    assert alone == own
    shown = run(*arguments, "--compare").stdout
    assert all(word in shown for word in ("base", "person", "opposite", "[Hare]", "%"))


def test_a_dilemma_comes_by_id_from_a_file_or_from_standard_input(model: str, tmp_path: Path) -> None:
    from counterpoint.data.writing import write

    whole = load("toy")
    one = whole.subset(tuple(d for d in whole.dilemmas if d.id == "toy-3"))
    write(one, tmp_path / "one.jsonl")
    arguments = ("--taxonomy", "toy", "--model", model, "--max-tokens", "6")
    by_id = told(*ASK, "--model", model)["replies"]
    assert told("--dilemma", str(tmp_path / "one.jsonl"), *arguments)["replies"] == by_id
    text = (tmp_path / "one.jsonl").read_text()
    assert told("--dilemma", "-", *arguments, input=text)["replies"] == by_id
    write(whole.subset(whole.dilemmas[:2]), tmp_path / "two.jsonl")
    assert "holds 2 dilemmas" in fails("--dilemma", str(tmp_path / "two.jsonl"), *arguments)


def test_a_prompt_comes_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("Quick or slow?\n"))
    world = World(None, "toy")
    assert question("-", None, world, system="Be kind.") == Conversation(
        (Message("system", "Be kind."), Message("user", "Quick or slow?"))
    )
    monkeypatch.setattr(sys, "stdin", io.StringIO(" "))
    with pytest.raises(BadInputError, match="empty"):
        question(None, None, world)
    asked = question(None, "toy-3", World("toy", None))
    assert isinstance(asked, Asked)
    assert asked.dilemma.id == "toy-3"


def test_bad_input_is_told_in_one_line() -> None:
    anything = ("hi", "--model", "lm:none")
    assert "Did you mean 'Risk-averse'" in fails(*anything, "--lean", "risk-avers=1")
    assert "name Risk-taking or Risk-averse" in fails(*anything, "--lean", "risk orientation=1")
    assert "'much' is no number" in fails(*anything, "--lean", "risk-averse=much")
    assert "finite" in fails(*anything, "--lean", "risk-averse=inf")
    assert "two sides of" in fails(*anything, "--lean", "risk-averse=1", "--lean", "risk-taking=1")
    assert "twice" in fails(*anything, "--lean", "risk-averse=1", "--lean", "Risk-Averse=2")
    assert "--strength is -1" in fails(*anything, "--strength", "-1")
    assert "no --events" in fails(*anything, "--person", "ann")
    assert "Did you mean 'mixture'" in fails(*anything, "--method", "mixtures")
    assert "--method" not in fails("hi", "--lean", "risk-averse")
    assert "what answers is missing" in fails("hi", "--lean", "risk-averse")
    assert "expected lm:" in fails("hi", "--model", "gpt")
    assert "both given" in fails("hi", "--dilemma", "x", "--model", "lm:none")
    assert "expected a method and its folder" in fails(*anything, "--material", "runs/caa")
    assert "is no moment" in fails(*anything, "--events", "x", "--as-of", "soon")
    assert "toy-3" in fails("--data", "toy", "--dilemma", "toy-3333", "--model", "lm:none")


def test_leans_are_read_with_any_capitals_and_one_is_meant_where_none_is_said() -> None:
    assert read_leans(["HARE", "cat = -2"], TOY) == {"Hare": 1.0, "Cat": -2.0}


def test_what_is_asked_for_takes_the_place_of_what_is_believed() -> None:
    import numpy as np

    belief = Belief(np.array([2.0, 1.0]), np.eye(2) * 0.1)
    believed = from_belief(belief, TAXONOMY, prior=Belief.flat(2))
    both = over(believed, from_leans({"Careful": 1.5}, TAXONOMY), TAXONOMY)
    assert both.vector == (-1.5, 1.0)
    assert [(one.pole, one.origin) for one in both.leanings] == [("Careful", "asked for"), ("Now", "inferred")]
    unknown = from_belief(Belief.flat(2), TAXONOMY)
    both = over(unknown, from_leans({"Daring": 1}, TAXONOMY), TAXONOMY)
    assert (both.uncertain, both.abstained) == (("Pace",), "")


def test_the_opposite_names_the_other_poles() -> None:
    found = opposite(from_leans({"Daring": 2, "Later": 1}, TAXONOMY), TAXONOMY)
    assert list(found.vector) == [-2.0, 1.0]
    assert [one.pole for one in found.leanings] == ["Careful", "Now"]


# A person's events


BANK = tuple(dilemma(f"d{i}", "leap", "guard") for i in range(14))


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from counterpoint.types import DataSet

    monkeypatch.setattr(answer_setup, "load", lambda *_, **__: DataSet("small", TAXONOMY, BANK))
    monkeypatch.setattr(answer_setup, "open_evidence", lambda *_: Evidence(WordScorer(), TAXONOMY))
    for person in ("ann", "bob"):
        for n in range(12):
            option = 1 if person == "ann" else n % 2
            append_event(
                tmp_path / "events.jsonl",
                Choice(f"e{n}", person, 86400.0 * (n + 1), ChoiceKind.CHOSE, f"d{n}", ((option,),)),
            )
    return tmp_path / "events.jsonl"


def test_a_belief_from_events_is_applied_and_explained(model: str, events: Path) -> None:
    arguments = ("Leap?", "--model", model, "--events", str(events), "--max-tokens", "4", "--explain")
    found = told(*arguments, "--person", "ann", "--method", "instruction")
    (one,) = found["explanation"]["applied"]
    assert one["leaning"]["pole"] == "Careful"
    assert {reason["event"] for reason in one["reasons"]} < {f"e{n}" for n in range(12)}
    assert found["replies"][0]["method"] == "instruction"
    shown = run(*arguments, "--person", "ann", "--method", "instruction").stdout
    assert "Leans to Careful" in shown
    assert "Chose: guard" in shown
    early = told(*arguments, "--person", "ann", "--as-of", "0")
    assert early["explanation"]["method"] == "base"
    assert "too little is known" in run(*arguments[:-1], "--person", "ann", "--as-of", "0").stderr


def test_conflicting_evidence_shows_both_sides_where_asked(model: str, events: Path) -> None:
    arguments = (
        "Leap?",
        "--model",
        model,
        "--events",
        str(events),
        "--person",
        "bob",
        "--max-tokens",
        "4",
        "--explain",
    )
    assert told(*arguments)["explanation"]["both_sides"] is False
    shown = told(*arguments, "--both-sides")
    assert shown["explanation"]["both_sides"] is True
    assert shown["explanation"]["conflicts"][0]["value_pair"] == "Risk"
    assert shown["replies"][0]["text"] != told(*arguments)["replies"][0]["text"]


def test_whose_events_must_be_said_where_there_are_several(events: Path) -> None:
    arguments = ("Leap?", "--model", "lm:none", "--events", str(events))
    assert "is about ann, bob; say whom by --person" in fails(*arguments)
    with pytest.raises(UnknownNameError, match="Did you mean 'ann'"):
        answer_setup.person(
            [], answer_setup.Known(events, "anna", "encoder", "gaussian", None, ""), World("small", None), Policy()
        )


# What answers


def test_a_dial_beside_the_model_is_found_and_another_models_is_refused(model: str, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(model.removeprefix("lm:"), folder)
    pairs = tuple(PairDial(pair.name, "slope", (-1.0, 0.0, 1.0), (-0.5, 0.0, 0.5)) for pair in TOY)
    own = identity_of(LanguageModel.load(f"lm:{folder}"))
    dial = MethodDial("mixture", own, taxonomy_hash(TOY), "data", pairs)
    arguments = (*TALK, "--lean", "hare=0.4", "--model", f"lm:{folder}", "--temperature", "0")
    plain = told(*TALK, "--lean", "hare=0.8", "--model", f"lm:{folder}", "--temperature", "0")
    dial.save(folder / "dial-mixture.json")
    turned = told(*arguments)
    assert turned["replies"][0]["text"] == plain["replies"][0]["text"]
    MethodDial("mixture", "other", taxonomy_hash(TOY), "data", pairs).save(tmp_path / "other.json")
    assert "of another model" in fails(*arguments, "--dial", str(tmp_path / "other.json"))
    (tmp_path / "bad.json").write_text("{}")
    assert "not a saved dial" in fails(*arguments, "--dial", str(tmp_path / "bad.json"))


def test_an_endpoint_answers_by_instruction() -> None:
    pytest.importorskip("openai")
    server = Server()
    try:
        arguments = (*TALK, "--lean", "hare=2", "--base-url", server.url, "--model", "m")
        (one,) = told(*arguments)["replies"]
        assert (one["text"], one["method"]) == ("Hi there.", "instruction")
        assert "strongly Hare" in server.bodies[0]["messages"][0]["content"]
        assert "needs an lm: model" in fails(*arguments, "--method", "mixture")
        assert run(*arguments).stdout == "Hi there.\n"
    finally:
        server.stop()
