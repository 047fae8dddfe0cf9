"""`counterpoint report`: the page, tables and figures of one run or several."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from counterpoint.errors import BadInputError


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders that runs wrote.")],
    out: Annotated[
        Path | None,
        typer.Option(help="A folder, or a file *.html for the page alone; one run's own folder where not given."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Write report.html, tables (CSV, LaTeX) and figures (SVG) of a run; of several, side by side.

    Runs that asked the same data are compared sample by sample, others are not.

    Example: counterpoint report runs/vcd-encoder runs/vcd-qwen --out reports/vcd
    """
    from counterpoint.evaluation.reports.writing import report_run, report_runs

    refused: list[str] = []
    if len(runs) == 1:
        files = report_run(runs[0], out)
    elif out is None:
        raise BadInputError("several runs need --out, a folder or a file *.html")
    else:
        files, found = report_runs(runs, out)
        refused = found.pairing.refused
    if as_json:
        typer.echo(json.dumps({"files": [str(file) for file in files], "not_paired": refused}))
        return
    for sentence in refused:
        typer.echo(sentence)
    rest = f"; {len(files) - 1} tables and figures beside it" if len(files) > 1 else ""
    typer.echo(f"Report: {files[0]}{rest}")
