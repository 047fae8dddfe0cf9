"""What a report is on disk: `report.html`, `tables/*.csv` and `*.tex`, `figures/*.svg`.

A run's folder gets all of it from the run itself; `counterpoint report` writes it anew, or for several runs together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from counterpoint.errors import BadInputError
from counterpoint.evaluation.report import Run, read_run, render
from counterpoint.evaluation.reports import page, several
from counterpoint.evaluation.reports.extract import all_tables, check_form, kind_of
from counterpoint.evaluation.reports.figures import Figure, all_figures
from counterpoint.evaluation.reports.latex import to_latex
from counterpoint.evaluation.reports.svg import standalone
from counterpoint.evaluation.reports.table import Table, to_csv
from counterpoint.runlog import write_text

PAGE = "report.html"


def _compare(folder: Path) -> str:
    return render(read_run(folder))


def _history(folder: Path) -> str:
    from counterpoint.evaluation.history.report import history_page

    return history_page(folder)


def _harm(folder: Path) -> str:
    from counterpoint.evaluation.harm.report import harm_page

    return harm_page(folder)


def _reproduction(folder: Path) -> str:
    from counterpoint.evaluation.reproduce.report import reproduction_page

    return reproduction_page(folder)


PAGES: Mapping[str, Callable[[Path], str]] = {
    "compare": _compare,
    "history": _history,
    "harm": _harm,
    "reproduce pft": _reproduction,
    "reproduce aloe": _reproduction,
}
"""Commands and suites whose pages are their own; all others have the common one."""


def read(folder: Path) -> Run:
    """A run with its form checked.

    Raises:
        BadInputError: there are no results, or they are broken.
    """
    run = read_run(folder)
    check_form(run.results, folder / "results.json")
    return run


def report_run(folder: Path, out: Path | None = None) -> list[Path]:
    """One run's page, tables and figures, into its own folder or another; a file `*.html` is the page alone.

    Raises:
        BadInputError: there are no results, or they are broken; a page can't be written there.
    """
    run = read(folder)
    target = out or folder
    own = PAGES.get(kind_of(run.results))
    files = [_write(_page_of(target), own(folder) if own is not None else page.render(run))]
    if target.suffix != ".html":
        files += write_parts(target, all_tables(run.results), all_figures(run.results))
    return files


def report_runs(folders: Sequence[Path], out: Path) -> tuple[list[Path], several.Compared]:
    """Several runs' page, tables and figures.

    Raises:
        BadInputError: as `report_run`.
    """
    runs = several.named(folders, [read(folder) for folder in folders])
    found = several.compare_runs(runs)
    files = [_write(_page_of(out), several.render(runs, found))]
    if out.suffix != ".html":
        files += write_parts(out, found.tables, found.figures)
    return files, found


def write_parts(out: Path, tables: Sequence[Table], figures: Sequence[Figure]) -> list[Path]:
    """Tables as CSV and LaTeX, figures as SVG."""
    files = []
    for table in tables:
        files.append(_write(out / "tables" / f"{table.name}.csv", to_csv(table)))
        files.append(_write(out / "tables" / f"{table.name}.tex", to_latex(table)))
    return files + [_write(out / "figures" / f"{f.name}.svg", standalone(f.chart)) for f in figures]


def _page_of(target: Path) -> Path:
    return target if target.suffix == ".html" else target / PAGE


def _write(path: Path, text: str) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
    except OSError as error:
        raise BadInputError(f"{path} can't be written: {error.strerror}") from None
    return path
