"""Conversations of the toy world: who leans to what, what is said of it, and what is right."""

from __future__ import annotations

from collections import Counter

from counterpoint.data.conversations import as_row, parse_conversation
from counterpoint.models.prompts import Prompter
from counterpoint.training.lm.toy_conversations import cases, conversations, so_far, training_conversations
from small_language import tokenizer

PROMPTER = Prompter(tokenizer("headers"))
CASES = cases(200, turns=5, seed=1)
TALKS = conversations(CASES, PROMPTER, seed=0)


def test_every_property_is_wanted_as_often_and_said_in_a_quarter_of_the_turns() -> None:
    assert Counter(case.wanted.name for case in CASES) == {"quick": 50, "slow": 50, "social": 50, "solitary": 50}
    said = [turn.said is not None for case in CASES for turn in case.turns]
    assert 0.2 < sum(said) / len(said) < 0.3


def test_right_are_the_ways_that_have_the_property_and_words_said_have_it_too() -> None:
    for case in CASES:
        for turn in case.turns:
            texts = [option.text.split() for option in turn.dilemma.options]
            assert turn.right == tuple(i for i, text in enumerate(texts) if set(text) & set(case.wanted.words))
            assert 0 < len(turn.right) < len(texts)
            if turn.said is not None:
                word = turn.said.description.removeprefix("Leans to the ").removesuffix(".")
                assert word in (case.wanted.name, *case.wanted.words)


def test_replies_are_letters_of_right_and_wrong_ways_and_say_nothing_else() -> None:
    for case, talk in zip(CASES, TALKS, strict=True):
        assert parse_conversation(as_row(talk)) == (talk, ())
        for toy, turn in zip(case.turns, talk.turns, strict=True):
            letters = ["AB".index(text) for text in (turn.preferred, turn.rejected)]
            assert letters[0] in toy.right
            assert letters[1] not in toy.right
            assert ("Leans to" in turn.user) == (toy.said is not None)
    known = [bool(turn.revealed_personality) for turn in TALKS[0].turns]
    assert known == sorted(known)


def test_a_case_replied_to_as_it_was_heard_is_the_conversation() -> None:
    for case, talk in zip(CASES[:20], TALKS, strict=False):
        replies = ["AB".index(turn.heard) for turn in talk.turns]
        for i in range(len(talk.turns)):
            assert tuple(so_far(case, replies[:i], PROMPTER)) == talk.before(i)


def test_another_seed_has_other_situations() -> None:
    again, other = cases(20, turns=5, seed=1), cases(20, turns=5, seed=2)
    assert again == CASES[:20]
    mine, theirs = ({t.dilemma.digest for c in made for t in c.turns} for made in (again, other))
    assert len(mine & theirs) < 5


def test_training_data_are_no_cases_that_are_asked_about() -> None:
    trained = {t.user for c in training_conversations(PROMPTER.tokenizer, seed=0, count=200) for t in c.turns}
    asked = {turn.user for turn in (t for c in conversations(CASES, PROMPTER, seed=0) for t in c.turns)}
    assert len(trained) > 1900
    assert len(trained & asked) < 0.01 * len(asked)  # a situation may come twice; a conversation doesn't
