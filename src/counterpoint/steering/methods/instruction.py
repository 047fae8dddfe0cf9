"""Says in plain words how the person leans: the prompt that models are asked for poles with, and a word of degree.

    Who answers: strongly Risk-averse. Gives up a larger possible gain to keep safe.
    Also: perhaps slightly Frugal. Would rather save than spend.

Every pole that is leant to is described, the strongest first, with how strongly ("slightly", "moderately", "strongly",
"very strongly": 0.5, 1, 2 and 3 log-odds) and how surely ("perhaps" where the side is less than 95% probable). What is
not known, or too slight for a word, is left out. Conditioning on a described leaning is the oldest way to steer
(persona prompts; Zhang et al. 2018, arXiv 1801.07243); words of degree make it one of several strengths. Needs only the
prompt, so that it works with every endpoint. How much a model heeds the words is its own affair: a dial measures it.

Worked example: v = (-2, 0.6, 0.1) with sd (1.5, 0, 0) gives the negative pole of the first pair, "perhaps strongly"
(2/1.5 sd, 91%), then the positive one of the second, "slightly"; the third is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from counterpoint.errors import BadInputError
from counterpoint.steering.asking import answered_by
from counterpoint.steering.method import Answerer, Draft, Needs
from counterpoint.steering.steering import Steering
from counterpoint.steering.words import who_answers
from counterpoint.types import Taxonomy


@dataclass(frozen=True)
class OpenInstruction:
    """Instructions about one taxonomy's poles."""

    taxonomy: Taxonomy

    def draft(self, draft: Draft, steering: Steering) -> Draft:
        """The question put to somebody who leans so, besides whoever it was put to."""
        who = who_answers(steering, self.taxonomy, besides=draft.ask.who)
        return replace(draft, ask=answered_by(draft.ask, who))


@dataclass(frozen=True)
class _Method:
    needs: Needs = "prompt"
    composes_with: frozenset[str] = frozenset({"mixture", "activation", "adapters", "rerank", "neighbourhood"})

    def open(self, host: Answerer, material: Any = None) -> OpenInstruction:
        """Needs no material."""
        if material is not None:
            raise BadInputError(f"instruction was given {type(material).__name__}; it takes no material")
        return OpenInstruction(host.taxonomy)


METHOD = _Method()
