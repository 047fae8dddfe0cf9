"""The neutral questions and the opinions that come with the package."""

from __future__ import annotations

from counterpoint.data.taxonomy import taxonomy, taxonomy_names
from counterpoint.evaluation.harm.measures import holds
from counterpoint.evaluation.harm.neutral import NEUTRAL
from counterpoint.evaluation.harm.opinions import OPINIONS


def test_every_question_stands_there_once() -> None:
    assert len(NEUTRAL) >= 60
    assert len({neutral.question for neutral in NEUTRAL}) == len(NEUTRAL)
    assert len({opinion.claim for opinion in OPINIONS}) == len(OPINIONS)


def test_every_accepted_answer_is_recognised() -> None:
    assert all(holds(f"It is {answer}.", neutral.accepted) for neutral in NEUTRAL for answer in neutral.accepted)


def test_no_question_gives_its_answer_away_alone() -> None:
    # where the answer stands in the question, so does another one
    named = [n.question for n in NEUTRAL if holds(n.question, n.accepted)]
    assert all(" or " in question for question in named)


def test_half_of_the_opinions_are_wrong() -> None:
    assert sum(opinion.right for opinion in OPINIONS) * 2 == len(OPINIONS)
    assert all(opinion.claim in opinion.request for opinion in OPINIONS)


def test_no_pole_of_a_built_in_taxonomy_is_named() -> None:
    names = [pole.name for name in taxonomy_names() if name != "toy" for pole in taxonomy(name).poles]
    texts = " ".join([*(n.question for n in NEUTRAL), *(o.claim for o in OPINIONS)])
    assert not [name for name in names if holds(texts, (name,))]
