"""From somebody's events to what we think of them, at any moment, in figures and in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.errors import BadInputError
from counterpoint.models.scorer import Scorer
from counterpoint.types import Choice, DataSet, Dilemma, Taxonomy
from counterpoint.users.belief import Belief
from counterpoint.users.events import format_time, settle
from counterpoint.users.evidence import Evidence, EvidenceCache
from counterpoint.users.likelihood import observe
from counterpoint.users.model import USER_MODELS, UserModel

CLEARLY, RATHER = 0.95, 0.8
"""Probability of a side from which we say that somebody leans to it clearly, or rather."""
NO_IDEA = 0.05
"""Nats learnt about a value pair below which we say that we have no idea yet; 5% less uncertainty."""
_MOST_MOMENTS = 60


@dataclass(frozen=True)
class Inference:
    """What one person's events say.

    Attributes:
        person: who.
        belief: over all scenes, or, for models that tell scenes apart, wherever the person hasn't been seen.
        prior: what was believed before the first event.
        scenes: beliefs by scene, for models that tell them apart; empty otherwise.
        path: beliefs after some of the events, oldest first, the last one `belief`.
    """

    person: str
    belief: Belief
    prior: Belief
    scenes: Mapping[str, Belief]
    path: tuple[Belief, ...]


def infer_person(
    person: str,
    events: Sequence[Choice],
    *,
    model: UserModel[Any],
    evidence: Evidence,
    dilemmas: Mapping[str, Dilemma],
    as_of: float | None = None,
) -> Inference:
    """Replay a person's events, in whatever order they came, up to a moment."""
    settled = settle((event for event in events if event.person == person), as_of=as_of)
    observations = observe(settled, evidence, dilemmas)
    ends = [
        i + 1 for i, o in enumerate(observations) if i + 1 == len(observations) or observations[i + 1].event != o.event
    ]
    if len(ends) > _MOST_MOMENTS:
        ends = [ends[i] for i in np.linspace(0, len(ends) - 1, _MOST_MOMENTS).round().astype(int)]
    states = [model.fit(observations[:end]) for end in ends] or [model.prior()]
    state, prior = states[-1], model.belief(model.prior())
    belief = model.belief(state, time=as_of if observations else None)
    scenes = sorted({o.question.scene for o in observations if o.question.scene})
    apart = {scene: model.belief(state, scene=scene) for scene in scenes}
    if all(np.array_equal(one.mean, belief.mean) for one in apart.values()):
        apart = {}
    return Inference(person, belief, prior, apart, (*(model.belief(s) for s in states[:-1]), belief))


def as_record(inference: Inference, taxonomy: Taxonomy, *, as_of: float | None = None) -> dict[str, Any]:
    """For programs: means, standard deviations, 90% intervals, evidence (nats), and the summary."""
    belief = inference.belief
    return {
        "person": inference.person,
        "as_of": None if as_of is None else format_time(as_of),
        "observations": belief.count,
        "last_event": format_time(belief.time) if belief.count else None,
        "last_change": format_time(belief.changed) if belief.changed else None,
        "value_pairs": _pairs(belief, inference.prior, taxonomy),
        "scenes": {scene: _pairs(one, inference.prior, taxonomy) for scene, one in inference.scenes.items()},
        "summary": in_words(inference, taxonomy),
    }


def _pairs(belief: Belief, prior: Belief, taxonomy: Taxonomy) -> list[dict[str, Any]]:
    low, high = belief.interval(0.9)
    learnt = belief.information(prior)
    return [
        {
            "value_pair": pair.name,
            "positive": pair.positive.name,
            "negative": pair.negative.name,
            "mean": float(belief.mean[axis]),
            "sd": float(belief.sd[axis]),
            "low": float(low[axis]),
            "high": float(high[axis]),
            "probability_positive": float(belief.positive[axis]),
            "evidence": float(learnt[axis]),
        }
        for axis, pair in enumerate(taxonomy)
    ]


def in_words(inference: Inference, taxonomy: Taxonomy) -> str:
    """One sentence or a few: leanings, the scenes in which they differ, and what is not known yet."""
    said, open_, unknown = [], [], []
    for axis, pair in enumerate(taxonomy):
        leaning = _leaning(inference.belief, axis, pair.positive.name, pair.negative.name)
        in_scenes = {
            scene: text
            for scene, belief in inference.scenes.items()
            if (text := _leaning(belief, axis, pair.positive.name, pair.negative.name))
        }
        learnt = max(b.information(inference.prior)[axis] for b in (inference.belief, *inference.scenes.values()))
        if len(set(in_scenes.values())) > 1 or (in_scenes and not leaning):
            said += [f"{text} in {scene}" for scene, text in in_scenes.items()]
        elif leaning:
            said.append(leaning)
        elif learnt < NO_IDEA:
            unknown.append(pair.name)
        else:
            open_.append(f"{pair.positive.name} or {pair.negative.name}")
    sentences = [f"{inference.person} {_listed(said)}."] if said else []
    if open_:
        sentences.append(f"Could go either way: {_listed(open_)}.")
    if unknown:
        sentences.append(f"No idea yet about {_listed(unknown)}.")
    if inference.belief.changed:
        sentences.append(f"Something seems to have changed on {format_time(inference.belief.changed)[:10]}.")
    return " ".join(sentences)


def _leaning(belief: Belief, axis: int, positive: str, negative: str) -> str:
    """`leans clearly to Risk-averse`, or nothing."""
    probability = float(belief.positive[axis])
    side, sure = (positive, probability) if probability >= 0.5 else (negative, 1 - probability)
    if sure < RATHER:
        return ""
    return f"leans {'clearly' if sure >= CLEARLY else 'rather'} to {side}"


def _listed(parts: Sequence[str]) -> str:
    return ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1]


def make_model(name: str, start: Belief, evidence: Evidence) -> UserModel[Any]:
    """A user model by name; `UnknownNameError` with the nearest one otherwise."""
    kind = USER_MODELS.get(name)
    model: UserModel[Any] = kind(start, reader=evidence.scorer) if name == "in_context" else kind(start)
    return model


def open_evidence(model: str, data: DataSet, *, cache: Path | None = None) -> Evidence:
    """A scorer to read with.

    Args:
        model: `encoder`, taught both poles (PFT) of these dilemmas; a folder in which a run saved a scorer, encoder or
            language model; or `lm:` and a language model as it is.
        data: the dilemmas.
        cache: a file to keep its readings in.

    Raises:
        BadInputError: the model is none of these.
        MissingExtraError: the model's packages are not installed.
    """
    return Evidence(_scorer(model, data), data.taxonomy, cache=EvidenceCache(cache))


def _scorer(model: str, data: DataSet) -> Scorer:
    if model.startswith("lm:"):
        from counterpoint.models.language_model import LanguageModel
        from counterpoint.models.lm_scorer import LmScorer

        return LmScorer(LanguageModel.load(model))
    if Path(model).is_dir():
        from counterpoint.models.saved import load_scorer

        return load_scorer(Path(model))
    if model != "encoder":
        raise BadInputError(f"--model {model!r} is neither 'encoder', 'lm:...' nor a folder with a saved scorer")
    from counterpoint.models.encoder import EncoderScorer
    from counterpoint.training.fit import fit
    from counterpoint.training.objective import OBJECTIVES

    scorer = EncoderScorer.untrained(data.taxonomy)
    fit(scorer, data.dilemmas, data.taxonomy, OBJECTIVES.get("pft"))
    return scorer
