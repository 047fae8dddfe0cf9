"""What beliefs are worth, in figures: `python benchmarks/beliefs.py --json OUT [--train DATA --test DATA]`.

Writes a list of `{what, value, low, high, bar, holds}`: 95% intervals over people, `holds` null where a figure is only
reported. People are simulated and read gold labels of test dilemmas; inference reads texts through an encoder that was
trained on the training dilemmas. Without `--test`, the training data are halved by scenario, with seed 0. Nothing was
tuned on these people or dilemmas: `beliefs_defaults.py` chose the defaults.

Frozen encoder, 60 people, 3 seeds, one core: a few minutes; each part says how long it took. `--finetune` trains the
encoder too: 10 minutes or more for each of the 5 trainings a seed. Expected on VCD: docs/beliefs.md.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from beliefs_costs import speed
from beliefs_oracles import choix_oracle, kickscore_oracle, quadrature
from beliefs_people import asking, calibration, coverage, flips, history, scenes
from beliefs_world import Figure, World, build
from rich.console import Console
from rich.table import Table

PARTS: tuple[Callable[[World], list[Figure]], ...] = (
    quadrature,
    choix_oracle,
    kickscore_oracle,
    coverage,
    calibration,
    flips,
    scenes,
    asking,
    speed,
    history,
)


def print_table(figures: Sequence[Figure]) -> None:
    """Every figure with its bar and whether it holds."""
    table = Table("what", "value", "95% interval", "bar", "holds")
    for figure in figures:
        value = "-" if figure.value is None else f"{figure.value:.3g}"
        low_high = "" if figure.low is None or figure.high is None else f"{figure.low:.3g} to {figure.high:.3g}"
        holds = "" if figure.holds is None else ("yes" if figure.holds else "NO")
        table.add_row(figure.what, value, low_high, figure.bar, holds)
    Console(width=None if sys.stdout.isatty() else 150).print(table)


def main() -> None:
    """Measure everything, write the list after every part, print the table."""
    names = [part.__name__ for part in PARTS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--train", default="crossroads")
    parser.add_argument("--test")
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=3, help="of the history experiment")
    parser.add_argument("--finetune", action="store_true", help="train the encoder too")
    parser.add_argument("--only", nargs="*", choices=names, default=names, help="parts to run")
    parser.add_argument("--skip", nargs="*", choices=names, default=[], help="parts to leave out")
    arguments = parser.parse_args()
    began = time.perf_counter()
    world = build(
        arguments.train,
        arguments.test,
        people=arguments.people,
        seeds=arguments.seeds,
        finetune=arguments.finetune,
    )
    print(f"reading and training: {time.perf_counter() - began:.0f} s", file=sys.stderr)
    figures: list[Figure] = []
    for part in PARTS:
        if part.__name__ in arguments.only and part.__name__ not in arguments.skip:
            start = time.perf_counter()
            figures += part(world)
            print(f"{part.__name__}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
            arguments.json.write_text(json.dumps([f._asdict() for f in figures], indent=1) + "\n")
    print_table(figures)


if __name__ == "__main__":
    main()
