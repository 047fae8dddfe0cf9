"""Judges: what is sent, what is made of answers, what is kept, what is refused."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from authoring.scripted import Script, ScriptedServer
from counterpoint.authoring.calls import CapReachedError
from counterpoint.authoring.llm import Endpoint
from counterpoint.data import taxonomy
from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.evaluation.judge import JudgeItem, PairItem, Verdict, about_pole, both_orders
from counterpoint.evaluation.judging.concord import concord, mean_scores, tally
from counterpoint.evaluation.judging.leaks import LEAK, Guarded, training_texts
from counterpoint.evaluation.judging.model_judge import ModelJudge
from counterpoint.evaluation.judging.opening import JudgeConfig, open_judge
from counterpoint.evaluation.judging.rubrics import PERSONA_FIT, POLE_SHOWN, RUBRICS
from counterpoint.types import Dilemma, Option

RISK = taxonomy("vcd").by_name["Risk Orientation"]
ABOUT = about_pole(RISK, RISK.positive)
ITEMS = [JudgeItem(f"pft-seed{i}", f"Question {i}?", f"Answer {i}.", ABOUT) for i in range(3)]


def graded(request: dict[str, Any], _: random.Random) -> dict[str, Any]:
    """A score by the answer's number and the repeat."""
    number = int(request["messages"][1]["content"].split("Answer ")[1][0])
    return {"reason": "It says so.", "shown": 3 * number + request["seed"]}


def judge_of(server: ScriptedServer, folder: Path, **more: Any) -> ModelJudge:
    return ModelJudge(Endpoint("scripted", server.url, label="scripted", back_off=0.01), cache=folder, **more)


def test_verdicts_come_item_after_item_and_are_paid_for_once(tmp_path: Path) -> None:
    with ScriptedServer(players={"Graded": graded}) as server:
        judge = judge_of(server, tmp_path)
        verdicts = judge.grade(POLE_SHOWN, ITEMS, repeats=2)
        assert [(v.item.id, v.repeat, v.score) for v in verdicts] == [
            (f"pft-seed{i}", r, 3 * i + r) for i in range(3) for r in range(2)
        ]
        assert {v.rubric for v in verdicts} == {POLE_SHOWN.reference}
        again = judge_of(server, tmp_path)
        assert again.grade(POLE_SHOWN, ITEMS, repeats=2) == verdicts
        assert (server.stats.calls, again.spent.cached) == (6, 6)
        again.grade(POLE_SHOWN, ITEMS[:1], repeats=3)
        assert server.stats.calls == 7


def test_all_that_is_sent_is_rubric_about_question_and_answer(tmp_path: Path) -> None:
    with ScriptedServer(players={"Graded": graded}) as server:
        judge_of(server, tmp_path).grade(POLE_SHOWN, ITEMS[:1])
        (request,) = server.requests
    system, user = (message["content"] for message in request["messages"])
    expected = "\n\n".join(
        f"[{name}]\n{text}\n[end of {name}]"
        for name, text in (
            ("pole", ABOUT["pole"]),
            ("description", ABOUT["description"]),
            ("opposite", ABOUT["opposite"]),
            ("opposite description", ABOUT["opposite_description"]),
            ("question", "Question 0?"),
            ("answer", "Answer 0."),
        )
    )
    assert user.startswith(expected)  # after it the form alone
    assert POLE_SHOWN.text in system
    assert "pft" not in json.dumps(request)


def test_an_item_says_exactly_what_the_rubric_is_told(tmp_path: Path) -> None:
    judge = ModelJudge(Endpoint("m", "http://localhost:9/v1"), cache=tmp_path)
    with pytest.raises(BadInputError, match="method"):
        judge.grade(POLE_SHOWN, [JudgeItem("1", "Q", "A", {**ABOUT, "method": "pft"})])
    with pytest.raises(BadInputError, match="repeats"):
        judge.grade(POLE_SHOWN, ITEMS, repeats=0)


def test_what_cant_be_read_is_a_failure_and_no_zero(tmp_path: Path) -> None:
    def beyond(request: dict[str, Any], draw: random.Random) -> Any:
        return {"reason": "", "shown": 11} if "Answer 1" in request["messages"][1]["content"] else graded(request, draw)

    with ScriptedServer(players={"Graded": beyond}) as server:
        verdicts = judge_of(server, tmp_path).grade(POLE_SHOWN, ITEMS)
    assert [v.score for v in verdicts] == [0, None, 6]
    assert str(verdicts[1].error).startswith("malformed: shown")
    assert mean_scores(verdicts) == {"pft-seed0": 0, "pft-seed2": 6}
    assert verdicts[1].row()["score"] is None


