"""How metrics are called, and which way is better; of a metric that nobody told us about, nothing is claimed."""

from __future__ import annotations

from typing import NamedTuple

from counterpoint.evaluation.harm.counting import METRICS as HARM
from counterpoint.evaluation.report_tables import METRICS


class Measure(NamedTuple):
    """A metric as readers see it."""

    heading: str
    better: bool | None
    """Whether more is better."""


KNOWN = {
    **{name: Measure(heading, up) for name, (heading, up) in METRICS.items()},
    "paired_accuracy": Measure("Right for both", True),
    "insensitivity": Measure("Same for both", False),
    "swapped": Measure("Swapped", False),
    "alignment": Measure("Alignment", True),
    "relative_gain": Measure("Relative gain", True),
    "al": Measure("AL", True),
    "gain": Measure("Gain", True),
    "ir": Measure("IR", True),
    "n_ir": Measure("N-IR", True),
    "n_r2": Measure("N-R2", None),
    "contrast": Measure("Contrast", True),
    "score": Measure("Score", True),
    "log_perplexity": Measure("Log perplexity", False),
    "alignment_after": Measure("Alignment after", True),
    "choices_to_turn": Measure("Choices to turn", False),
    "never_turned": Measure("Never turned", False),
    "change_noticed": Measure("Change noticed", True),
    "choices_to_notice": Measure("Choices to notice", False),
    "false_alarm": Measure("False alarm", False),
}
BEGINNINGS = {"accuracy": True, "acc_": True, "nll": False, "ece": False, "order_effect": False, "unreadable": False}
"""What families of metrics begin with."""


DIMENSIONS = {"since": "choices since the change", "history": "choices seen"}
"""Names of what rows are about, where the key alone says too little."""


def dimension(key: str) -> str:
    """What a dimension is called in a sentence or along an axis."""
    return DIMENSIONS.get(key, key.replace("_", " "))


def measure(metric: str) -> Measure:
    """The metric's heading and direction."""
    if metric in KNOWN:
        return KNOWN[metric]
    if metric in HARM:
        return Measure(HARM[metric].title, HARM[metric].better > 0 if HARM[metric].better else None)
    name, _, turn = metric.partition("al_")
    if not name and turn.isdecimal():
        return Measure(f"AL, turn {turn}", True)
    better = next((up for beginning, up in BEGINNINGS.items() if metric.startswith(beginning)), None)
    return Measure(metric.replace("_", " ").capitalize(), better)


def ordered(metrics: list[str]) -> list[str]:
    """Known metrics in their order, then others as they come."""
    return [m for m in KNOWN if m in metrics] + [m for m in metrics if m not in KNOWN]
