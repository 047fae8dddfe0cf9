"""Every error a user can meet: what, its value, what was expected, what to do. The command line exits with 2 on it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from counterpoint.types import Problem


class CounterpointError(Exception):
    """Base of all errors with a message meant for the user."""


class BadInputError(CounterpointError, ValueError):
    """A value, file or option is not what it must be."""


class BadDataError(BadInputError):
    """Rows of an input file are wrong; `problems` holds every one that was found."""

    def __init__(self, problems: Sequence[Problem], hint: str = "") -> None:
        self.problems = tuple(problems)
        shown = "\n".join(f"  {problem}" for problem in self.problems[:20])
        more = f"\n  ... and {len(self.problems) - 20} more" if len(self.problems) > 20 else ""
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__(f"{count} in the input:\n{shown}{more}" + (f"\n{hint}" if hint else ""))


class UnknownNameError(CounterpointError, KeyError):
    """A name that nothing has; the message gives the nearest ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        guess = f" Did you mean {near[0]!r}?" if near else ""
        self.message = f"unknown {kind} {name!r}.{guess} Known: {', '.join(names) or 'none'}"
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message


class MissingExtraError(CounterpointError, ImportError):
    """An optional dependency is needed and not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs packages that are not installed. Do: pip install 'counterpoint[{extra}]'")
