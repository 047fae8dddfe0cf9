"""What the service shows, in figures: `python benchmarks/service.py --store sqlite|postgresql --json OUT [--quick]`.

Exits 1 if a bar is missed, but for those of `--lenient` parts: times on a machine with other work say little. Writes a
list of `{what, value, low, high, bar, holds}`; intervals are 95%. Servers are real `counterpoint serve` processes on
127.0.0.1, PostgreSQL is a cluster of its own (its binaries must be here), everything is made in a temporary folder and
gone afterwards. In full 15 to 20 minutes a store on 2 cores and 3 GB of disk; `--quick` has smaller sizes, which the
figures' names say, and takes 2 to 3 minutes.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table
from service_durability import kills, replicas
from service_markers import markers
from service_speed import crowd, latency
from service_world import FULL, QUICK, Figure, Sizes, World, world

PARTS: tuple[Callable[[World, Sizes], list[Figure]], ...] = (kills, replicas, latency, crowd, markers)


def main() -> None:
    """Measure everything, write the list after every part, print the table; exit 1 if a bar is missed."""
    names = [part.__name__ for part in PARTS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", choices=["sqlite", "postgresql"], required=True)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="*", choices=names, default=names)
    parser.add_argument("--lenient", nargs="*", choices=names, default=[], help="parts that may miss their bars")
    arguments = parser.parse_args()
    figures: list[Figure] = []
    missed = False
    with world(arguments.store) as made:
        for part in PARTS:
            if part.__name__ in arguments.only:
                began = time.perf_counter()
                found = part(made, QUICK if arguments.quick else FULL)
                figures += found
                missed |= part.__name__ not in arguments.lenient and any(one.holds is False for one in found)
                arguments.json.parent.mkdir(parents=True, exist_ok=True)
                arguments.json.write_text(json.dumps([asdict(figure) for figure in figures], indent=1) + "\n")
                print(f"{part.__name__}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    print_table(figures)
    sys.exit(missed)


def print_table(figures: list[Figure]) -> None:
    """Every figure with its bar and whether it holds."""
    table = Table("what", "value", "95% interval", "bar", "holds")
    for figure in figures:
        value = "-" if figure.value is None else f"{figure.value:.3g}"
        low_high = "" if figure.low is None or figure.high is None else f"{figure.low:.3g} to {figure.high:.3g}"
        holds = "" if figure.holds is None else ("yes" if figure.holds else "NO")
        table.add_row(figure.what, value, low_high, figure.bar, holds)
    Console(width=None if sys.stdout.isatty() else 150).print(table)


if __name__ == "__main__":
    main()
