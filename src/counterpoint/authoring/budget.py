"""What a run has spent, and a cap it can't pass: the worst case of a call is set aside before it is sent."""

from __future__ import annotations


class Budget:
    """Money of one run, in US dollars.

    Args:
        cap: never spent more than this; None for no cap.
        spent: what earlier, interrupted parts of the run have paid.
    """

    def __init__(self, cap: float | None = None, *, spent: float = 0.0) -> None:
        self.cap, self.spent = cap, spent
