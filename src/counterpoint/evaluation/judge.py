"""The contract of judges: rubric and texts in, verdicts out. `judging/` has the rubrics and the judges there are.

    judge.grade(POLE_SHOWN, [JudgeItem("1", question, answer, about_pole(pair, pole))], repeats=3)

What a judge is told is the rubric, `about`, question and answer, and nothing else: an item has no place for who wrote
the answer, and its id stays here. A verdict that couldn't be had (no answer, none that can be read, a text that the
judge was trained on) has an error and no score; it is counted, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple, Protocol

from counterpoint.errors import BadInputError
from counterpoint.types import Pole, ValuePair, content_hash


class Scale(NamedTuple):
    """Whole numbers from `low` to `high`, the higher the better."""

    low: int
    high: int


class Criterion(NamedTuple):
    """One thing that is scored."""

    name: str
    """Such as `style`; a key of verdicts."""
    text: str
    """What it means, and what the scale's ends are."""


@dataclass(frozen=True)
class Rubric:
    """What is judged, how. Raise the version whenever the wording changes on purpose; the digest tells the rest."""

    name: str
    version: int
    scale: Scale
    about: tuple[str, ...]
    """What an item must say the answer is judged for, such as `pole`; exactly these keys."""
    criteria: tuple[Criterion, ...]
    """A verdict's score is their mean."""
    text: str
    """What the judge is told of its task."""

    @cached_property
    def reference(self) -> str:
        """What verdicts name: `pole_shown/1 sha256:0123456789ab`."""
        told = [self.scale, self.about, self.criteria, self.text]
        return f"{self.name}/{self.version} sha256:{content_hash(told)[:12]}"


@dataclass(frozen=True)
class JudgeItem:
    """One answer to be judged. There is no field for whose answer it is."""

    id: str
    """The caller's; not sent."""
    question: str
    """What was asked, with all that was to be read before."""
    answer: str
    about: Mapping[str, str]
    """What the answer is judged for, by the rubric's keys."""


@dataclass(frozen=True)
class Verdict:
    """What a judge says of one answer in one repeat."""

    item: JudgeItem
    rubric: str
    """`Rubric.reference`."""
    judge: str
    """`Judge.name`."""
    score: float | None
    """Mean over the criteria, on the rubric's scale; None where there is an error."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """By criterion."""
    reason: str = ""
    """In the judge's words."""
    repeat: int = 0
    error: str | None = None
    """Why there is no score, its kind first: `malformed: ...`, `refused`, `truncated`, `unavailable`, `leak`."""

    def row(self) -> dict[str, Any]:
        """As a line of a run's file."""
        kept = {name: getattr(self, name) for name in ("rubric", "judge", "repeat", "score", "reason", "error")}
        return {"item": self.item.id, **kept, "scores": dict(self.scores)}


@dataclass(frozen=True)
class PairItem:
    """Two answers to the same question, to be compared."""

    id: str
    question: str
    one: str
    other: str
    about: Mapping[str, str]


Choice = Literal["one", "other", "tie"]


@dataclass(frozen=True)
class Preference:
    """What a judge says of a pair when shown it in both orders."""

    item: PairItem
    rubric: str
    judge: str
    choice: Choice | None
    """Tie where the two orders disagree; None where there is an error."""
    flipped: bool = False
    """Whether they disagree."""
    reasons: tuple[str, ...] = ()
    """One an order."""
    repeat: int = 0
    error: str | None = None


class Judge(Protocol):
    """Somebody who grades."""

    @property
    def name(self) -> str:
        """What verdicts and tables call it; says what it is."""
        ...

    def grade(self, rubric: Rubric, items: Sequence[JudgeItem], *, repeats: int = 1) -> list[Verdict]:
        """`repeats` verdicts on each item, item after item.

        Raises:
            BadInputError: an item's `about` isn't what the rubric asks for, or this judge can't use the rubric.
        """
        ...

    def compare(self, rubric: Rubric, items: Sequence[PairItem], *, repeats: int = 1) -> list[Preference]:
        """`repeats` preferences on each pair, each of both orders, pair after pair; raises as `grade`."""
        ...

    def describe(self) -> dict[str, Any]:
        """What a run's record says of it: its kind, its agreement with labels where that is known, what it cost."""
        ...


def both_orders(forward: Choice, backward: Choice) -> tuple[Choice, bool]:
    """The preference and whether it flipped, from what was said with `one` shown first and with `other` shown first.

    Both name the answer, not its place. A winner is who wins in both orders; all else is a tie.
    """
    return (forward, False) if forward == backward else ("tie", True)


def about_pole(pair: ValuePair, pole: Pole) -> dict[str, str]:
    """What an answer is judged for where it is to show a pole."""
    other = pair.other(pole.name)
    return {
        "pole": pole.name,
        "description": pole.description,
        "opposite": other.name,
        "opposite_description": other.description,
    }


def check_items(rubric: Rubric, items: Sequence[JudgeItem] | Sequence[PairItem], repeats: int) -> None:
    """Refuse what doesn't fit the rubric.

    Raises:
        BadInputError: an item's `about` has other keys, or repeats are fewer than 1.
    """
    if repeats < 1:
        raise BadInputError(f"repeats must be at least 1 (got {repeats})")
    for item in items:
        if set(item.about) != set(rubric.about):
            raise BadInputError(
                f"item {item.id}: about has {', '.join(sorted(item.about)) or 'nothing'}; "
                f"rubric {rubric.name} is told exactly {', '.join(rubric.about)}"
            )
