"""Drafts are decided on against all that were kept."""

from dataclasses import asdict

import pytest

from authoring.dilemmas.made_up import SCENARIO, VCD, dilemma
from counterpoint.authoring.dilemmas.likeness import by_words
from counterpoint.authoring.dilemmas.settling import Settler, read_dilemma
from counterpoint.authoring.journal import Draft, RejectedError

OTHER = "Tomorrow a colleague leaves for Lisbon with two spare tickets to see an old band play again."


def draft(*options, **fields):
    return Draft({"dilemma": asdict(dilemma(*options, **fields))})


def test_a_near_duplicate_of_what_was_kept_is_rejected_and_named():
    settle = Settler(VCD, by_words)
    kept = draft()
    assert settle(kept) is kept
    # 15 of 16 words in common, each once: 15 / 16
    with pytest.raises(RejectedError, match=r"near duplicate: its scenario is like that of d \(cosine 0.94\)"):
        settle(draft(scenario=SCENARIO.replace("Friday", "Monday")))
    settle(draft(scenario=OTHER))


def test_what_was_rejected_is_not_remembered():
    settle = Settler(VCD, by_words)
    alike = (("Give her all of it.", "Risk-taking"), ("All of it give her.", "Risk-averse"))
    with pytest.raises(RejectedError, match="options alike"):
        settle(draft(*alike))
    settle(draft())


def test_options_that_share_few_words_are_not_embedded():
    asked = []

    def embed(texts):
        asked.extend(texts)
        return by_words(texts)

    Settler(VCD, embed)(draft())
    assert asked == [SCENARIO]


def test_lengths_that_give_a_side_away_are_rejected():
    settle = Settler(VCD, lambda texts: by_words([f"{text} {i}" for i, text in enumerate(texts)]))
    uneven = (("Give her all of it, on Friday.", "Risk-taking"), ("Keep it in the bank.", "Risk-averse"))
    scenarios = iter(["one river flows", "two hills stand", "three birds sing"])
    settle(draft(*uneven, scenario=next(scenarios)))
    settle(draft(*uneven, scenario=next(scenarios)))
    with pytest.raises(RejectedError, match="length balance: with it, the longest option"):
        settle(draft(*uneven, scenario=next(scenarios)))


def test_a_dilemma_is_read_back_as_it_was():
    given = dilemma(scene="Gaming", open_question="And you?", source="s")
    assert read_dilemma(asdict(given)) == given
