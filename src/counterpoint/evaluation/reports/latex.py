"""A table as LaTeX: booktabs, every text escaped, intervals beside means, bold where the data support a winner.

Needs `\\usepackage{booktabs}`; read with `\\input{tables/summary}`.
"""

from __future__ import annotations

from counterpoint.evaluation.charts import Estimate, clean, number
from counterpoint.evaluation.reports.table import Cell, Column, Table

SIGNS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",  # after a row's end these begin an argument
    "]": "{]}",
    "*": "{*}",
    '"': r"\textquotedbl{}",
    "−": "$-$",
    "–": "--",
    "…": r"\dots{}",
    "\ufffd": "?",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "\n": " ",
    "\t": " ",
}


def escape(text: object) -> str:
    """Text that LaTeX prints as it is."""
    return "".join(SIGNS.get(sign, sign) for sign in clean(text))


def to_latex(table: Table) -> str:
    """A `table` environment with caption and label."""
    kinds = "".join("r" if column.number else "l" for column in table.columns)
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape(table.title)}}}",
        rf"\label{{tab:{_label(table.name)}}}",
        rf"\begin{{tabular}}{{@{{}}{kinds}@{{}}}}",
        r"\toprule",
        " & ".join(map(_heading, table.columns)) + r" \\",
        r"\midrule",
        *(" & ".join(map(_cell, row)) + r" \\" for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    if table.note:
        lines.append(rf"\par\smallskip\footnotesize {escape(table.note)}")
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def _heading(column: Column) -> str:
    arrow = {True: " ↑", False: " ↓", None: ""}[column.better]
    return escape(column.heading + arrow)


def _cell(cell: Cell) -> str:
    if cell.estimate is not None:
        return _estimate(cell.estimate, cell)
    text = _number(cell.value, cell.signed) if cell.value is not None else escape(cell.text)
    return rf"\textbf{{{text}}}" if cell.bold and text else text


def _estimate(found: Estimate, cell: Cell) -> str:
    if found.mean is None:
        return f"undefined ($n={found.n}$)"
    mean = _number(found.mean, cell.signed)
    mean = rf"\textbf{{{mean}}}" if cell.bold else mean
    if found.low is None or found.high is None:
        return mean
    return rf"{mean} {{\scriptsize [{_number(found.low, cell.signed)}, {_number(found.high, cell.signed)}]}}"


def _number(value: float, signed: bool) -> str:
    plus = "$+$" if signed and round(value, 3) > 0 else ""
    return plus + escape(number(value + 0.0))


def _label(name: str) -> str:
    return "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in name)
