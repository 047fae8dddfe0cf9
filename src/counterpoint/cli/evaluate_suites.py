"""The suites of `counterpoint evaluate`: one entry each. A new suite is its entry here and the module that it names.

The module has `run(options: Options) -> None`, which runs the suite, writes `results.json` into the run's folder and
prints what came of it. It is imported only when its suite is asked for.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

from counterpoint.cli.evaluate_options import Options
from counterpoint.errors import BadInputError, UnknownNameError


class Entry(NamedTuple):
    """One suite."""

    help: str
    """What it asks, in one line."""
    module: str
    """Has `run`; within `counterpoint.cli`."""
    takes: tuple[str, ...] = ()
    """Options beyond --suite, --data, --model, --out, --taxonomy, --set and --json, which all take."""


_TRAINED = ("train", "test", "finetune", "seeds", "methods")

SUITES: Mapping[str, Entry] = {
    "history": Entry(
        "how well somebody is served after a few of their choices",
        "evaluate_history",
        ("test", "finetune", "seeds", "histories", "people"),
    ),
    "drift": Entry(
        "how user models follow people whose leaning changes",
        "evaluate_drift",
        ("test", "finetune", "seeds", "people", "methods"),
    ),
    "vcd": Entry("dilemmas for either side", "evaluate_choices", _TRAINED),
    "vcd_open": Entry("open questions for either side, judged", "evaluate_open", (*_TRAINED, "judge")),
    "bqd_open": Entry("open questions about behaviours, judged", "evaluate_open", (*_TRAINED, "judge")),
    "conflict": Entry("both sides of a dilemma at once", "evaluate_choices", _TRAINED),
    "bqd": Entry("behaviours for either side", "evaluate_choices", _TRAINED),
    "prefeval": Entry("replies that fit a preference", "evaluate_choices", _TRAINED),
    "harm": Entry(
        "what steering does to answers that it should leave alone",
        "evaluate_harm",
        ("test", "methods", "strengths", "material", "dial", "task"),
    ),
    "aloe": Entry(
        "how well replies suit simulated people, turn by turn", "evaluate_aloe", ("train", "material", "judge")
    ),
    "dial": Entry("how far methods' strengths go; saves a dial each", "evaluate_dial", ("test", "methods", "material")),
}

COMMON = ("suite", "out", "data", "model", "sets", "as_json", "taxonomy")
"""What every suite takes."""


def suite_of(options: Options) -> Callable[[Options], None]:
    """What runs the suite that was asked for.

    Raises:
        UnknownNameError: there is no such suite.
        BadInputError: an option was given that this suite has no use for.
    """
    if options.suite not in SUITES:
        raise UnknownNameError("suite", options.suite, tuple(SUITES))
    entry = SUITES[options.suite]
    for name, value in vars(options).items():
        if value not in (None, ()) and name not in (*COMMON, *entry.takes):
            takes = ", ".join(f"--{other}" for other in entry.takes)
            raise BadInputError(f"--suite {options.suite} has no --{name}; beside what all suites take it has {takes}")
    run: Callable[[Options], None] = importlib.import_module(f"counterpoint.cli.{entry.module}").run
    return run


def help_on_suites() -> str:
    """All suites with their lines."""
    return " ".join(f"{name}: {entry.help}." for name, entry in SUITES.items())


def takers(option: str) -> str:
    """The suites that take an option, comma-separated."""
    return ", ".join(name for name, entry in SUITES.items() if option in entry.takes)
