"""The contract of scorers: dilemmas and poles in, a log-probability for every (dilemma, pole, option) out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from counterpoint.types import Dilemma, Pole

LogProbs = NDArray[np.float32]
"""`[pole, option]`, nats; each row is normalised over the dilemma's options: `logsumexp(row) == 0`."""


class Scorer(Protocol):
    """A model seen as an instrument. Scoring changes nothing in it."""

    @property
    def name(self) -> str:
        """What `--model` said, such as `encoder`."""
        ...

    def score(self, dilemmas: Sequence[Dilemma], poles: Sequence[Sequence[Pole]]) -> list[LogProbs]:
        """Log-probabilities s_p(o) of every option under every pole asked for.

        Args:
            dilemmas: what is asked, `[dilemma]`.
            poles: for each dilemma the poles to ask under, `[dilemma][pole]`.

        Returns:
            `[dilemma]` of arrays `[pole, option]`.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write the trained part as safetensors plus a small JSON; a reload scores bit-identically."""
        ...

    def describe(self) -> dict[str, Any]:
        """What a run's record should say about it (sizes, base weights' hash, trained or not)."""
        ...


def evidence(log_probs: LogProbs) -> NDArray[np.float32]:
    """Evidence x_d(o) = (s_{d+}(o) - s_{d-}(o)) / 2 from rows `[positive, negative; option]`: `[option]`, nats."""
    difference: NDArray[np.float32] = (log_probs[0] - log_probs[1]) / 2
    return difference
