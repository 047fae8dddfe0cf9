"""The toy world: every dilemma has both poles, labels follow from words, and nothing but labels names an animal."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest

from counterpoint.data.loading import load
from counterpoint.data.split import split
from counterpoint.data.toy import ATTRIBUTES, COUNT, data_set, situations
from counterpoint.types import Dilemma

DATA = data_set()
KIND = {word: kind for attribute in ATTRIBUTES for kind in attribute.properties for word in kind.words}


def test_it_is_a_built_in_data_set() -> None:
    assert load("toy") == DATA
    assert (DATA.name, len(DATA), DATA.licence) == ("toy", COUNT, "Apache-2.0")


def test_it_is_the_same_every_time_and_another_for_another_seed() -> None:
    assert data_set().digest == DATA.digest
    assert data_set(seed=1).digest != DATA.digest


def test_value_pairs_have_the_same_number_of_dilemmas_and_ids_and_scenarios_are_unique() -> None:
    assert set(Counter(d.value_pair for d in DATA.dilemmas).values()) == {COUNT // len(DATA.taxonomy)}
    assert len({d.id for d in DATA.dilemmas}) == len({d.scenario for d in DATA.dilemmas}) == COUNT


def test_every_dilemma_has_two_to_four_options_of_both_poles() -> None:
    for dilemma in DATA.dilemmas:
        pair = DATA.taxonomy.by_name[dilemma.value_pair]
        assert 2 <= len(dilemma.options) <= 4
        assert {option.pole for option in dilemma.options} == {pole.name for pole in pair.poles}
        assert len({option.text for option in dilemma.options}) == len(dilemma.options)


def test_a_label_follows_from_the_one_word_that_the_dilemma_is_about() -> None:
    for dilemma in DATA.dilemmas:
        for option in dilemma.options:
            (kind,) = [KIND[word] for word in option.text.split() if KIND[word].pole in _poles(dilemma)]
            assert option.pole == kind.pole
            assert kind.name in option.explanation


def _poles(dilemma: Dilemma) -> set[str]:
    return {pole.name for pole in DATA.taxonomy.by_name[dilemma.value_pair].poles}


def test_no_text_names_a_pole_and_no_description_names_a_property() -> None:
    names = {pole.name.lower() for pole in DATA.taxonomy.poles}
    properties = {kind.name for kind in KIND.values()} | set(KIND)
    for dilemma in DATA.dilemmas:
        texts = [dilemma.scenario, dilemma.question, *(o.text + " " + o.explanation for o in dilemma.options)]
        assert not any(name in text.lower() for name in names for text in texts)
    assert not any(word in pole.description.split() for pole in DATA.taxonomy.poles for word in properties)


@pytest.mark.parametrize("pair", [pair.name for pair in DATA.taxonomy])
def test_place_and_the_other_words_tell_nothing(pair: str) -> None:
    dilemmas = [s.dilemma([a.value_pair for a in ATTRIBUTES].index(pair)) for s in islice(situations(7), 2000)]
    positive = DATA.taxonomy.by_name[pair].positive.name
    shares = []
    for place in range(2):
        shares.append([d.options[place].pole == positive for d in dilemmas])
    other = next(kind for a in ATTRIBUTES if a.value_pair != pair for kind in a.properties)
    shares.append(
        [o.pole == positive for d in dilemmas for o in d.options if any(KIND[w] is other for w in o.text.split())]
    )
    for share in shares:  # about 2,000 draws or more: a standard error of 0.011
        assert abs(sum(share) / len(share) - 0.5) < 0.05


def test_what_is_tested_on_is_never_seen_in_training() -> None:
    parts = split(DATA, (0.8, 0.0, 0.2), 0)
    trained = {frozenset(o.text for o in d.options) for d in parts.train.dilemmas}
    assert not any(frozenset(o.text for o in d.options) in trained for d in parts.test.dilemmas)


def test_a_world_of_no_dilemmas_is_empty() -> None:
    assert data_set(0).dilemmas == ()
    assert len(data_set(3)) == 3
