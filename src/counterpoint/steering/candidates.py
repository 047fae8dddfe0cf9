"""What candidates say about a person's values, and which of them is kept: shared by methods that only choose.

For candidate i, x_i in R^K is the encoder's evidence about every value pair (`users/evidence.py`). The one kept is
drawn with probability softmax_i(v . x_i / temperature), the temperature being the reply's own; at temperature 0 it is
the best. Candidates drawn from p are then, as their number grows, kept as from p(o) exp(v . x(o)) normalised: the very
form of a belief (sampling-importance resampling, Rubin 1987). So the size of v matters here as it does elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from counterpoint.errors import BadInputError
from counterpoint.models.answer_parser import parse_answer
from counterpoint.steering.asking import Ask, Asked, Request, text_of
from counterpoint.steering.steering import Steering
from counterpoint.types import Dilemma, Option, Taxonomy, content_hash
from counterpoint.users.belief import Vector
from counterpoint.users.evidence import Evidence


def open_evidence(material: Any, taxonomy: Taxonomy) -> Evidence:
    """The evidence to choose by: as given, of a scorer, of a folder with a saved scorer; None: the untrained encoder.

    Raises:
        BadInputError: it is none of these, or of another taxonomy.
        MissingExtraError: the encoder's packages are not installed.
    """
    if material is None:
        from counterpoint.models.encoder import EncoderScorer

        return Evidence(EncoderScorer.untrained(taxonomy), taxonomy)
    if isinstance(material, str | Path):
        from counterpoint.models.saved import load_scorer

        return Evidence(load_scorer(Path(material)), taxonomy)
    if isinstance(material, Evidence):
        if material.taxonomy != taxonomy:
            raise BadInputError(
                f"the evidence is about {material.taxonomy.name}; replies are steered by {taxonomy.name}"
            )
        return material
    if hasattr(material, "score"):
        return Evidence(material, taxonomy)
    kind = type(material).__name__
    raise BadInputError(f"candidates can't be told apart by {kind}; expected a scorer or a folder with a saved one")


def evidence_of(evidence: Evidence, ask: Ask, texts: Sequence[str]) -> NDArray[np.float64]:
    """What each reply says about every value pair, `[reply, value_pair]`, nats; NaN where a choice can't be read.

    A dilemma's reply counts as the options that it chooses; any other as the text it is.
    """
    if isinstance(ask, Asked):
        (question,) = evidence.questions([ask.dilemma])
        chosen = [parse_answer(text, len(ask.dilemma.options)).choices for text in texts]
        unreadable = np.full(question.features.shape[1], np.nan)
        return np.stack([question.features[list(c)].mean(0) if c else unreadable for c in chosen])
    about = Dilemma("", "", text_of(ask), tuple(Option(text, "") for text in texts))
    return np.asarray(evidence.replies(texts, about), np.float64)


def keep(features: NDArray[np.float64], vector: Vector, *, temperature: float, seed: int) -> int:
    """Which candidate is kept, by the Gumbel-max trick (Gumbel 1954); the first of equals at temperature 0.

    Args:
        features: `[candidate, value_pair]`, nats; a row with a NaN is kept only where all have one.
        vector: `[value_pair]`, log-odds per nat.
        temperature: of the choice.
        seed: of the draw.
    """
    scores = _scores(features, vector)
    if temperature > 0:
        scores = scores / temperature + np.random.default_rng(seed).gumbel(size=len(scores))
    return int(np.argmax(scores))


def kept_with(features: NDArray[np.float64], vector: Vector, *, temperature: float) -> NDArray[np.float64]:
    """The probability with which `keep` keeps each candidate, `[candidate]`; same arguments."""
    scores = _scores(features, vector)
    kept: NDArray[np.float64] = np.zeros(len(scores))
    kept[int(np.argmax(scores))] = 1.0
    if temperature > 0:
        kept[:] = softmax(scores / temperature)
    return kept


def _scores(features: NDArray[np.float64], vector: Vector) -> NDArray[np.float64]:
    """v . x of each candidate; minus infinity where it can't be read; where none can, the first is as good as any."""
    scores: NDArray[np.float64] = features @ vector
    unknown = np.isnan(scores)
    scores[unknown] = -np.inf
    if unknown.all():
        scores[0] = 0.0
    return scores


def choose(evidence: Evidence, request: Request, steering: Steering, texts: Sequence[str]) -> int:
    """Which reply to `request` is kept under `steering`, which is in units of evidence."""
    features, temperature = evidence_of(evidence, request.ask, texts), request.decoding.temperature
    return keep(features, steering.array, temperature=temperature, seed=number(request, "keep"))


def chances(evidence: Evidence, request: Request, steering: Steering, texts: Sequence[str]) -> NDArray[np.float64]:
    """With what probability `choose` keeps each reply, `[reply]`."""
    features, temperature = evidence_of(evidence, request.ask, texts), request.decoding.temperature
    return kept_with(features, steering.array, temperature=temperature)


def number(request: Request, *what: object) -> int:
    """A seed made from the request's own and from what it is for: equal requests get equal ones."""
    who = request.ask.who
    asked = [text_of(request.ask), who.name if who else ""]
    return int(content_hash(request.seed, request.decoding.seed, asked, *what)[:15], 16)
