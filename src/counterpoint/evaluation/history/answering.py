"""What each method of the history experiment answers. Axes: `person`, `question` (of that person), `option`.

Two things vary: which objective the scorer was trained with, and how the history is read, by a belief or in the
prompt. One training serves several methods; `single_preference` ones are two models each, one a pole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from counterpoint.evaluation.history.visits import History, Priors, Visitor
from counterpoint.models.scorer import Scorer
from counterpoint.types import Dilemma, Pole
from counterpoint.users.belief import Belief
from counterpoint.users.evidence import Evidence
from counterpoint.users.laplace import integrate, stack
from counterpoint.users.model import Observation, Question, predict_gaussian
from counterpoint.users.models.in_context import history_pole

Picks = list[list[int]]
"""The first option for each question of each person, `[person][question]`."""

OBJECTIVES: Mapping[str, tuple[str, ...]] = {
    "pft": ("belief", "belief_flat_prior", "belief_text_only", "in_context", "pooled"),
    "sft_mixed": ("mixed", "mixed_belief"),
    "sft_positive": ("single_preference", "single_preference_belief"),
    "sft_negative": ("single_preference", "single_preference_belief"),
}
"""Methods by what their scorer was trained with."""
_SIDES = {"sft_positive": 0, "sft_negative": 1}


class Reader(NamedTuple):
    """A trained scorer and what it makes of the test dilemmas, as usual and from texts alone."""

    objective: str
    scorer: Scorer
    test: Sequence[Dilemma]
    poles: Sequence[Pole]
    usual: Sequence[Question]
    text_only: Sequence[Question]


def make_reader(objective: str, scorer: Scorer, test: Sequence[Dilemma], evidence: Evidence) -> Reader:
    """Read every test dilemma; from texts alone only where a method wants it."""
    usual = evidence.questions(test)
    whole = Evidence(scorer, evidence.taxonomy, cache=evidence.cache, elsewhere=1.0, identity=objective)
    text_only = whole.questions(test) if "belief_text_only" in OBJECTIVES[objective] else []
    return Reader(objective, scorer, test, evidence.taxonomy.poles, usual, text_only)


def answer(
    reader: Reader, visitors: Sequence[Visitor], histories: Sequence[History], priors: Priors
) -> dict[str, Picks]:
    """What the methods that use this scorer answer."""
    flat = Belief.flat(priors.usual.size)
    nothing: list[History] = [[] for _ in visitors]
    ways: Mapping[str, Callable[[], Picks]] = {
        "belief": lambda: by_belief(visitors, histories, reader.usual, priors.usual),
        "belief_flat_prior": lambda: by_belief(visitors, histories, reader.usual, flat),
        "belief_text_only": lambda: by_belief(visitors, histories, reader.text_only, priors.text_only),
        "in_context": lambda: by_reading(visitors, histories, reader),
        "pooled": lambda: by_belief(visitors, nothing, reader.usual, priors.usual),
    }
    ways = {
        **ways,
        "mixed": ways["in_context"],
        "mixed_belief": ways["belief"],
        "single_preference": ways["in_context"],
        "single_preference_belief": ways["belief"],
    }
    return {method: ways[method]() for method in OBJECTIVES[reader.objective]}


def by_belief(
    visitors: Sequence[Visitor], histories: Sequence[History], questions: Sequence[Question], prior: Belief
) -> Picks:
    """The likeliest option under a Gaussian belief made from the history."""
    people = [[Observation(questions[i], option) for i, option in history] for history in histories]
    beliefs = integrate(stack(people, prior.size), prior) if any(people) else None
    picks = []
    for row, visitor in enumerate(visitors):
        belief = prior if beliefs is None else Belief(beliefs.mean[row], beliefs.covariance[row])
        picks.append([int(np.argmax(predict_gaussian(belief, questions[i]))) for i in visitor.questions])
    return picks


def by_reading(visitors: Sequence[Visitor], histories: Sequence[History], reader: Reader) -> Picks:
    """The scorer's first option with the history in the prompt, after the pole's instruction if it learnt only one."""
    side = _SIDES.get(reader.objective)
    prompts = []
    for visitor, history in zip(visitors, histories, strict=True):
        pole = history_pole([f"Chose: {reader.test[i].options[option].text}" for i, option in history])
        if side is not None:
            instruction = reader.poles[visitor.cell // 2 * 2 + side].description
            pole = Pole(pole.name, f"{instruction} {pole.description}")
        prompts.append(pole)
    asked = sorted({i for visitor in visitors for i in visitor.questions})
    readers = {i: [row for row, visitor in enumerate(visitors) if i in visitor.questions] for i in asked}
    shown = [[prompts[row] for row in readers[i]] for i in asked]
    scores = reader.scorer.score([reader.test[i] for i in asked], shown)
    first = {
        (row, i): int(np.argmax(found[place]))
        for i, found in zip(asked, scores, strict=True)
        for place, row in enumerate(readers[i])
    }
    return [[first[row, i] for i in visitor.questions] for row, visitor in enumerate(visitors)]
