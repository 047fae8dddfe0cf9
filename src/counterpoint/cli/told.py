"""How a run ends on a terminal: tables and where its files lie; or one line of JSON for a program."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import typer
from rich.console import Console


def tell(summary: object, show: Callable[[Console], None], *, as_json: bool, **where: Path) -> None:
    """Say what came of a run.

    Args:
        summary: what a program is told, and nothing else.
        show: prints the tables for people.
        as_json: whether a program reads.
        where: the run's files by what they are, as they are to be named: `Numbers=folder / "results.json"`.
    """
    if as_json:
        typer.echo(json.dumps(summary))
        return
    console = Console()
    show(console)
    files = "   ".join(f"{what}: {path}" for what, path in where.items())
    console.print(f"\n{files}", soft_wrap=True, highlight=False)


def estimate(row: Mapping[str, Any] | None, *, digits: int = 2, mark: str = "") -> str:
    """A row's mean and, below it, its interval, as a cell; a dash where it is undefined. Its longest word is one
    number, so that a narrow column breaks it and loses nothing."""
    if row is None or row["mean"] is None:
        return "-"
    return f"{row['mean']:.{digits}f}{mark}\n({row['ci_low']:.2f} to {row['ci_high']:.2f})"
