"""What lm:tiny is taught: properties of words, and nothing about poles."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from counterpoint.data import taxonomy
from counterpoint.data.toy import ATTRIBUTES, data_set
from counterpoint.models.degrees import DEGREES
from counterpoint.models.prompts import Prompter
from counterpoint.models.tiny.lessons import PROPERTIES, UNCERTAIN, Task, lessons, phrases, wish
from counterpoint.models.tiny.tokens import make_tokenizer
from counterpoint.types import Pole

TASKS: list[Task] = [task for lesson in islice(lessons(0), 300) for task in lesson]
PROMPTER = Prompter(make_tokenizer([]))


def test_lessons_are_the_same_every_time() -> None:
    assert [task for lesson in islice(lessons(0), 300) for task in lesson] == TASKS
    assert list(islice(lessons(1), 3)) != list(islice(lessons(0), 3))


def test_no_lesson_says_a_word_about_poles() -> None:
    words = {word.strip(".").lower() for p in taxonomy("toy").poles for word in f"{p.name} {p.description}".split()}
    words -= {"leans", "to", "the"}
    assert words == {"hare", "tortoise", "bee", "cat"}
    for task in TASKS:
        replies = [PROMPTER.reply(task.dilemma, option, form=task.form) for option in task.right]
        said = " ".join([PROMPTER.text(task.dilemma, task.asked, form=task.form), *replies]).lower()
        assert not any(f" {word}" in said for word in words)


def test_right_are_the_options_with_the_property_asked_for() -> None:
    kinds = {wish(word): kind for kind in PROPERTIES for word in (kind.name, *kind.words)}
    asked = set()
    for task in TASKS:
        if task.shares:
            continue
        if task.asked is None:
            assert task.right == tuple(range(len(task.dilemma.options)))
        else:
            kind = kinds[task.asked]
            asked.add((kind.name, task.form))
            with_it = [any(word in kind.words for word in option.text.split()) for option in task.dilemma.options]
            assert task.right == tuple(i for i, has in enumerate(with_it) if has)
            assert task.right
    assert len(asked) == len(PROPERTIES) * 2


def test_a_degree_is_the_log_odds_of_the_options_that_have_the_property() -> None:
    said = {
        (wish(word, degree, certain=certain), kind.name): log_odds * (1 if certain else UNCERTAIN)
        for kind in PROPERTIES
        for word in (kind.name, *kind.words)
        for degree, log_odds in DEGREES.items()
        for certain in (True, False)
    }
    words = {kind.name: kind.words for kind in PROPERTIES}
    meant = {(f"{pole.name}. {pole.description}", name): log_odds for (pole, name), log_odds in said.items()}
    seen = set()
    for task in TASKS:
        if not task.shares:
            continue
        assert task.asked
        assert sum(task.shares) == pytest.approx(1)
        parts = f"{task.asked.name}. {task.asked.description}".split("\nAlso: ")
        wishes = [(name, log_odds) for (text, name), log_odds in meant.items() if text in parts]
        assert len(wishes) == len(parts)
        expected = [
            sum(log_odds for name, log_odds in wishes if any(word in words[name] for word in option.text.split()))
            for option in task.dilemma.options
        ]
        found = np.log(task.shares)
        assert found - found[0] == pytest.approx(np.array(expected) - expected[0])
        seen |= {(len(parts), name, log_odds) for name, log_odds in wishes}
    assert len(seen) == 2 * len(PROPERTIES) * len(DEGREES) * 2


def test_wishes_in_words() -> None:
    assert wish("quick") == Pole("Somebody", "Leans to the quick.")
    assert wish("quick", "strongly") == Pole("strongly Somebody", "Leans to the quick.")
    assert wish("quick", "slightly", certain=False) == Pole("perhaps slightly Somebody", "Leans to the quick.")


def test_lessons_ask_about_other_situations_than_the_built_in_data() -> None:
    built_in = {(d.scenario, *(o.text for o in d.options)) for d in data_set().dilemmas}
    asked = {(task.dilemma.scenario, *(o.text for o in task.dilemma.options)) for task in TASKS}
    assert not built_in & asked


def test_phrases_stand_in_every_prompt_or_reply() -> None:
    known = phrases(PROMPTER)
    task = next(task for task in TASKS if task.form == "answer" and task.asked)
    prompt = PROMPTER.tokenizer.decode(PROMPTER.prompt(task.dilemma, task.asked))
    reply = PROMPTER.reply(task.dilemma, task.right[0])
    assert (
        sum(phrase in prompt or phrase in reply for phrase in known) == len(known) - 1
    )  # but the letter's instruction


def test_every_property_belongs_to_one_attribute_and_words_to_one_property() -> None:
    assert len({kind.name for kind in PROPERTIES}) == 2 * len(ATTRIBUTES)
    words = [word for kind in PROPERTIES for word in kind.words]
    assert len(set(words)) == len(words)
