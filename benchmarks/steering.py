"""What steering does and what it costs, in figures: `python benchmarks/steering.py --json OUT [--model lm:...]`.

Writes a list of `{what, method, value, low, high, bar, holds}`: 95% intervals over dilemmas (for speeds: smallest and
largest of the runs), `holds` null where a figure is only reported. Strengths are the methods' own, but for the rows
about dials and neutral questions. Nothing was tuned on the test dilemmas.

`lm:tiny` is tuned (PFT) on toy dilemmas and steered on unseen ones: a few minutes on one core. Any other model takes
`--data` (crossroads by default) and is tuned first, unless it has an adapter or `--no-train` is given. Expected
figures: docs/steering.md.
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

import torch
from rich.console import Console
from rich.table import Table
from steering_dials import dials
from steering_effects import asked_pole, rising, two_pairs, zero_belief
from steering_engine import batches, left_alone, scaling, throughput
from steering_harm import neutral
from steering_world import Figure, World, build

PARTS: tuple[Callable[[World], list[Figure]], ...] = (
    rising,
    asked_pole,
    two_pairs,
    zero_belief,
    batches,
    left_alone,
    throughput,
    scaling,
    dials,
    neutral,
)


def print_table(figures: Sequence[Figure]) -> None:
    """Every figure with its bar and whether it holds."""
    table = Table("what", "method", "value", "interval", "bar", "holds")
    for figure in figures:
        value = "-" if figure.value is None else f"{figure.value:.3g}"
        low_high = "" if figure.low is None or figure.high is None else f"{figure.low:.3g} to {figure.high:.3g}"
        holds = "" if figure.holds is None else ("yes" if figure.holds else "NO")
        table.add_row(figure.what, figure.method, value, low_high, figure.bar, holds)
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def main() -> None:
    """Measure everything, write the list after every part, print the table."""
    names = [part.__name__ for part in PARTS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--model", default="lm:tiny")
    parser.add_argument("--data", help="dilemmas; toy for lm:tiny, otherwise crossroads by default")
    parser.add_argument("--no-train", action="store_true", help="steer the model as it is")
    parser.add_argument("--quick", action="store_true", help="fewer dilemmas and runs: to see that it works")
    parser.add_argument("--only", nargs="*", choices=names, default=names, help="parts to run")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        torch.set_num_threads(1)
    began = time.perf_counter()
    data = arguments.data or ("toy" if arguments.model == "lm:tiny" else "crossroads")
    world = build(arguments.model, data, train=not arguments.no_train, quick=arguments.quick)
    print(f"making the model: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    figures: list[Figure] = []
    for part in PARTS:
        if part.__name__ in arguments.only:
            start = time.perf_counter()
            figures += part(world)
            print(f"{part.__name__}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
            arguments.json.write_text(json.dumps([f._asdict() for f in figures], indent=1) + "\n")
    print_table(figures)


if __name__ == "__main__":
    main()
