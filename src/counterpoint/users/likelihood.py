"""What each kind of event says about a preference vector: events in, observations out.

All are softmax choices between alternatives made from the options shown, so one inference serves them all:

- chose one, chose several, ranked: stage by stage, best group first, a group of k is chosen among all groups of k that
  remain, with the sum of their evidence. Single options: Plackett-Luce (Plackett 1975, doi:10.2307/2346567); a set
  without order: the conditional Bernoulli distribution (Chen and Liu 1997, Statistica Sinica 7, eq. 1).
- tied: a further alternative, "no difference", midway between the tied ones (Davidson 1970, doi:10.2307/2283595,
  nu = 1).
- skipped: may mean that nothing pulled, or a hurry, or nothing at all; it counts as a quarter of a tie.
- liked, disliked one reply: the reply against a neutral one (evidence 0): a logistic choice for it or against it.
- edited: the reply after over the reply before.
- said outright: like choosing that side `SAID_COUNT` times with the pair's poles `strength` log-odds apart at a
  preference of 1: strong, and undone by as many choices to the contrary.
- retracted: says nothing itself; the event it takes back is gone (`events.settle`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from counterpoint.types import Choice, ChoiceKind, Dilemma
from counterpoint.users.evidence import Evidence, shown_dilemma
from counterpoint.users.model import Observation, Question

SKIP_WEIGHT = 0.25
"""The part of a tie that a skip counts as."""
SAID_COUNT, SAID_STRENGTH = 4.0, 2.0
"""What saying something outright counts as: choices, and their log-odds at a preference of 1 if none is stated."""


def observe(choices: Sequence[Choice], evidence: Evidence, dilemmas: Mapping[str, Dilemma]) -> list[Observation]:
    """Observations of settled events in their order; dilemmas are scored in one go."""
    shown = {choice.dilemma: dilemmas[choice.dilemma] for choice in choices if choice.dilemma}
    questions = dict(zip(shown, evidence.questions(list(shown.values())), strict=True))
    return [o for choice in choices for o in _observations(choice, evidence, dilemmas, questions)]


def _observations(
    choice: Choice, evidence: Evidence, dilemmas: Mapping[str, Dilemma], questions: Mapping[str, Question]
) -> list[Observation]:
    question = questions.get(choice.dilemma)
    match choice.kind:
        case ChoiceKind.CHOSE | ChoiceKind.CHOSE_SEVERAL | ChoiceKind.RANKED if question is not None:
            found = stages(question, choice.groups)
        case ChoiceKind.TIED if question is not None:
            found = tie(question, choice.groups)
        case ChoiceKind.SKIPPED if question is not None:
            found = [replace(o, weight=SKIP_WEIGHT) for o in tie(question, ())]
        case ChoiceKind.LIKED | ChoiceKind.DISLIKED:
            found = [_judged(choice, evidence, shown_dilemma(choice, dilemmas), question)]
        case ChoiceKind.EDITED:
            features = evidence.replies(choice.texts, shown_dilemma(choice, dilemmas))
            found = [Observation(Question(features, np.zeros(2)), 1)]
        case ChoiceKind.SAID:
            found = [_said(choice, evidence)]
        case _:
            found = []
    return [_dated(observation, choice, dilemmas) for observation in found]


def stages(question: Question, groups: Sequence[Sequence[int]]) -> list[Observation]:
    """Best group first, each chosen among the sets of its size that remain; options in no group come last, equal."""
    remaining = list(range(len(question.bias)))
    found = []
    for group in groups:
        sets = list(combinations(remaining, len(group)))
        if len(sets) > 1:
            features = np.array([question.features[list(members)].sum(axis=0) for members in sets])
            bias = np.array([question.bias[list(members)].sum() for members in sets])
            asked = replace(question, features=features, bias=bias)
            found.append(Observation(asked, sets.index(tuple(sorted(group)))))
        remaining = [option for option in remaining if option not in group]
    return found


def tie(question: Question, groups: Sequence[Sequence[int]]) -> list[Observation]:
    """The first group (none: all options) preferred to the rest, and no difference within it."""
    tied = list(groups[0]) if groups else list(range(len(question.bias)))
    features, bias = question.features[tied], question.bias[tied]
    same = replace(
        question,
        features=np.concatenate([features, features.mean(axis=0, keepdims=True)]),
        bias=np.append(bias, bias.mean()),
    )
    return [*stages(question, [tied]), Observation(same, len(tied))]


def _judged(choice: Choice, evidence: Evidence, dilemma: Dilemma | None, question: Question | None) -> Observation:
    """A reply, or an option by its index, against a neutral one."""
    if choice.texts:
        own = evidence.replies(choice.texts[:1], dilemma)[0]
    else:
        assert question is not None
        own = question.features[choice.groups[0][0]] - question.features.mean(axis=0)
    features = np.stack([own, np.zeros_like(own)])
    return Observation(Question(features, np.zeros(2)), 0 if choice.kind is ChoiceKind.LIKED else 1)


def _said(choice: Choice, evidence: Evidence) -> Observation:
    """The stated pole against its opposite."""
    taxonomy = evidence.taxonomy
    pair = taxonomy.by_pole[choice.pole]
    axis = next(i for i, candidate in enumerate(taxonomy) if candidate.name == pair.name)
    strength = SAID_STRENGTH if choice.strength is None else choice.strength
    features = np.zeros((2, len(taxonomy)))
    features[:, axis] = strength / 2, -strength / 2
    stated = 0 if choice.pole == pair.positive.name else 1
    return Observation(Question(features, np.zeros(2)), stated, SAID_COUNT)


def _dated(observation: Observation, choice: Choice, dilemmas: Mapping[str, Dilemma]) -> Observation:
    """With the event's time, scene, id and words."""
    dilemma = shown_dilemma(choice, dilemmas)
    scene = choice.scene or (dilemma.scene if dilemma else "")
    question = replace(observation.question, time=choice.time, scene=scene)
    return replace(observation, question=question, told=told(choice, dilemma), event=choice.id)


def told(choice: Choice, dilemma: Dilemma | None) -> str:
    """What happened, in words; "" where there is nothing to tell."""
    match choice.kind:
        case ChoiceKind.CHOSE | ChoiceKind.CHOSE_SEVERAL | ChoiceKind.RANKED if dilemma is not None:
            return " ".join(f"Chose: {dilemma.options[option].text}" for option in choice.groups[0])
        case ChoiceKind.LIKED if choice.texts:
            return f"Liked: {choice.texts[0]}"
        case ChoiceKind.DISLIKED if choice.texts:
            return f"Disliked: {choice.texts[0]}"
        case ChoiceKind.EDITED:
            return f"Rewrote it as: {choice.texts[1]}"
        case ChoiceKind.SAID:
            return f"Said: {choice.pole}."
        case _:
            return ""