def test_a_sloppy_or_dying_endpoint_costs_no_verdict(tmp_path: Path) -> None:
    with ScriptedServer(Script(sloppy=0.5, dies=0.3, fails=0.2), {"Graded": graded}) as server:
        verdicts = judge_of(server, tmp_path).grade(POLE_SHOWN, ITEMS, repeats=2)
    assert [v.score for v in verdicts] == [0, 1, 3, 4, 6, 7]


def test_a_score_is_the_mean_of_its_criteria(tmp_path: Path) -> None:
    players = {"Graded": lambda *_: {"reason": "", "style": 5, "content": 3, "manner": 4}}
    item = JudgeItem("1", "Hello?", "Hello.", {"profile": "is a baker", "personality": "is shy"})
    with ScriptedServer(players=players) as server:
        (verdict,) = judge_of(server, tmp_path).grade(PERSONA_FIT, [item])
    assert (verdict.score, verdict.scores) == (4, {"style": 5, "content": 3, "manner": 4})


def test_the_cap_stops_before_it_is_passed(tmp_path: Path) -> None:
    with ScriptedServer(players={"Graded": graded}) as server, pytest.raises(CapReachedError):
        judge_of(server, tmp_path, max_cost=1e-6).grade(POLE_SHOWN, ITEMS)
    assert server.stats.calls == 0


def test_a_preference_that_flips_with_the_order_is_a_tie_and_counted(tmp_path: Path) -> None:
    def better(request: dict[str, Any], _: random.Random) -> dict[str, str]:
        told = request["messages"][1]["content"]
        if "Question 0" in told:
            return {"reason": "", "better": "first"}  # likes what stands first
        return {"reason": "", "better": "first" if told.index("good") < told.index("bad") else "second"}

    pairs = [PairItem(str(i), f"Question {i}?", "A good one.", "A bad one.", ABOUT) for i in range(2)]
    with ScriptedServer(players={"Compared": better}) as server:
        found = judge_of(server, tmp_path).compare(POLE_SHOWN, pairs)
    assert [(p.choice, p.flipped) for p in found] == [("tie", True), ("one", False)]
    counted = tally(found)
    assert (counted.one, counted.tie, counted.flipped, counted.failed, counted.win_rate) == (1, 1, 1, 0, 0.75)
    assert both_orders("tie", "other") == ("tie", True)


def test_texts_that_were_trained_on_are_refused_and_not_sent(tmp_path: Path) -> None:
    text = "Hand over the whole sum and become an owner."
    trained = training_texts([Dilemma("d", RISK.name, "S", (Option(text, "x"), Option("Yes.", "y")))])
    items = [
        JudgeItem("a", "Q?", text.upper(), ABOUT),
        JudgeItem("b", "Q?", "Answer 2, yes.", ABOUT),
        JudgeItem("c", "Q?", "Yes. Answer 1.", ABOUT),
    ]
    with ScriptedServer(players={"Graded": graded}) as server:
        verdicts = Guarded(judge_of(server, tmp_path), trained).grade(POLE_SHOWN, items)
        assert "whole sum" not in json.dumps(server.requests).lower()
    assert [(v.item.id, v.score, v.error) for v in verdicts] == [("a", None, LEAK), ("b", 6, None), ("c", 3, None)]


def test_judges_and_labels_are_raters_alike() -> None:
    found = concord({"judge": {"a": 1.0, "b": 2.0, "c": 3.0}, "labels": {"a": 1.0, "b": 2.0}, "other": {"c": 1.0}})
    assert found.kappa["judge", "labels"] == 1.0
    assert found.kappa["labels", "other"] is None
    assert found.items == 3
    # ratings 1 1 | 2 2 | 3 1. observed = 2 * 4 / 6; expected over pairs of 1 1 1 2 2 3: (6 + 3 * 4 + 2) * 2 / 30
    assert found.alpha == pytest.approx(1 - (8 / 6) / (40 / 30))


@pytest.mark.parametrize("who", ["gpt", "http://localhost/v1", "http://localhost/v1#"])
def test_a_judge_is_named_in_a_known_form(who: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="URL#MODEL"):
        open_judge(JudgeConfig(who=who), folder=tmp_path)
    with pytest.raises(BadInputError, match="labelled"):
        open_judge(JudgeConfig(), folder=tmp_path)


def test_rubrics_have_names_and_a_hash_of_their_words() -> None:
    assert set(RUBRICS) == {"pole_shown", "persona_fit"}
    assert len({rubric.reference for rubric in RUBRICS.values()}) == 2
    assert Verdict(ITEMS[0], POLE_SHOWN.reference, "j", 1.0).row()["rubric"].startswith("pole_shown/1 sha256:")
