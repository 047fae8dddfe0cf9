"""Instruction: what it asks, that nothing is asked where there is nothing to say, and that a tuned model heeds it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from counterpoint.data.loading import load
from counterpoint.data.split import split
from counterpoint.errors import BadInputError
from counterpoint.models.decoding import Decoding
from counterpoint.models.language_model import LanguageModel
from counterpoint.models.prompts import Prompter
from counterpoint.steering.asking import Ask, Asked, Conversation, Request
from counterpoint.steering.engine import Engine
from counterpoint.steering.likelihood import options
from counterpoint.steering.method import METHODS, Draft, Drafting
from counterpoint.steering.steering import Leaning, Steering, from_leans, nothing
from counterpoint.training.lm.settings import TINY
from counterpoint.training.lm.train import train_lm
from counterpoint.training.objective import OBJECTIVES
from counterpoint.types import Pole
from small_language import language as tiny_language
from users.small import TAXONOMY, dilemma

HELLO = Conversation.said("Stocks or bonds?")


class Host:
    """Has a taxonomy, which is all that this method needs."""

    taxonomy = TAXONOMY


def opened() -> Drafting:
    found = METHODS.get("instruction").open(Host())  # type: ignore[arg-type]
    assert isinstance(found, Drafting)
    return found


def test_it_asks_somebody_who_leans_so_and_changes_nothing_else() -> None:
    draft = Draft(HELLO)
    asked = opened().draft(draft, from_leans({"Careful": 1}, TAXONOMY))
    assert asked.ask == Conversation(HELLO.messages, Pole("moderately Careful", "guard"))
    assert (asked.voices, asked.offsets, asked.adapters) == ((), {}, {})
    assert draft == Draft(HELLO)


def test_the_worked_example() -> None:
    taxonomy = load("crossroads").taxonomy
    host: Any = Host()
    host.taxonomy = taxonomy
    method: Any = METHODS.get("instruction").open(host)
    first, second, third, *others = taxonomy.pairs
    leanings = (Leaning(first.name, first.negative.name, 2.0, 1.5), Leaning(second.name, second.positive.name, 0.6))
    steering = Steering((-2.0, 0.6, 0.1, *(0.0 for _ in others)), leanings)
    who = method.draft(Draft(Conversation.said("?")), steering).ask.who
    assert who.name == f"perhaps strongly {first.negative.name}"
    assert who.description == (
        f"{first.negative.description}\nAlso: slightly {second.positive.name}. {second.positive.description}"
    )
    assert third.name not in who.description


def test_a_dilemma_is_asked_with_the_very_prompt_of_training_and_a_word_of_degree() -> None:
    prompter = Prompter(tiny_language().tokenizer)
    asked = opened().draft(Draft(Asked(dilemma("d", "leap", "guard"))), from_leans({"Daring": 3}, TAXONOMY)).ask
    assert isinstance(asked, Asked)
    trained = prompter.text(asked.dilemma, TAXONOMY.pairs[0].positive)
    expected = trained.replace("Who answers: Daring.", "Who answers: very strongly Daring.")
    assert prompter.text(asked.dilemma, asked.who) == expected != trained


def test_it_takes_no_material() -> None:
    with pytest.raises(BadInputError, match="no material"):
        METHODS.get("instruction").open(Host(), material="x")  # type: ignore[arg-type]


def test_zero_gives_the_base_reply_token_for_token() -> None:
    engine = Engine(tiny_language(), TAXONOMY)
    asks: list[Ask] = [Asked(dilemma("d", "leap", "guard")), Conversation.said("Stocks or bonds?")]
    decoding = Decoding(temperature=1, max_new_tokens=20)
    for method, steering in (("instruction", nothing(TAXONOMY)), ("instruction", Steering((0.1, 0.0)))):
        steered = engine.answer([Request(ask, steering, method, decoding) for ask in asks])
        base = engine.answer([Request(ask, nothing(TAXONOMY), "base", decoding) for ask in asks])
        assert [reply.tokens for reply in steered] == [reply.tokens for reply in base]
    strong = engine.answer([Request(ask, Steering((3.0, 0.0)), "instruction", decoding) for ask in asks])
    assert [reply.tokens for reply in strong] != [reply.tokens for reply in base]


@pytest.mark.slow
def test_on_lm_tiny_after_pft_the_positive_pole_rises_with_every_step(tmp_path: Path) -> None:
    data = load("toy")
    parts = split(data, (0.8, 0.0, 0.2), 0)
    language = LanguageModel.load("lm:tiny")
    train_lm(language, parts.train.dilemmas, data.taxonomy, OBJECTIVES.get("pft"), TINY, seed=0, out=tmp_path)
    engine = Engine(language, data.taxonomy)
    found = []
    for strength in (-2.0, -1.0, 0.0, 1.0, 2.0):
        shares = []
        for axis, pair in enumerate(data.taxonomy):
            about = [d for d in parts.test.dilemmas if d.value_pair == pair.name]
            vector = tuple(strength if i == axis else 0.0 for i in range(len(data.taxonomy)))
            requests = [Request(Asked(d), Steering(vector), "instruction") for d in about]
            for d, row in zip(about, options(engine, requests), strict=True):
                shares.append(float(np.exp(row)[list(d.gold(pair.positive.name))].sum()))
        found.append(float(np.mean(shares)))
    assert (np.diff(found) > 0).all(), found
