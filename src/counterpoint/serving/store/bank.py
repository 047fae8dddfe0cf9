"""Dilemmas and what their options say, read off the scorer once; and people's own texts, read when they come."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from counterpoint.models.scorer import Scorer
from counterpoint.types import DataSet, Dilemma, Taxonomy
from counterpoint.users.model import Question


class Bank:
    """What people can be asked. Immutable once open; one a process, shared by threads."""

    taxonomy: Taxonomy
    questions: Sequence[Question]
    """One a dilemma of the data set, in its order, with evidence."""

    @classmethod
    def open(cls, data: DataSet, scorer: Callable[[], Scorer], *, name: str = "") -> Bank:
        """Read every dilemma through the scorer.

        Args:
            data: what can be asked.
            scorer: makes the scorer; called at once.
            name: tells this scorer from every other; by default a hash of what it saves.
        """
        raise NotImplementedError

    def find(self, name: str) -> Dilemma | None:
        """The dilemma of this id or digest."""
        raise NotImplementedError
