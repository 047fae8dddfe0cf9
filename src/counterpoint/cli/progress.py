"""One progress bar for long work: a moving line on a terminal, a line now and then in a log file."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from counterpoint.evaluation.progress import Stage

SECONDS_BETWEEN_LINES = 15.0


@contextmanager
def progress_bar(*, quiet: bool = False) -> Iterator[Callable[[Stage], None]]:
    """Something to report stages to; on standard error, so that output stays clean for programs."""
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        columns = (BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        with Progress(*columns, TextColumn("{task.description}"), console=Console(stderr=True)) as bar:
            task = bar.add_task("starting", total=1.0)
            yield lambda stage: bar.update(task, completed=stage.share, description=stage.text)
    else:
        yield _lines()


def _lines() -> Callable[[Stage], None]:
    last = -SECONDS_BETWEEN_LINES

    def report(stage: Stage) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= SECONDS_BETWEEN_LINES or stage.share >= 1:
            last = now
            print(f"{stage.share:4.0%}  {stage.text}", file=sys.stderr, flush=True)

    return report
