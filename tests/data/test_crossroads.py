"""What is promised of the built-in data set."""

from __future__ import annotations

from collections import Counter
from importlib.resources import files
from pathlib import Path

import pytest

from counterpoint.data import load
from counterpoint.data.lint import lint, near_duplicates
from counterpoint.data.rules_of_thumb import OVERALL, words

CROSSROADS = load("crossroads")
SCENES = {"Family and intimate relationships", "Workplace HR", "Medical", "Gaming", "Shopping decisions"}


def test_there_are_six_dilemmas_for_each_of_six_pairs_and_five_scenes() -> None:
    counts = Counter((dilemma.value_pair, dilemma.scene) for dilemma in CROSSROADS.dilemmas)
    assert {scene for _, scene in counts} == SCENES
    assert {pair for pair, _ in counts} == {pair.name for pair in CROSSROADS.taxonomy}
    assert set(counts.values()) == {6}


def test_every_dilemma_is_complete() -> None:
    for dilemma in CROSSROADS.dilemmas:
        assert 2 <= len(dilemma.options) <= 5
        assert dilemma.question.endswith("?")
        assert dilemma.open_question.endswith("?")
        assert all(option.explanation.endswith(".") for option in dilemma.options)
        assert dilemma.source == "crossroads/1"


def test_numbers_of_options_are_the_same_in_every_pair_and_scene() -> None:
    for pair in CROSSROADS.taxonomy:
        for scene in SCENES:
            rows = [d for d in CROSSROADS.dilemmas if (d.value_pair, d.scene) == (pair.name, scene)]
            assert sorted(len(dilemma.options) for dilemma in rows) == [2, 3, 3, 4, 4, 5]


def test_lint_finds_nothing() -> None:
    assert lint(CROSSROADS).findings == ()


def test_no_text_at_all_has_a_poles_word() -> None:
    for dilemma in CROSSROADS.dilemmas:
        stems = tuple(s for pole in CROSSROADS.taxonomy.by_name[dilemma.value_pair].poles for s in pole.stems)
        texts = [dilemma.scenario, dilemma.question, dilemma.open_question]
        texts += [text for option in dilemma.options for text in (option.text, option.explanation)]
        assert not [word for text in texts for word in words(text) if word.startswith(stems)], dilemma.id


def test_longest_and_first_are_within_five_points_of_chance() -> None:
    for score in lint(CROSSROADS).rules:
        if score.rule in ("first", "last", "longest", "shortest"):
            assert abs(score.acc_one - score.chance) <= 0.05


def test_the_figures_in_the_docs_are_the_figures() -> None:
    text = (Path(__file__).parents[2] / "docs" / "crossroads.md").read_text("utf-8")
    for score in lint(CROSSROADS).rules:
        if score.rule == "bag of words" or score.value_pair == OVERALL:
            cells = (
                score.rule,
                score.value_pair,
                score.pole,
                f"{score.acc_one:.3f}",
                f"{score.chance:.3f}",
                str(score.n),
            )
            assert f"| {' | '.join(cells)} |" in text


def test_the_licence_lies_beside_the_data() -> None:
    assert "CC BY 4.0" in (files("counterpoint.data") / "crossroads" / "LICENSE.md").read_text("utf-8")


@pytest.mark.slow
def test_no_two_texts_are_nearly_the_same(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from counterpoint.errors import CounterpointError
    from counterpoint.models.text_encoder import TextEncoder

    try:
        encoder = TextEncoder.load(cache=tmp_path)
    except CounterpointError as missing:
        pytest.skip(str(missing))
    assert near_duplicates(CROSSROADS, encoder.embed) == []
