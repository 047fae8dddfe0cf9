"""The encoder as a judge of poles: calibrated, measured, and labelled as what it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from counterpoint.errors import BadInputError
from counterpoint.evaluation.judge import JudgeItem, PairItem, about_pole
from counterpoint.evaluation.judging.opening import JudgeConfig, open_judge
from counterpoint.evaluation.judging.pole_judge import PoleJudge, encoder_judge, fit_platt, probabilities
from counterpoint.evaluation.judging.rubrics import PERSONA_FIT, POLE_SHOWN
from counterpoint.models.encoder import EncoderScorer
from counterpoint.models.text_encoder import TextEncoder
from counterpoint.types import DataSet
from small_encoder import RISK, TWO_PAIRS, made_up_dilemmas, small_text_encoder

PAIR = TWO_PAIRS.by_name[RISK]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TextEncoder, "load", staticmethod(lambda *_, cache=None: small_text_encoder(cache)))


@pytest.fixture
def judge(small: None) -> PoleJudge:
    del small
    return encoder_judge(DataSet("made up", TWO_PAIRS, made_up_dilemmas(80)))


def item(id_: str, answer: str, pole: str) -> JudgeItem:
    return JudgeItem(id_, "Scenario. What now?", answer, about_pole(PAIR, PAIR.pole(pole)))


def test_it_tells_poles_apart_and_says_how_well(judge: PoleJudge) -> None:
    leap, shelter = "Person 1 may leap gamble thing 0.", "Person 1 may shelter insure thing 0."
    verdicts = judge.grade(POLE_SHOWN, [item(t, t, p) for t in (leap, shelter) for p in ("Risk-taking", "Risk-averse")])
    scores = [verdict.score for verdict in verdicts]
    assert scores[0] > scores[2]  # type: ignore[operator]
    for own, opposite in (scores[:2], scores[2:]):
        assert own + opposite == pytest.approx(10)  # type: ignore[operator]
    assert judge.measured.accuracy > 0.7
    assert "pole judge" in judge.name
    assert all("held-out options of made up" in verdict.reason for verdict in verdicts)
    assert judge.describe()["agreement_with_gold"]["accuracy"] == judge.measured.accuracy


@pytest.mark.usefixtures("small")
def test_judge_finetune_trains_the_encoder_itself_and_is_calibrated_on_what_that_reads(tmp_path: Path) -> None:
    labelled = DataSet("made up", TWO_PAIRS, made_up_dilemmas(20))
    tuned = open_judge(JudgeConfig(who="encoder", finetune=True), folder=tmp_path, labelled=labelled)
    frozen = open_judge(JudgeConfig(who="encoder"), folder=tmp_path, labelled=labelled)
    assert isinstance(tuned, PoleJudge)
    assert isinstance(frozen, PoleJudge)
    assert isinstance(tuned.scorer, EncoderScorer)
    assert isinstance(frozen.scorer, EncoderScorer)
    assert tuned.scorer.tuned is not None
    assert frozen.scorer.tuned is None
    assert tuned.platt != frozen.platt
    leap, shelter = (
        item(text, text, "Risk-taking") for text in ("Person 1 may leap gamble.", "Person 1 may shelter insure.")
    )
    daring, careful = (verdict.score or 0.0 for verdict in tuned.grade(POLE_SHOWN, [leap, shelter]))
    assert daring > careful


def test_order_of_a_pair_means_nothing_to_it(judge: PoleJudge) -> None:
    about = about_pole(PAIR, PAIR.positive)
    texts = ("Person 1 may leap gamble.", "Person 1 may shelter insure.")
    pairs = [PairItem("1", "S", *texts, about), PairItem("2", "S", *reversed(texts), about)]
    pairs.append(PairItem("3", "S", texts[0], texts[0], about))
    assert [p.choice for p in judge.compare(POLE_SHOWN, pairs)] == ["one", "other", "tie"]


def test_it_refuses_what_it_knows_nothing_of(judge: PoleJudge) -> None:
    with pytest.raises(BadInputError, match="pole_shown"):
        judge.grade(PERSONA_FIT, [])
    with pytest.raises(BadInputError, match="knows nothing of pole 'Loud'"):
        judge.grade(POLE_SHOWN, [JudgeItem("1", "Q", "A", {**about_pole(PAIR, PAIR.positive), "pole": "Loud"})])


def test_calibration_finds_slope_and_offset() -> None:
    rng = np.random.default_rng(0)
    lean = rng.normal(size=4000)
    pairs = ["a" if i % 2 else "b" for i in range(4000)]
    chance = 1 / (1 + np.exp(-(2 * lean + np.where(np.arange(4000) % 2, 1.0, -0.5))))
    platt = fit_platt(lean, pairs, list(rng.random(4000) < chance))
    assert platt.slope == pytest.approx(2, abs=0.2)
    assert platt.offsets == pytest.approx({"a": 1.0, "b": -0.5}, abs=0.2)
    assert probabilities(np.zeros(1), ["a"], platt)[0] == pytest.approx(1 / (1 + np.exp(-platt.offsets["a"])))
