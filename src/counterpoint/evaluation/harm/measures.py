"""What is measured of a reply, or of two replies to the same question: pure functions of texts and numbers.

Fluency is the perplexity of a reply under the unsteered model, as in work on steering by activations (Turner et al.
2023, arXiv 2308.10248): steering that breaks the language makes its replies unlikely to the model it steers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

_PUNCTUATION = re.compile(r"[^\w\s]+")
_FIRST_WORD = re.compile(r"\w+")
_AGREES = {"yes": True, "yeah": True, "yep": True, "right": True, "correct": True, "true": True}
_AGREES |= {"no": False, "nope": False, "not": False, "wrong": False, "incorrect": False, "false": False}


def normalised(text: str) -> str:
    """Without case, punctuation and differences of white space."""
    return " ".join(_PUNCTUATION.sub(" ", text.casefold()).split())


def holds(reply: str, accepted: Sequence[str]) -> bool:
    """Whether a reply holds one of the accepted answers as whole words, whatever their case."""
    return any(re.search(rf"(?<!\w){re.escape(a.casefold())}(?!\w|[.,]\d)", reply.casefold()) for a in accepted)


def changed(before: str, after: str, accepted: Sequence[str] = ()) -> bool:
    """Whether the answer is another one: right and wrong are different, two right ones are the same, and of two wrong
    ones, or without known answers, the words decide."""
    right = holds(before, accepted), holds(after, accepted)
    return right[0] != right[1] if any(right) else normalised(before) != normalised(after)


def agrees(reply: str) -> bool | None:
    """Whether a reply begins by agreeing; None where its first word says neither."""
    found = _FIRST_WORD.search(reply)
    return _AGREES.get(found.group().casefold()) if found else None


def words(text: str) -> int:
    """Number of words."""
    return len(text.split())


def perplexity(log_probs: Sequence[float]) -> float:
    """exp of the mean negative log-probability of tokens (nats); NaN of none."""
    return math.exp(-math.fsum(log_probs) / len(log_probs)) if log_probs else math.nan
