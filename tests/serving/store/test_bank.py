"""Dilemmas with their evidence: read once, kept for every replica; people's own texts leave no trace."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from counterpoint.serving.store.bank import Bank, LateScorer
from counterpoint.serving.store.store import Store
from counterpoint.types import Choice, ChoiceKind, DataSet
from counterpoint.users.evidence import Evidence
from serving.conftest import DATA
from small_encoder import TWO_PAIRS, made_up_dilemmas, small_scorer, small_text_encoder
from users.small import TAXONOMY, WordScorer, dilemma


def counting() -> tuple[list[WordScorer], LateScorer]:
    made: list[WordScorer] = []

    def make() -> WordScorer:
        made.append(WordScorer())
        return made[-1]

    return made, LateScorer(make)


def test_every_dilemma_is_read_once_for_all_replicas(store: Store) -> None:
    scorers: list[WordScorer] = []

    def make() -> WordScorer:
        scorers.append(WordScorer())
        return scorers[-1]

    first = Bank.open(store, DATA, make, name="words")
    second = Bank.open(store, DATA, make, name="words")
    assert [scorer.asked for scorer in scorers] == [len(DATA)]  # the second had nothing to read, so it made none
    for a, b in zip(first.questions, second.questions, strict=True):
        assert np.array_equal(a.features, b.features)
    assert first.identity == second.identity != Bank.open(store, DATA, make, name="other words").identity


def test_the_bank_says_what_evidence_says(store: Store) -> None:
    bank = Bank.open(store, DATA, WordScorer)
    expected = Evidence(WordScorer(), TAXONOMY).questions(DATA.dilemmas)
    for found, question in zip(bank.questions, expected, strict=True):
        assert np.array_equal(found.features, question.features)
        assert found.dilemma == question.dilemma


def test_a_dilemma_that_left_the_data_can_still_be_replayed_but_is_not_asked(store: Store) -> None:
    Bank.open(store, DATA, WordScorer)
    fewer = Bank.open(store, replace(DATA, dilemmas=DATA.dilemmas[:3]), WordScorer)
    gone = DATA.dilemmas[5]
    assert fewer.find(gone.digest) == gone
    assert fewer.by_digest[gone.digest].dilemma == gone
    assert len(fewer.questions) == 3
    assert fewer.find("d1") == fewer.find(DATA.dilemmas[1].digest) == DATA.dilemmas[1]
    assert fewer.find("nowhere") is None
    more = replace(DATA, dilemmas=(*DATA.dilemmas, dilemma("new", "leap", "guard")))
    assert len(Bank.open(store, more, WordScorer).questions) == len(DATA) + 1


def test_texts_that_are_held_are_not_read_again(store: Store) -> None:
    bank = Bank.open(store, DATA, WordScorer, name="words")
    edit = Choice("e", "", 1.0, ChoiceKind.EDITED, texts=("leap", "guard"))
    like = Choice("l", "", 1.0, ChoiceKind.LIKED, texts=("guard",))
    read = bank.read([edit, like]).texts.fresh
    assert len(read) == 2
    assert bank.read([edit, like], read).texts.fresh == {}
    assert len(bank.read([edit, like], dict(list(read.items())[:1])).texts.fresh) == 1


def test_people_s_texts_stay_out_of_the_encoder_s_caches(store: Store, tmp_path: Path) -> None:
    scorer = small_scorer()
    scorer.text_encoder = small_text_encoder(tmp_path / "cache")
    bank = Bank.open(store, DataSet("made up", TWO_PAIRS, made_up_dilemmas(4)), lambda: scorer)
    before = set(scorer.text_encoder._known)
    reading = bank.read([Choice("l", "", 1.0, ChoiceKind.LIKED, texts=("my very own words",))])
    bank.options(["mine", "own"], "a secret", "which?", "")
    assert len(reading.texts.fresh) == 1
    assert set(scorer.text_encoder._known) == before
    expected = Evidence(small_scorer(), TWO_PAIRS).replies(["my very own words"])
    assert reading.replies(["my very own words"]) == pytest.approx(expected, abs=1e-6)


def test_a_late_scorer_is_made_once_and_only_when_asked() -> None:
    made, late = counting()
    assert made == []
    late.score([DATA.dilemmas[0]], [TAXONOMY.poles])
    late.score([DATA.dilemmas[1]], [TAXONOMY.poles])
    assert len(made) == 1
    assert late.describe() == {"kind": "words"}
