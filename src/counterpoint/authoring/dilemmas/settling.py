"""Decides on drafts in order: each like nothing kept before, and no side given away by the lengths of options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from counterpoint.authoring.dilemmas.balance import Lengths
from counterpoint.authoring.dilemmas.likeness import Kept, by_words
from counterpoint.authoring.journal import Draft, RejectedError
from counterpoint.data.lint import SAME_OPTION, SAME_SCENARIO, Embed
from counterpoint.types import Dilemma, Option, Taxonomy

HALF = 0.5
"""Cosine of word counts below which two options are not asked whether they mean the same."""


class Settler:
    """Settles drafts against all it kept before. Its decisions depend on the drafts and their order alone.

    Args:
        taxonomy: says which pole is the positive one.
        embed: texts in, unit vectors out.
    """

    def __init__(self, taxonomy: Taxonomy, embed: Embed) -> None:
        self._taxonomy, self._embed = taxonomy, embed
        self._lengths, self._kept = Lengths(), Kept()

    def __call__(self, draft: Draft) -> Draft:
        """The draft as it is, if it is kept.

        Raises:
            RejectedError: `near duplicate`, `options alike`, or `length balance`.
        """
        dilemma = read_dilemma(draft.row["dilemma"])
        vector = self._embed([dilemma.scenario])[0]
        like, cosine = self._kept.most_like(vector)
        if cosine >= SAME_SCENARIO:
            raise RejectedError("near duplicate", f"its scenario is like that of {like} (cosine {cosine:.2f})")
        self._refuse_like_options(dilemma)
        self._refuse_length(dilemma)
        self._kept.add(dilemma.id, vector)
        return draft

    def _refuse_like_options(self, dilemma: Dilemma) -> None:
        """Options that mean the same share words: only those that share half of them are embedded."""
        texts = [option.text for option in dilemma.options]
        shared = by_words(texts) @ by_words(texts).T
        for i in range(len(texts)):
            for j in range(i):
                if shared[i, j] >= HALF:
                    first, second = self._embed([texts[j], texts[i]])
                    if first @ second >= SAME_OPTION:
                        raise RejectedError("options alike", f"{texts[j]} / {texts[i]}")

    def _refuse_length(self, dilemma: Dilemma) -> None:
        """Raises where lengths would give a side away; else counts the dilemma as kept."""
        pair = self._taxonomy.by_name[dilemma.value_pair]
        positive = [option.pole == pair.positive.name for option in dilemma.options]
        lengths = [len(option.text) for option in dilemma.options]
        if rule := self._lengths.leaning(pair.name, positive, lengths):
            raise RejectedError("length balance", f"with it, the {rule} option would show its side too often")
        self._lengths.add(pair.name, positive, lengths)


def read_dilemma(fields: Mapping[str, Any]) -> Dilemma:
    """A dilemma from a draft's row."""
    return Dilemma(**{**fields, "options": tuple(Option(**option) for option in fields["options"])})
