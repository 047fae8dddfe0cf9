"""The suite `vcd_open`: judged answers by hand, the proof of the judge, failures, and going on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from counterpoint.errors import BadInputError
from counterpoint.evaluation.judge import JudgeItem, PairItem, Preference, Rubric, Verdict
from counterpoint.evaluation.judging.opening import JudgeConfig
from counterpoint.evaluation.opened.answering import Question, StandIn, Written
from counterpoint.evaluation.opened.counting import Graded, scores_of, variances
from counterpoint.evaluation.opened.proving import prove_judge
from counterpoint.evaluation.suite import Oracle
from counterpoint.evaluation.suites.open_ended import Contestant, OpenConfig, run_open
from counterpoint.runlog import RunFolder
from counterpoint.types import DataSet
from small_encoder import RISK, TWO_PAIRS, WORDS, made_up_dilemmas

DATA = DataSet("made up", TWO_PAIRS, made_up_dilemmas(20))
SAID = {"trained_on_count": 0, "parts": "all"}


class ByWords:
    """A judge that knows which words give a pole away; `broken` texts get no verdict."""

    name = "by words"

    def __init__(self, *, wrong: bool = False, broken: str = "\0") -> None:
        self.wrong, self.broken, self.items = wrong, broken, list[JudgeItem]()

    def grade(self, rubric: Rubric, items: Sequence[JudgeItem], *, repeats: int = 1) -> list[Verdict]:
        self.items += items
        return [self._one(rubric, item, repeat) for item in items for repeat in range(repeats)]

    def _one(self, rubric: Rubric, item: JudgeItem, repeat: int) -> Verdict:
        if self.broken in item.answer:
            return Verdict(item, rubric.reference, self.name, None, repeat=repeat, error="malformed: x")
        shown = any(word in item.answer for word in WORDS[item.about["pole"]].split())
        score = 9.0 if shown != self.wrong else 1.0
        return Verdict(item, rubric.reference, self.name, score + repeat, repeat=repeat)

    def compare(self, rubric: Rubric, items: Sequence[PairItem], *, repeats: int = 1) -> list[Preference]:
        raise NotImplementedError

    def describe(self) -> dict[str, Any]:
        return {"name": self.name}


class Says:
    """Answers with words of the pole asked for, or always with those of the positive one."""

    stand_in = ""

    def __init__(self, *, heeds: bool) -> None:
        self.heeds, self.asked = heeds, 0

    def answer(self, questions: Sequence[Question]) -> list[Written]:
        self.asked += len(questions)
        poles = [q.pole if self.heeds else TWO_PAIRS.by_name[q.dilemma.value_pair].positive for q in questions]
        texts = [f"I {WORDS[pole.name].split()[0]} {q.dilemma.id}." for q, pole in zip(questions, poles, strict=True)]
        return [Written(text, 3, 0.5) for text in texts]


def run(
    out: Path, grader: ByWords, answerers: dict[str, Any], others: Sequence[ByWords] = (), **settings: Any
) -> dict[str, Any]:
    config = OpenConfig(seeds=1, **settings)
    folder = RunFolder(out, "x", "")
    try:
        people = [Contestant(name, lambda *_, own=own: own) for name, own in answerers.items()]
        return run_open(DATA, people, grader, config, folder=folder, said=SAID, others=others)
    finally:
        folder.close()


def test_a_model_that_heeds_the_pole_is_told_from_one_that_does_not(tmp_path: Path) -> None:
    results = run(tmp_path, ByWords(), {"pft": Says(heeds=True), "base": Says(heeds=False)})
    found = {(row["method"], row["metric"]): row for row in results["summary"]}
    # heeds: 9 for its pole, 1 for the other. Doesn't: 9 and 1 as often as not, and the same answer either way
    assert [found["pft", m]["mean"] for m in ("score", "opposite", "contrast")] == [9, 1, 8]
    assert [found["base", m]["mean"] for m in ("score", "opposite", "contrast")] == [5, 5, 0]
    assert found["pft", "log_perplexity"]["mean"] == 0.5
    assert found["pft", "score"]["judge_proof"] == 1.0
    assert found["pft", "score"]["judge_kappa"] == 1.0
    assert results["paired"][0]["difference"] == 4
    assert results["failures"] == []


def test_a_judge_that_fails_its_proof_grades_nobody(tmp_path: Path) -> None:
    answerer = Says(heeds=True)
    with pytest.raises(BadInputError, match=r"in 0\.00 of 40 cases; at least 0\.7"):
        run(tmp_path, ByWords(wrong=True), {"pft": answerer})
    assert answerer.asked == 0
    proof = prove_judge(ByWords(wrong=True), DATA.dilemmas, TWO_PAIRS, most=5, threshold=0.7)
    assert (proof.rate, proof.accuracy, proof.kappa, proof.cases) == (0, 0, -1, 10)


def test_a_missing_verdict_is_no_proof_and_no_zero(tmp_path: Path) -> None:
    judge = ByWords(broken="d0-0.")  # of answers alone
    results = run(tmp_path, judge, {"pft": Says(heeds=True)})
    row = next(row for row in results["summary"] if row["metric"] == "score")
    assert (row["mean"], row["n"], row["failed"]) == (9, 38, 4)  # two answers, each judged for two poles
    assert {failure["error"] for failure in results["failures"]} == {"malformed: x"}
    text = DATA.dilemmas[0].options[0].text
    assert prove_judge(ByWords(broken=text), DATA.dilemmas[:1], TWO_PAIRS, most=5, threshold=0.7).rate == 0


def test_no_method_is_named_to_the_judge(tmp_path: Path) -> None:
    judge = ByWords()
    run(tmp_path, judge, {"pft": Says(heeds=True)})
    assert "pft" not in json.dumps([[item.id, item.question, item.answer, dict(item.about)] for item in judge.items])


def test_a_run_goes_on_with_what_failed(tmp_path: Path) -> None:
    first, again = Says(heeds=True), Says(heeds=True)
    run(tmp_path, ByWords(broken="d0-0."), {"pft": first})
    results = run(tmp_path, ByWords(), {"pft": again})
    assert (first.asked, again.asked) == (40, 32)  # the chunk of 16 dilemmas that had a failure
    assert results["failures"] == []
    third = Says(heeds=True)
    assert run(tmp_path, ByWords(), {"pft": third})["summary"] == results["summary"]
    assert third.asked == 0


def test_repeats_are_averaged_and_their_variance_is_the_judges(tmp_path: Path) -> None:
    results = run(tmp_path, ByWords(), {"pft": Says(heeds=True)}, judge=JudgeConfig(repeats=2), answers=2)
    row = next(row for row in results["summary"] if row["metric"] == "score")
    assert row["mean"] == 9.5
    (variance,) = results["variance"]
    # 9 and 10 of every answer: (0.25 + 0.25) / 1 within; means alike, so that what is between is -0.5 / 2
    assert (variance["judge"], variance["answer"]) == (0.5, -0.25)


def test_further_judges_and_people_are_compared_with_the_judge(tmp_path: Path) -> None:
    answerers = {"base": Says(heeds=False)}
    assert run(tmp_path, ByWords(), answerers)["agreement"] is None
    rows = [json.loads(line) for line in (tmp_path / "predictions.jsonl").read_text().splitlines()]
    labelled = tmp_path / "labelled.jsonl"
    for row in rows[:10]:
        row["label"] = row["scores"][row["pole"]][0]
    labelled.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = run(tmp_path, ByWords(), answerers, [ByWords(wrong=True)], labels=str(labelled))["agreement"]
    assert found["raters"] == ["by words", "by words (2)", "people"]
    # half of the scores are 9 and half 1, and the other judge has them the other way round
    assert [row["kappa"] for row in found["kappa"]] == [-1, 1, -1]
    rows[0]["label"] = 11
    labelled.write_text(json.dumps(rows[0]))
    with pytest.raises(BadInputError, match="line 1: label is 11; expected 0 to 10"):
        run(tmp_path, ByWords(), answerers, labels=str(labelled))
    labelled.write_text(json.dumps({**rows[0], "label": 1, "text": "Something else."}))
    with pytest.raises(BadInputError, match="no such answer"):
        run(tmp_path, ByWords(), answerers, labels=str(labelled))


def test_scores_by_hand() -> None:
    about = {"method": "m", "seed": 0, "dilemma": "d", "value_pair": RISK, "unit": "s", "draw": 0, "words": 2}
    answers = [
        Graded(
            **about,
            pole="Risk-taking",
            text="a",
            log_perplexity=None,
            scores={"Risk-taking": [8, None], "Risk-averse": [3]},
        ),
        Graded(
            **about,
            pole="Risk-averse",
            text="b",
            log_perplexity=1.0,
            scores={"Risk-taking": [4], "Risk-averse": [None]},
        ),
    ]
    found = {
        (s.group, s.metric): s.value
        for s in scores_of(answers, {"Risk-taking": "Risk-averse", "Risk-averse": "Risk-taking"})
    }
    assert found == {
        ("Risk-taking", "score"): 8,
        ("Risk-taking", "opposite"): 3,
        ("Risk-taking", "contrast"): 4,  # 8 - 4
        ("Risk-taking", "words"): 2,
        ("Risk-averse", "opposite"): 4,
        ("Risk-averse", "log_perplexity"): 1,
        ("Risk-averse", "words"): 2,
    }
    assert variances(answers)["m"].verdicts == 1


def test_a_scorer_without_words_says_what_it_puts_first() -> None:
    stand_in = StandIn(Oracle(right=True))
    dilemma = DATA.dilemmas[0]
    pole = TWO_PAIRS.by_name[dilemma.value_pair].positive
    (written,) = stand_in.answer([Question(dilemma, pole, 0)])
    assert written.text in {dilemma.options[i].text for i in dilemma.gold(pole.name)}
    assert "no words" in stand_in.stand_in
