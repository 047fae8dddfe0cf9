"""Mixing the poles' next-token distributions; ours, after experts and anti-experts (DExperts, arXiv 2105.03023).

    log p(t) = log p_0(t) + sum over value pairs d of v_d (log p_{d+}(t) - log p_{d-}(t)) / 2 + constant

at every token t, p_0 the model asked for nobody in particular and p_{d+}, p_{d-} asked for the poles of d. That is the
belief's own model of a choice, P(o | v) ~ exp(v . x(o) + b(o)) with x_d = (s_{d+} - s_{d-}) / 2, applied token by
token: what was inferred is what is applied. Every step is normalised anew, so that the log-odds of a reply are those of
the tokens that decide it.

One reply takes 2K + 1 rows of the model for K pairs that are not 0; poles of other pairs cost nothing. All rows take
the same token, and what their prompts share is read once.

Worked example: p_0 gives two tokens (1/2, 1/2), p_+ (4/5, 1/5), p_- (1/5, 4/5); v = 1 gives odds
1 * (4 / (1/4))^(1/2) = 4, which is p_+; v = 2 gives 16.

With `Mixture(centre="poles")` the base's row is dropped: in its place stands the mean of the log-probabilities of the K
active pairs' 2K poles, what both sides agree on. 2K rows, and at v = +1 or -1 with one pair that pole's prompt alone.
Departure: small v then doesn't tend to the base, though v = 0 is the base.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from counterpoint.errors import BadInputError
from counterpoint.steering.method import Answerer, Draft, Needs, Voice
from counterpoint.steering.steering import Steering
from counterpoint.types import Taxonomy


@dataclass(frozen=True)
class Mixture:
    """The method's settings, which are its material."""

    centre: Literal["base", "poles"] = "base"
    """What is steered away from: the model asked for nobody, or the mean of the active pairs' poles."""


@dataclass(frozen=True)
class OpenMixture:
    """Mixing over one taxonomy's poles."""

    taxonomy: Taxonomy
    settings: Mixture

    def draft(self, draft: Draft, steering: Steering) -> Draft:
        """A voice for the base, and two for each pair that is not 0; those of weight 0 are left out."""
        active = [(pair, v) for pair, v in zip(self.taxonomy, steering.vector, strict=True) if v]
        base = self.settings.centre == "base"
        share = 0.0 if base else 1 / (2 * len(active))
        voices = [Voice(draft.ask.who, 1.0)] if base else []
        for pair, v in active:
            voices += [Voice(pair.positive, share + v / 2), Voice(pair.negative, share - v / 2)]
        return replace(draft, voices=tuple(voice for voice in voices if voice.weight))


@dataclass(frozen=True)
class _Method:
    needs: Needs = "model"
    composes_with: frozenset[str] = frozenset({"instruction", "activation", "adapters", "rerank"})

    def open(self, host: Answerer, material: Any = None) -> OpenMixture:
        """Needs no material; a `Mixture` changes its settings."""
        if material is not None and not isinstance(material, Mixture):
            raise BadInputError(f"mixture was given {type(material).__name__}; expected settings (Mixture) or nothing")
        return OpenMixture(host.taxonomy, material or Mixture())


METHOD = _Method()
