"""What the command line of `counterpoint evaluate` said, handed to a suite's `run`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from counterpoint.errors import BadInputError

T = TypeVar("T")

WHOLE = "whole numbers, such as 1,3,5,10"
"""What is expected of a list of counts."""


@dataclass(frozen=True)
class Options:
    """Everything that was said. A suite reads what its entry in `evaluate_suites` says that it takes; the rest is None
    or empty, because `evaluate` refuses what a suite doesn't take."""

    suite: str
    """The suite's name."""
    out: Path
    """The run's folder."""
    data: str | None = None
    """What is asked, or what is trained on where `test` is given."""
    model: str = "encoder"
    """Who is asked."""
    sets: tuple[str, ...] = ()
    """KEY=VALUE each."""
    as_json: bool = False
    """Print the summary as JSON and nothing else."""
    taxonomy: str | None = None
    """Of what is asked."""
    test: str | None = None
    """What is asked, where `data` is what is trained on."""
    train: str | None = None
    """What is trained on."""
    finetune: bool | None = None
    """Whether the encoder is trained too."""
    seeds: int | None = None
    """How many."""
    methods: str | None = None
    """Comma-separated."""
    histories: str | None = None
    """Comma-separated."""
    people: int | None = None
    """A seed."""
    strengths: str | None = None
    """Comma-separated, log-odds."""
    material: tuple[str, ...] = ()
    """METHOD=FOLDER each."""
    dial: tuple[Path, ...] = ()
    """Files."""
    task: tuple[str, ...] = ()
    """Tasks of lm-evaluation-harness."""
    judge: str | None = None
    """Who grades: `encoder`, `lm:...` or `URL#MODEL`."""


def listed(text: str | None, kind: Callable[[str], T], option: str, expected: str) -> list[T] | None:
    """The parts of a comma-separated list; None where nothing was said.

    Raises:
        BadInputError: a part is no `kind`.
    """
    if text is None:
        return None
    try:
        return [kind(part.strip()) for part in text.split(",")]
    except ValueError:
        raise BadInputError(f"{option} {text!r}: expected {expected}") from None
