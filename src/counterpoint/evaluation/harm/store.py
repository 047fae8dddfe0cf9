"""What was answered so far, one sample a line, so that a run that was stopped goes on after its last sample."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from counterpoint.evaluation.harm.samples import Sample


class Condition(NamedTuple):
    """A method at a strength; the base at 0."""

    method: str
    strength: float


class Outcome(NamedTuple):
    """What came of one sample under one condition."""

    reply: str = ""
    words: int = 0
    surprise: float | None = None
    """Mean negative log-probability of the reply's tokens under the base, nats; None where it isn't known."""
    tokens: int = 0
    chance: float | None = None
    """Two-choice: probability of the right option; None where it was answered in words."""
    right: bool | None = None
    """Two-choice: whether the right option was the likelier, or was chosen; None where it can't be told."""


Outcomes = dict[tuple[Condition, str], Outcome]
"""By condition and the sample's id."""


class Store:
    """Outcomes in memory and, with a file, on disk. A line that was cut off is forgotten."""

    def __init__(self, file: Path | None, samples: Sequence[Sample]) -> None:
        self.file = file
        self.outcomes: Outcomes = {}
        self._digests = {sample.id: sample.digest for sample in samples}
        for line in file.read_text(encoding="utf-8").splitlines() if file and file.exists() else ():
            try:
                row = json.loads(line)
                known = self._digests.get(row["sample"]) == row["digest"]
                key = Condition(row["method"], float(row["strength"])), row["sample"]
                outcome = Outcome(**row["outcome"])
            except (KeyError, TypeError, ValueError):
                continue
            if known:
                self.outcomes[key] = outcome

    def missing(self, condition: Condition, samples: Sequence[Sample]) -> list[Sample]:
        """Those not answered yet."""
        return [sample for sample in samples if (condition, sample.id) not in self.outcomes]

    def add(self, condition: Condition, samples: Sequence[Sample], outcomes: Sequence[Outcome]) -> None:
        """Keep some."""
        lines = []
        for sample, outcome in zip(samples, outcomes, strict=True):
            self.outcomes[condition, sample.id] = outcome
            row: dict[str, Any] = {**condition._asdict(), "sample": sample.id, "digest": sample.digest}
            lines.append(json.dumps({**row, "outcome": outcome._asdict()}, ensure_ascii=False) + "\n")
        if self.file:
            with self.file.open("a", encoding="utf-8") as file:
                if file.tell() and not self._ends_with_a_line():
                    file.write("\n")
                file.write("".join(lines))

    def _ends_with_a_line(self) -> bool:
        assert self.file is not None
        with self.file.open("rb") as file:
            file.seek(-1, 2)
            return file.read(1) == b"\n"
