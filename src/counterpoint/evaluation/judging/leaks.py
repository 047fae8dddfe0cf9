"""Texts that a judge must not see: what it, or who is judged, was trained on is no evidence of either's skill."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from counterpoint.evaluation.harm.measures import normalised
from counterpoint.evaluation.judge import Judge, JudgeItem, PairItem, Preference, Rubric, Verdict
from counterpoint.types import Dilemma

LEAST_WORDS = 6
"""Shorter texts are said by chance."""
LEAK = "leak: the text stands in what was trained on"

T = TypeVar("T")


def training_texts(dilemmas: Iterable[Dilemma]) -> frozenset[str]:
    """What options and explanations of these dilemmas say, without case and punctuation."""
    texts = (text for d in dilemmas for option in d.options for text in (option.text, option.explanation))
    return frozenset(plain for text in texts if len((plain := normalised(text)).split()) >= LEAST_WORDS)


@dataclass(frozen=True)
class Guarded:
    """A judge that refuses texts that were trained on: their verdicts are failures, and nothing of them is sent."""

    judge: Judge
    trained: frozenset[str]
    """See `training_texts`."""

    @property
    def name(self) -> str:
        """The judge's."""
        return self.judge.name

    def grade(self, rubric: Rubric, items: Sequence[JudgeItem], *, repeats: int = 1) -> list[Verdict]:
        """See `Judge.grade`."""
        clean = [item for item in items if normalised(item.answer) not in self.trained]
        said = _by_item(clean, self.judge.grade(rubric, clean, repeats=repeats), repeats)

        def refused(item: JudgeItem, repeat: int) -> Verdict:
            return Verdict(item, rubric.reference, self.name, None, repeat=repeat, error=LEAK)

        return [
            verdict for item in items for verdict in said.get(id(item)) or [refused(item, r) for r in range(repeats)]
        ]

    def compare(self, rubric: Rubric, items: Sequence[PairItem], *, repeats: int = 1) -> list[Preference]:
        """See `Judge.compare`."""
        clean = [i for i in items if not {normalised(i.one), normalised(i.other)} & self.trained]
        said = _by_item(clean, self.judge.compare(rubric, clean, repeats=repeats), repeats)

        def refused(item: PairItem, repeat: int) -> Preference:
            return Preference(item, rubric.reference, self.name, None, repeat=repeat, error=LEAK)

        return [found for item in items for found in said.get(id(item)) or [refused(item, r) for r in range(repeats)]]

    def describe(self) -> dict[str, Any]:
        """The judge's, and how many texts it refuses."""
        return {**self.judge.describe(), "training_texts_refused": len(self.trained)}


def _by_item(items: Sequence[object], found: Sequence[T], repeats: int) -> dict[int, Sequence[T]]:
    return {id(item): found[i * repeats : (i + 1) * repeats] for i, item in enumerate(items)}
