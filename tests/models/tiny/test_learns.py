"""The whole way: lm:tiny goes to school, is tuned for both sides or for one, and answers unseen dilemmas in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from counterpoint.data.loading import load
from counterpoint.data.split import split
from counterpoint.models.generation import Generator
from counterpoint.models.language_model import LanguageModel
from counterpoint.models.lm_scorer import LmScorer
from counterpoint.models.prompts import LETTERS, Prompter
from counterpoint.models.sampling import Decoding
from counterpoint.models.tiny.lessons import PROPERTIES, wish
from counterpoint.training.lm.settings import LmTraining
from counterpoint.training.lm.train import train_lm
from counterpoint.training.objective import OBJECTIVES
from counterpoint.types import Pole

DATA = load("toy")
PARTS = split(DATA, (0.8, 0.0, 0.2), 0)
ASKED = [(d, pole) for d in PARTS.test.dilemmas for pole in DATA.taxonomy.by_name[d.value_pair].poles]


@pytest.fixture(scope="module")
def language(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COUNTERPOINT_CACHE", str(tmp_path_factory.mktemp("cache")))
        return LanguageModel.load("lm:tiny")


def right(language: LanguageModel, *, in_words: bool) -> dict[str, float]:
    """Share of unseen dilemmas in which an option of the pole asked for is chosen, by pole."""
    if in_words:
        prompter = Prompter(language.tokenizer)
        prompts = [prompter.prompt(dilemma, pole) for dilemma, pole in ASKED]
        replies = Generator(language.model, language.tokenizer).generate(prompts, Decoding(temperature=0))
        begins = '{"choice": "'
        chosen = [LETTERS.find(reply.text.removeprefix(begins)[:1]) for reply in replies]
    else:
        found = LmScorer(language).score([d for d, _ in ASKED], [[pole] for _, pole in ASKED])
        chosen = [int(scores[0].argmax()) for scores in found]
    hits: dict[str, list[bool]] = {}
    for (dilemma, pole), option in zip(ASKED, chosen, strict=True):
        hits.setdefault(pole.name, []).append(option in dilemma.gold(pole.name))
    return {name: float(np.mean(values)) for name, values in hits.items()}


def tuned(language: LanguageModel, objective: str, folder: Path) -> None:
    # higher and longer than the preset asks: the base differs a little from machine to machine
    settings = LmTraining(learning_rate=1e-2, epochs=8, warmup_steps=10)
    train_lm(language, PARTS.train.dilemmas, DATA.taxonomy, OBJECTIVES.get(objective), settings, seed=0, out=folder)


@pytest.mark.slow
def test_it_finds_a_property_it_is_told(language: LanguageModel) -> None:
    language.remove_adapter()
    poles: list[Pole] = [wish(kind.name) for kind in PROPERTIES]
    for dilemma, scores in zip(
        PARTS.test.dilemmas,
        LmScorer(language).score(PARTS.test.dilemmas, [poles for _ in PARTS.test.dilemmas]),
        strict=True,
    ):
        for kind, row in zip(PROPERTIES, scores, strict=True):
            with_it = [any(word in kind.words for word in option.text.split()) for option in dilemma.options]
            assert with_it[int(row.argmax())] or not any(with_it)


@pytest.mark.slow
def test_untrained_it_does_not_know_what_the_poles_go_for(language: LanguageModel) -> None:
    language.remove_adapter()
    assert 0.3 < np.mean(list(right(language, in_words=False).values())) < 0.7


@pytest.mark.slow
def test_trained_on_both_sides_it_answers_for_either_in_words_and_by_likelihood(
    language: LanguageModel, tmp_path: Path
) -> None:
    tuned(language, "pft", tmp_path)
    for in_words in (False, True):
        assert min(right(language, in_words=in_words).values()) >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("side", ["positive", "negative"])
def test_trained_on_one_side_it_does_not_serve_the_other(language: LanguageModel, side: str, tmp_path: Path) -> None:
    tuned(language, f"sft_{side}", tmp_path)
    found = right(language, in_words=True)
    for pair in DATA.taxonomy:
        trained, other = pair.poles if side == "positive" else pair.poles[::-1]
        assert found[trained.name] >= 0.9
        assert found[other.name] <= 0.6
