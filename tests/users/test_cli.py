"""The commands, with a scorer that reads words in the encoder's place."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from counterpoint.cli import ask as ask_module
from counterpoint.cli.ask import Interview, parse_answer
from counterpoint.cli.infer import leaning_bar
from counterpoint.errors import BadInputError
from counterpoint.types import Choice, ChoiceKind, DataSet
from counterpoint.users.ask import Rule
from counterpoint.users.events import append_event, by_id_and_digest, load_events
from counterpoint.users.evidence import Evidence
from users.small import TAXONOMY, WordScorer, dilemma

BANK = [dilemma(f"d{i}", "leap", "guard") for i in range(6)] + [
    dilemma(f"p{i}", "fast", "slow", pair="Pace") for i in range(6)
]
DATA = DataSet("small", TAXONOMY, tuple(BANK))


def app(name: str) -> typer.Typer:
    from counterpoint.cli.ask import ask
    from counterpoint.cli.infer import infer

    commands = typer.Typer()
    commands.command()(infer if name == "infer" else ask)
    return commands


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for name in ("counterpoint.cli.infer", "counterpoint.cli.ask"):
        monkeypatch.setattr(sys.modules[name], "load", lambda *_, **__: DATA)
        monkeypatch.setattr(sys.modules[name], "open_evidence", lambda *_, **__: Evidence(WordScorer(), TAXONOMY))


def write(path: Path, count: int) -> None:
    for n in range(count):
        append_event(path, Choice(f"e{n}", "ann", 86400.0 * (n + 1), ChoiceKind.CHOSE, f"d{n}", ((1,),)))


@pytest.mark.usefixtures("world")
def test_infer_prints_json_with_a_picture_beside(tmp_path: Path) -> None:
    write(tmp_path / "events.jsonl", 5)
    arguments = [str(tmp_path / "events.jsonl"), "--json", "--plot", str(tmp_path / "plots")]
    result = CliRunner().invoke(app("infer"), arguments)
    assert result.exit_code == 0, result.output
    (record,) = json.loads(result.output)
    assert record["person"] == "ann"
    assert record["value_pairs"][0]["mean"] < 0
    assert [p.name for p in (tmp_path / "plots").iterdir()] == ["000-ann.svg"]


@pytest.mark.usefixtures("world")
def test_infer_goes_back_in_time_and_says_it_in_words(tmp_path: Path) -> None:
    write(tmp_path / "events.jsonl", 5)
    result = CliRunner().invoke(app("infer"), [str(tmp_path / "events.jsonl")])
    assert "ann leans clearly to Careful" in result.output
    early = CliRunner().invoke(app("infer"), [str(tmp_path / "events.jsonl"), "--as-of", "1970-01-01", "--json"])
    assert json.loads(early.output)[0]["observations"] == 0


@pytest.mark.usefixtures("world")
def test_infer_says_that_events_are_dated_in_the_future_unless_they_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    append_event(path, Choice("e0", "ann", 86400.0, ChoiceKind.CHOSE, "d0", ((1,),)))
    append_event(path, Choice("e1", "ann", 32503680000.0, ChoiceKind.CHOSE, "d1", ((1,),)))
    result = CliRunner().invoke(app("infer"), [str(path), "--json"])
    assert "1 of 2 events are dated in the future, the last 3000-01-01" in result.stderr
    assert json.loads(result.stdout)[0]["observations"] == 2
    early = CliRunner().invoke(app("infer"), [str(path), "--json", "--as-of", "2026-01-01"])
    assert early.stderr == ""


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("wrong", [["--as-of", "soon"], ["--person", "nobody"]])
def test_infer_refuses_what_it_cant_mean(tmp_path: Path, wrong: list[str]) -> None:
    write(tmp_path / "events.jsonl", 1)
    result = CliRunner().invoke(app("infer"), [str(tmp_path / "events.jsonl"), *wrong])
    assert isinstance(result.exception, BadInputError)


@pytest.mark.usefixtures("world")
def test_an_interview_writes_what_was_answered_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    out = tmp_path / "me.jsonl"
    first = CliRunner().invoke(app("ask"), ["--out", str(out)], input="1\n2>1\n=\nnonsense\ns\nu\nq\n")
    assert first.exit_code == 0, first.output
    dilemmas = by_id_and_digest(BANK)
    kinds = [event.kind for event in load_events(out, dilemmas, TAXONOMY)]
    assert kinds == ["chose", "ranked", "tied", "skipped", "retracted"]
    second = CliRunner().invoke(app("ask"), ["--out", str(out)], input="1\n")
    assert second.exit_code == 0, second.output
    events = load_events(out, dilemmas, TAXONOMY)
    assert len(events) == 6
    assert len({event.id for event in events}) == 6


def test_an_interview_ends_when_sides_are_certain(tmp_path: Path) -> None:
    interview = Interview(
        DATA, Evidence(WordScorer(), TAXONOMY), tmp_path / "me.jsonl", "me", [], Rule(certainty=0.9, cost=0.0)
    )
    for _ in range(12):
        shown = interview.next()
        if shown is None:
            break
        interview.record(ChoiceKind.CHOSE, dilemma=shown.digest, groups=((0,),))
    belief = interview.inference().belief
    assert interview.next() is None
    assert (belief.positive > 0.9).all()
    interview.run(Console(quiet=True), np.random.default_rng(0))


@pytest.mark.parametrize(("answer", "groups"), [("2", ((0,),)), ("1,3", ((2, 1),)), ("3>1,2", ((1,), (2, 0)))])
def test_answers_are_read_in_the_order_shown(answer: str, groups: tuple[tuple[int, ...], ...]) -> None:
    assert parse_answer(answer, [2, 0, 1]) == groups


@pytest.mark.parametrize("answer", ["", "4", "0", "1,1", "a", "1>>2"])
def test_other_answers_are_refused(answer: str) -> None:
    with pytest.raises(BadInputError):
        parse_answer(answer, [2, 0, 1])


def test_a_bar_shows_mean_and_spread() -> None:
    assert leaning_bar(0.0, 0.4).plain == "······-o-······"
    assert leaning_bar(-9.0, 0.1).plain[0] == "o"
    assert ask_module is not None
