"""A table with its values as numbers: rendered by the page's template, and here as CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Any

from counterpoint.evaluation.charts import Estimate
from counterpoint.evaluation.method_labels import MethodLabel


@dataclass(frozen=True)
class Column:
    """A heading. `better` says whether more is better; None where nobody knows, or for words."""

    heading: str
    number: bool = False
    better: bool | None = None


@dataclass(frozen=True)
class Cell:
    """A word, a number, or a mean with its interval."""

    text: str = ""
    value: float | None = None
    estimate: Estimate | None = None
    bold: bool = False
    """A winner that the data support."""
    signed: bool = False
    label: MethodLabel | None = None
    """The method whose mark stands before the word."""


@dataclass(frozen=True)
class Table:
    """Rows of as many cells as there are columns. `name` is a file's."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


def words(text: object) -> Cell:
    """A cell of words."""
    return Cell(text="" if text is None else str(text))


def to_csv(table: Table) -> str:
    """A column a number: a mean with an interval has four (mean, low, high, n). What is undefined is empty."""
    wide = [any(row[i].estimate is not None for row in table.rows) for i in range(len(table.columns))]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    heads: list[str] = []
    for column, is_wide in zip(table.columns, wide, strict=True):
        ends = ("", " low", " high", " n") if is_wide else ("",)
        heads += [column.heading + end for end in ends]
    writer.writerow(heads)
    for row in table.rows:
        fields: list[Any] = []
        for cell, is_wide in zip(row, wide, strict=True):
            fields += _fields(cell, is_wide)
        writer.writerow(fields)
    return out.getvalue()


def _fields(cell: Cell, wide: bool) -> list[Any]:
    if wide:
        found = cell.estimate or Estimate(None)
        return [found.mean, found.low, found.high, found.n if cell.estimate else None]
    return [cell.value if cell.value is not None else _harmless(cell.text)]


def _harmless(text: str) -> str:
    """Spreadsheets take what begins with one of these for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
