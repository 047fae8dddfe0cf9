"""How long work tells where it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Stage(NamedTuple):
    """What is done now, and the share of the whole that is done, 0 to 1."""

    text: str
    share: float


Report = Callable[[Stage], None]
"""Told of every stage."""
