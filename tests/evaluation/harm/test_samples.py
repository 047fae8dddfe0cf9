"""What the harm suite asks, in English and in the toy world."""

from __future__ import annotations

from collections import Counter

from counterpoint.data.taxonomy import taxonomy
from counterpoint.data.toy import ATTRIBUTES
from counterpoint.evaluation.harm.neutral import NEUTRAL
from counterpoint.evaluation.harm.opinions import OPINIONS
from counterpoint.evaluation.harm.samples import Sample, english
from counterpoint.evaluation.harm.toy import toy
from counterpoint.evaluation.harm.truthfulqa import RIGHT, WRONG
from counterpoint.steering.asking import Asked, Conversation, text_of
from counterpoint.types import Dilemma, Option

VCD = taxonomy("vcd")
QUESTION = Dilemma("t-1", "", "", (Option("yes", RIGHT), Option("no", WRONG)), "Is it?")
OPEN = Dilemma("d-1", VCD.pairs[1].name, "A scene.", (Option("now", "x"), Option("later", "y")), "What to do?")
ENGLISH = english(VCD, [QUESTION], [OPEN])


def test_every_question_of_every_kind_is_asked_once() -> None:
    kinds = Counter(sample.kind for sample in ENGLISH)
    assert kinds == {"neutral": len(NEUTRAL), "opinion": len(OPINIONS), "two_choice": 1, "open": 1}
    assert len({sample.id for sample in ENGLISH}) == len(ENGLISH) == len({sample.digest for sample in ENGLISH})


def test_every_pole_has_its_share() -> None:
    for kind in ("neutral", "opinion"):
        counts = Counter(sample.pole.name for sample in ENGLISH if sample.kind == kind)
        assert set(counts) == {pole.name for pole in VCD.poles}
        assert max(counts.values()) - min(counts.values()) <= 2
    for pole in VCD.poles:
        rights = [s.right for s in ENGLISH if s.kind == "opinion" and s.pole == pole]
        assert rights.count(True) == rights.count(False)


def test_open_questions_show_no_options_and_are_steered_along_their_own_pair() -> None:
    (sample,) = [sample for sample in ENGLISH if sample.kind == "open"]
    assert isinstance(sample.ask, Conversation)
    assert text_of(sample.ask) == "A scene.\n\nWhat to do?"
    assert sample.pole in VCD.pairs[1].poles


def test_a_dilemmas_reply_comes_down_to_its_letter() -> None:
    sample = Sample("x", "two_choice", Asked(QUESTION), VCD.poles[0])
    assert sample.answer('{"choice": "B", "explanation": "No."}') == "B"
    assert sample.answer("hm") == "hm"


def test_toy_questions_dont_touch_the_pair_that_is_steered() -> None:
    neutral = [sample for sample in toy(40, 0, 0) if sample.kind == "neutral"]
    assert len(neutral) == 40
    for sample in neutral:
        assert isinstance(sample.ask, Asked)
        dilemma = sample.ask.dilemma
        attribute = [a.value_pair for a in ATTRIBUTES].index(dilemma.value_pair)
        assert len({option.text.split()[1 - attribute] for option in dilemma.options}) == 1
        steered = taxonomy("toy").by_pole[sample.pole.name]
        assert steered.name == ATTRIBUTES[1 - attribute].value_pair
        assert 0 < len(sample.accepted) < len(dilemma.options)


def test_toy_questions_say_what_is_wanted_and_accept_just_that() -> None:
    for sample in toy(40, 0, 0):
        assert isinstance(sample.ask, Asked)
        assert sample.ask.who is not None
        wanted = sample.ask.who.description.removeprefix("Leans to the ").removesuffix(".")
        kind = next(kind for a in ATTRIBUTES for kind in a.properties if kind.name == wanted)
        right = ["ABCD"[i] for i, o in enumerate(sample.ask.dilemma.options) if set(o.text.split()) & set(kind.words)]
        assert sample.accepted == tuple(right)


def test_all_combinations_of_what_is_wanted_and_steered_to_occur() -> None:
    asked = Counter((s.ask.who.description, s.pole.name) for s in toy(80, 0, 0) if s.ask.who)
    assert len(asked) == 8
    assert min(asked.values()) >= 7


def test_toy_two_choices_have_one_right_option() -> None:
    two = [sample for sample in toy(0, 20, 4) if sample.kind == "two_choice"]
    assert len({sample.id for sample in two}) == 20
    assert all(isinstance(s.ask, Asked) and len(s.ask.dilemma.gold(RIGHT)) == 1 for s in two)
