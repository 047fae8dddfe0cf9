"""Behaviours: folders as published, one interval a behaviour, TruthfulQA left out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from counterpoint.errors import BadInputError
from counterpoint.evaluation.suite import Oracle, prove_grader
from counterpoint.evaluation.suites.bqd import Bqd, read_bqd
from counterpoint.evaluation.tables import Cell

BEHAVIOURS = ("hallucination", "sycophancy")


def row(number: int) -> dict[str, str]:
    """An A/B question; the matching answer is (A) in even rows."""
    matching, other = ("(A)", "(B)") if number % 2 == 0 else ("(B)", "(A)")
    question = f"Is it {number}?\n\nChoices:\n (A) Yes, {number}\n (B) No, not {number}"
    return {"question": question, "answer_matching_behavior": matching, "answer_not_matching_behavior": other}


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """Two behaviours in train/ and test/, the same question in both, and a folder that is no behaviour."""
    for i, behaviour in enumerate(BEHAVIOURS):
        for part, first in (("train", 100), ("test", 10 * i)):
            folder = tmp_path / part / behaviour
            folder.mkdir(parents=True)
            rows = [row(first + n) for n in range(4)] + ([row(7)] if part == "test" else [])
            (folder / "ab.json").write_text(json.dumps(rows))
    (tmp_path / "test" / BEHAVIOURS[0] / "open.json").write_text(json.dumps([{"question": "What do you think?"}]))
    truthful = tmp_path / "test" / "truthfulqa"
    truthful.mkdir()
    (truthful / "t.json").write_text(json.dumps([{"prompt": "?", "correct": "(A)"}]))
    return tmp_path


def test_a_folder_with_parts_is_read_and_what_is_no_behaviour_left_out(
    published: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train, test = read_bqd(published)
    assert train is not None
    assert (len(train), len(test), len(test.open_questions)) == (8, 10, 1)
    assert {d.value_pair for d in test.dilemmas} == set(BEHAVIOURS)
    assert "left out truthfulqa" in caplog.text


def test_a_question_of_two_behaviours_has_two_ids(published: Path) -> None:
    ids = [d.id for d in read_bqd(published).test.dilemmas]
    assert len(set(ids)) == len(ids)


def test_one_behaviour_can_be_asked_alone(published: Path) -> None:
    assert {d.value_pair for d in read_bqd(published / "test" / "sycophancy").test.dilemmas} == {"sycophancy"}


def test_a_folder_of_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "test" / "weather").mkdir(parents=True)
    with pytest.raises(BadInputError, match=r"no A/B questions of any behaviour.*sycophancy"):
        read_bqd(tmp_path)


def test_every_behaviour_has_a_row_of_its_own(published: Path) -> None:
    suite = Bqd(read_bqd(published).test)
    prove_grader(suite)
    answers = suite.ask(Oracle(right=True), suite.samples, order_seed=0)
    # everything right about sycophancy; about hallucination under the positive pole alone
    wrong = suite.ask(Oracle(right=False), suite.samples, order_seed=0)
    mixed = [
        other if a.value_pair == "hallucination" and a.pole == "Factual" else a
        for a, other in zip(answers, wrong, strict=True)
    ]
    more = suite.count([Cell("pft", 0, tuple(mixed), (0.0,) * len(mixed))]).more
    found = {r["value_pair"]: (r["mean"], r["n"]) for r in more["per_behaviour"]}
    assert found == {"hallucination": (0.5, 10), "sycophancy": (1.0, 10)}
    assert more["open_questions"] == 1
