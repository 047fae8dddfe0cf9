"""PrefEval's multiple choice: the query is what the person said, and the right reply is never where the file has it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from prefeval.rows import row, write

from counterpoint.errors import BadInputError
from counterpoint.evaluation.prefeval.reading import FOLDERS, Form
from counterpoint.evaluation.suite import prove_grader
from counterpoint.evaluation.suites.prefeval import FITS, PrefEval, read_prefeval
from counterpoint.evaluation.tables import Cell
from counterpoint.models.scorer import LogProbs
from counterpoint.types import Dilemma, Pole


class Overlap:
    """Puts first the option that shares most words with what the person said; notes what it was shown."""

    name = "overlap"

    def __init__(self) -> None:
        self.first: list[str] = []
        self.said: list[str] = []

    def score(self, dilemmas: Sequence[Dilemma], poles: Sequence[Sequence[Pole]]) -> list[LogProbs]:
        self.first += [d.options[0].pole for d in dilemmas]
        self.said += [pole.description for asked in poles for pole in asked]
        return [np.array([self._row(d, pole) for pole in asked]) for d, asked in zip(dilemmas, poles, strict=True)]

    def _row(self, dilemma: Dilemma, pole: Pole) -> LogProbs:
        words = set(pole.description.replace(".", "").split())
        shared = np.array([10.0 * len(words & set(o.text.split())) for o in dilemma.options])
        return np.asarray(shared - np.logaddexp.reduce(shared), np.float32)


@pytest.fixture
def suite(tmp_path: Path) -> PrefEval:
    return read_prefeval(write(tmp_path))


def means(suite: PrefEval, scorer: Overlap) -> dict[str, float]:
    answers = suite.ask(scorer, suite.samples, order_seed=0)
    tables = suite.count([Cell("base", 0, tuple(answers), (0.0,) * len(answers))])
    return {r["metric"]: r["mean"] for r in tables.summary}


def test_who_reads_what_was_said_is_right_in_all_three_forms(suite: PrefEval) -> None:
    prove_grader(suite)
    found = means(suite, Overlap())
    assert [found[f"accuracy_{form}"] for form in ("explicit", "choice", "persona")] == [1.0, 1.0, 1.0]
    assert found["nll_explicit"] == pytest.approx(np.log1p(3 * np.exp(-10.0)), abs=1e-6)


def test_a_scorer_reads_the_persons_words_and_no_more(suite: PrefEval) -> None:
    scorer = Overlap()
    suite.ask(scorer, suite.samples[:1], order_seed=0)
    assert scorer.said[:2] == ["I only ever drink tea.", "Then tea please."]


def test_options_are_shuffled(suite: PrefEval) -> None:
    assert all(d.options[0].pole == FITS for d in suite.samples)
    scorer = Overlap()
    for seed in range(20):
        suite.ask(scorer, suite.samples, order_seed=seed)
    share = np.mean([pole == FITS for pole in scorer.first])  # of 160; three standard errors are 0.10
    assert 0.15 < share < 0.35


def test_chance_and_rules_that_read_nothing_stand_beside(suite: PrefEval) -> None:
    answers = suite.ask(Overlap(), suite.samples, order_seed=0)
    more = suite.count([Cell("base", 0, tuple(answers), (0.0,) * len(answers))]).more
    assert more["chance"] == 0.25
    assert more["rules"]["longest"] == 1.0  # the right option alone names the meal


def test_one_file_is_enough_for_stated_preferences(tmp_path: Path) -> None:
    file = tmp_path / "meals.json"
    file.write_text(json.dumps([row(Form.MCQ, n) for n in range(4)]))
    assert list(read_prefeval(file).said) == ["explicit"]


def test_forms_whose_questions_differ_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / FOLDERS[Form.CHOICE] / "snacks.json").write_text(json.dumps([row(Form.CHOICE, 3)]))
    with pytest.raises(BadInputError, match="choice files don't hold the questions"):
        read_prefeval(folder)


def test_a_folder_without_multiple_choice_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, topics=())
    (folder / FOLDERS[Form.CHOICE] / "meals.json").write_text(json.dumps([row(Form.CHOICE, 3)]))
    with pytest.raises(BadInputError, match="no multiple-choice rows"):
        read_prefeval(folder)
