"""Decides on drafts in order: like nothing kept before, balanced in length, options in the order that keeps balance."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from counterpoint.authoring.dilemmas.balance import Balance
from counterpoint.authoring.dilemmas.likeness import Kept
from counterpoint.authoring.journal import Draft, RejectedError
from counterpoint.data.lint import SAME_OPTION, SAME_SCENARIO, Embed
from counterpoint.types import Dilemma, Option, Taxonomy


class Settler:
    """Settles drafts against all it kept before. Its decisions depend on the drafts and their order alone.

    Args:
        taxonomy: says which pole is the positive one.
        planned: dilemmas planned for each value pair.
        embed: texts in, unit vectors out.
    """

    def __init__(self, taxonomy: Taxonomy, planned: Mapping[str, int], embed: Embed) -> None:
        self._taxonomy, self._embed = taxonomy, embed
        self._balance, self._kept = Balance(planned), Kept()

    def __call__(self, draft: Draft) -> Draft:
        """The draft with its options (and its twin's) in the order chosen for balance.

        Raises:
            RejectedError: `near duplicate`, `options alike`, or `length balance`.
        """
        dilemma = read_dilemma(draft.row["dilemma"])
        vectors = self._embed([dilemma.scenario, *(option.text for option in dilemma.options)])
        like, cosine = self._kept.most_like(vectors[0])
        if cosine >= SAME_SCENARIO:
            raise RejectedError("near duplicate", f"its scenario is like that of {like} (cosine {cosine:.2f})")
        cosines = vectors[1:] @ vectors[1:].T
        for i in range(len(dilemma.options)):
            for j in range(i):
                if cosines[i, j] >= SAME_OPTION:
                    raise RejectedError("options alike", f"{dilemma.options[j].text} / {dilemma.options[i].text}")
        order = self._order(dilemma)
        self._kept.add(dilemma.id, vectors[0])
        row: dict[str, Any] = {**draft.row, "dilemma": asdict(dilemma.reordered(order))}
        if row.get("twin"):
            row["twin"] = asdict(read_dilemma(row["twin"]).reordered(order))
        return replace(draft, row=row)

    def _order(self, dilemma: Dilemma) -> tuple[int, ...]:
        """The order of options that keeps places balanced; raises where lengths would give a side away."""
        pair = self._taxonomy.by_name[dilemma.value_pair]
        positive = [option.pole == pair.positive.name for option in dilemma.options]
        lengths = [len(option.text) for option in dilemma.options]
        if rule := self._balance.leaning(pair.name, positive, lengths):
            raise RejectedError("length balance", f"with it, the {rule} option would show its side too often")
        pattern = self._balance.best_order(pair.name, sum(positive), len(positive))
        mixed = random.Random(dilemma.digest).sample(range(len(positive)), len(positive))
        of_side = {side: iter([i for i in mixed if positive[i] == side]) for side in (True, False)}
        order = tuple(next(of_side[side]) for side in pattern)
        self._balance.add(pair.name, pattern, [lengths[i] for i in order])
        return order


def read_dilemma(fields: Mapping[str, Any]) -> Dilemma:
    """A dilemma from a draft's row."""
    return Dilemma(**{**fields, "options": tuple(Option(**option) for option in fields["options"])})
