"""A run that makes rows: planned slot by slot, written in parallel, decided in order, resumable at any moment.

    async def write(slot: int, attempt: int) -> Draft: ...      # asks models; raises RejectedError or CallFailedError
    def settle(draft: Draft) -> Draft: ...                      # against all kept before; raises RejectedError

    with Journal(out.with_name(out.name + ".run"), identity=[...]) as journal:
        outcome = await run(100, write, settle, journal=journal, attempts=3, parallel=64)

The order of decisions is fixed: first all slots once, then a further attempt for each rejection, in the order of the
rejections. It doesn't depend on which answer came first, so equal answers give equal rows, however often a run was
killed. What was written stands in the journal and is not written again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from counterpoint.authoring.calls import Answer
from counterpoint.errors import CounterpointError


@dataclass(frozen=True)
class Draft:
    """A row as written, before or after it is settled."""

    row: Mapping[str, Any]
    """The row, JSON-able."""
    answers: tuple[Answer, ...] = ()
    """All answers that went into it, repairs and checks too."""
    checks: Mapping[str, Any] = field(default_factory=dict)
    """What was checked and what came out, JSON-able; stands in the row's provenance."""


class RejectedError(CounterpointError):
    """A draft is no good. `reason` is a short phrase to count by, such as `label not recovered`."""

    def __init__(self, reason: str, detail: str = "", answers: tuple[Answer, ...] = ()) -> None:
        self.reason, self.detail, self.answers = reason, detail, answers
        super().__init__(f"{reason}: {detail}" if detail else reason)


@dataclass(frozen=True)
class Rejection:
    """One rejected attempt, as counted and recorded."""

    slot: int
    """Which planned row."""
    attempt: int
    """0 for the first."""
    reason: str
    """Short phrase to count by."""
    detail: str
    """What exactly was wrong."""
    answers: tuple[Answer, ...]
    """What it cost."""


@dataclass(frozen=True)
class Outcome:
    """What a run has come to."""

    rows: tuple[tuple[int, int, Draft], ...]
    """Slot, attempt and settled draft, by slot."""
    rejections: tuple[Rejection, ...]
    """In the order of decisions."""
    unfilled: tuple[int, ...]
    """Slots without a row: all attempts rejected, or the run stopped."""
    stopped: str
    """Why the run ended before its end (the cap, the endpoint); empty if it didn't."""

    @property
    def complete(self) -> bool:
        """Whether every slot has its row."""
        return not self.unfilled


@dataclass(frozen=True)
class Tally:
    """How far a run is."""

    slots: int
    """Rows planned."""
    kept: int
    """Rows kept."""
    given_up: int
    """Slots whose attempts are used up."""
    rejected: Mapping[str, int]
    """RejectedError attempts by reason."""


class Journal:
    """What a run has written so far, on disk; one run at a time may hold a folder.

    Args:
        folder: made if missing.
        identity: all that decides the rows, JSON-able; a folder of another identity is refused.

    Raises:
        BadInputError: the folder is another run's, in use, or can't be made.
    """

    def __init__(self, folder: Path, *, identity: object) -> None:
        raise NotImplementedError

    def get(self, slot: int, attempt: int) -> Draft | RejectedError | None:
        """What was written for this attempt by this or an earlier process; None if nothing was."""
        raise NotImplementedError

    async def put(self, slot: int, attempt: int, written: Draft | RejectedError) -> None:
        """Keep it; returns when it is safe on disk."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        raise NotImplementedError

    def __exit__(self, *_: object) -> None:
        raise NotImplementedError


async def run(
    slots: int,
    write: Callable[[int, int], Awaitable[Draft]],
    settle: Callable[[Draft], Draft],
    *,
    journal: Journal,
    attempts: int = 3,
    parallel: int = 64,
    report: Callable[[Tally], None] | None = None,
) -> Outcome:
    """Fill `slots` rows.

    Args:
        slots: rows wanted.
        write: writes one attempt at one slot; must depend on nothing else. `RejectedError` and `CallFailedError` are
            recorded and the slot is tried again; `RunStoppedError` ends the run.
        settle: decides on a draft in the fixed order, given what it kept before; may change it; raises `RejectedError`.
            Called again for everything on a resumed run, so it must be deterministic.
        journal: where drafts and rejections are kept.
        attempts: at most so many a slot.
        parallel: attempts being written at once.
        report: told after each decision.
    """
    raise NotImplementedError


async def in_order(items: Sequence[Any], work: Callable[[Any], Awaitable[Any]], *, parallel: int) -> list[Any]:
    """Results of `work` in the order of `items`, at most `parallel` at once; the first error cancels the others."""
    raise NotImplementedError
