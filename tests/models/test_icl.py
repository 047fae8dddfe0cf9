"""Past choices in the prompt: whose, which, and never the dilemma's own."""

import numpy as np
import pytest

from counterpoint.data import taxonomy
from counterpoint.errors import BadInputError
from counterpoint.models.icl import SAME_PERSON, IclConfig, IclScorer, WithExamples
from counterpoint.models.lm_scorer import LmReading, LmScorer
from counterpoint.models.prompts import PromptConfig
from counterpoint.types import Dilemma, Option
from counterpoint.users.belief import Belief
from counterpoint.users.model import Question
from counterpoint.users.models.in_context import InContext
from small_language import language

VCD = taxonomy("vcd")
RISK, TIME = VCD.by_name["Risk Orientation"], VCD.by_name["Time Preference"]


def made_up(count, pair=RISK, name="d"):
    """Dilemmas with two options of the positive pole and one of the negative."""
    poles = (pair.positive.name, pair.negative.name, pair.positive.name)
    return [
        Dilemma(
            f"{name}{i}",
            pair.name,
            f"{name} scenario {i}.",
            tuple(Option(f"way {j} of {name}{i}", pole, "why") for j, pole in enumerate(poles)),
        )
        for i in range(count)
    ]


TRAIN = made_up(12) + made_up(12, TIME, "t")
ASKED = made_up(3, RISK, "new")
SCORER = LmScorer(language(), LmReading(kind="letters"))


def icl(**settings):
    return IclScorer(SCORER, TRAIN, IclConfig(**settings))


@pytest.mark.parametrize("shots", [1, 3, 5])
def test_choices_are_of_that_pole_and_value_pair_and_differ(shots):
    for pole in RISK.poles:
        shown = icl(shots=shots).choices(ASKED[0], pole)
        assert len(shown) == shots
        assert len({past.id for past, _ in shown}) == shots
        for past, option in shown:
            assert past.value_pair == RISK.name
            assert past.options[option].pole == pole.name


def test_both_poles_are_shown_the_same_dilemmas():
    scorer = icl(shots=5)
    one, other = ([past for past, _ in scorer.choices(ASKED[0], pole)] for pole in RISK.poles)
    assert one == other


def test_what_is_shown_depends_on_seed_and_dilemma_and_on_nothing_else():
    scorer, other = icl(shots=3), icl(shots=3, seed=1)
    first = scorer.choices(ASKED[0], RISK.positive)
    assert first == IclScorer(SCORER, TRAIN[::-1], IclConfig(shots=3)).choices(ASKED[0], RISK.positive)
    assert first != scorer.choices(ASKED[1], RISK.positive)
    assert [past.id for past, _ in first] != [past.id for past, _ in other.choices(ASKED[0], RISK.positive)]
    assert icl(shots=1).choices(ASKED[0], RISK.positive) == first[:1]


def test_every_option_of_a_pole_and_every_place_is_chosen_somewhere():
    shown = [icl(shots=5, seed=s).choices(d, RISK.positive) for s in range(4) for d in ASKED]
    assert {past.options[option].text[:5] for some in shown for past, option in some} == {"way 0", "way 2"}
    assert {option for some in shown for _, option in some} == {0, 1, 2}


def test_a_dilemma_is_never_shown_one_of_its_own_scenario():
    scorer = IclScorer(SCORER, TRAIN, IclConfig(shots=11))
    for dilemma in TRAIN[:12]:
        assert dilemma.scenario not in {past.scenario for past, _ in scorer.choices(dilemma, RISK.negative)}
    with pytest.raises(BadInputError, match=r"11 other training dilemmas.*at least 12"):
        IclScorer(SCORER, TRAIN, IclConfig(shots=12)).choices(TRAIN[0], RISK.negative)


def test_scores_are_those_of_the_prompt_with_these_examples():
    scorer = icl(shots=2)
    rows = scorer.score(ASKED, [RISK.poles] * 3)
    for dilemma, row in zip(ASKED, rows, strict=True):
        for pole, line in zip(RISK.poles, row, strict=True):
            shown = scorer.choices(dilemma, pole)
            by_hand = WithExamples(SCORER, lambda *_, shown=shown: shown).score([dilemma], [[pole]])[0][0]
            np.testing.assert_allclose(line, by_hand, atol=2e-5)
    prompt = scorer.prompter.text(ASKED[0], RISK.positive)
    past, option = scorer.choices(ASKED[0], RISK.positive)[0]
    assert past.scenario in prompt
    assert f"Chosen: {'ABC'[option]}" in prompt
    assert RISK.positive.description in prompt
    plain = SCORER.score(ASKED, [RISK.poles] * 3)
    assert max(np.abs(a - b).max() for a, b in zip(rows, plain, strict=True)) > 1e-3


def test_nobody_in_particular_is_shown_nothing():
    np.testing.assert_array_equal(icl().score(ASKED, [[None]] * 3), SCORER.score(ASKED, [[None]] * 3))


def test_choices_can_speak_for_themselves():
    text = icl(names_pole=False).prompter.text(ASKED[0], RISK.positive)
    assert RISK.positive.name not in text
    assert RISK.positive.description not in text
    assert SAME_PERSON.name in text


def test_a_persons_own_history_can_be_shown():
    history = [(TRAIN[0], 1), (TRAIN[13], 2)]
    scorer = WithExamples(SCORER, lambda *_: history, names_pole=False)
    text = scorer.prompter.text(ASKED[0], SAME_PERSON)
    assert text.index(TRAIN[0].scenario) < text.index(TRAIN[13].scenario) < text.index(SAME_PERSON.name)
    assert scorer.score(ASKED[:1], [[SAME_PERSON]])[0].shape == (1, 3)


def test_the_user_model_that_reads_histories_can_read_with_a_language_model():
    start = Belief.flat(6)
    person = InContext(start, reader=SCORER)
    question = Question(np.zeros((3, 6)), np.zeros(3), dilemma=ASKED[0])
    probabilities = person.predict(("Chose: way 0 of d1.", "Chose: way 2 of d4."), question)
    assert probabilities.shape == (3,)
    assert probabilities.sum() == pytest.approx(1)
    assert not np.allclose(probabilities, person.predict(("Chose: way 1 of d1.",), question))


@pytest.mark.parametrize("layout", ["scenario_first", "pole_first"])
def test_either_layout_can_be_shown_choices(layout):
    scorer = IclScorer(LmScorer(SCORER.language, prompts=PromptConfig(layout)), TRAIN, IclConfig(shots=1))
    text = scorer.prompter.text(ASKED[0], RISK.positive)
    assert (text.index("Chosen:") < text.index(ASKED[0].scenario)) == (layout == "pole_first")


def test_a_saved_scorer_scores_bit_identically(tmp_path):
    scorer = icl(shots=2, seed=3)
    scorer.save(tmp_path)
    again = IclScorer.load(tmp_path, language=SCORER.language)
    assert again.describe() == scorer.describe()
    np.testing.assert_array_equal(again.score(ASKED, [RISK.poles] * 3), scorer.score(ASKED, [RISK.poles] * 3))
    (tmp_path / "icl.json").write_text("{}")
    with pytest.raises(BadInputError, match="not saved examples"):
        IclScorer.load(tmp_path, language=SCORER.language)


def test_what_a_function_shows_cannot_be_saved(tmp_path):
    with pytest.raises(BadInputError, match="can't be saved"):
        WithExamples(SCORER, lambda *_: ()).save(tmp_path)


def test_no_shots_are_refused():
    with pytest.raises(BadInputError, match="shots must be at least 1"):
        icl(shots=0)
