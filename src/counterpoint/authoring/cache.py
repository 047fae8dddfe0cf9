"""Answers on disk under the hash of their call; safe under sudden death and under several processes."""

from __future__ import annotations

from pathlib import Path


class AnswerCache:
    """The answers in a folder.

    Args:
        folder: made if missing. Any number of processes may use it at once.
        run: name of the run that pays; `spent` sums what it has paid so far, in earlier processes too.
    """

    def __init__(self, folder: Path, *, run: str = "") -> None:
        self.folder, self.run = folder, run
