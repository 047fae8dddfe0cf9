"""A table with its values as numbers: rendered by the page's template, and here as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
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
    """A mean with an interval has four columns (mean, low, high, n), a difference three; what is undefined is empty."""
    columns = [[row[i] for row in table.rows] for i in range(len(table.columns))]
    ends = [_ends(cells) for cells in columns]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    heads: list[str] = []
    for column, own in zip(table.columns, ends, strict=True):
        heads += [column.heading + end for end in own]
    writer.writerow(heads)
    for row in table.rows:
        fields: list[Any] = []
        for cell, own in zip(row, ends, strict=True):
            fields += _fields(cell, len(own))
        writer.writerow(fields)
    return out.getvalue()


def _ends(cells: Sequence[Cell]) -> tuple[str, ...]:
    """What a column's fields are called beyond its heading; a difference has no count of its own."""
    if not any(cell.estimate is not None for cell in cells):
        return ("",)
    return ("", " low", " high") if any(cell.signed for cell in cells) else ("", " low", " high", " n")


def _fields(cell: Cell, count: int) -> list[Any]:
    if count > 1:
        found = cell.estimate or Estimate(None)
        return [found.mean, found.low, found.high, found.n if cell.estimate else None][:count]
    return [cell.value if cell.value is not None else _harmless(cell.text)]


def _harmless(text: str) -> str:
    """Spreadsheets take what begins with one of these for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
