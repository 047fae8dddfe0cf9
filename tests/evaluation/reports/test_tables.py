"""Tables of any suite's results: dimensions found, winners only where tests show them, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
from pathlib import Path

import pytest

from counterpoint.errors import BadInputError
from counterpoint.evaluation.charts import Estimate
from counterpoint.evaluation.reports.extract import all_tables, check_form, dimensions, winner
from counterpoint.evaluation.reports.latex import escape, to_latex
from counterpoint.evaluation.reports.table import Cell, Column, Table, to_csv, words
from reports.results import pair, results, row

SUMMARY = [row("pft", "acc_one", 0.9), row("base", "acc_one", 0.5), row("pft", "nll", None), row("base", "nll", 0.7)]
SHOWN = [pair("pft", "base", "acc_one", 0.4, 0.001, verdict="PFT is ahead of Untrained")]


def bold(table: Table) -> list[str]:
    return [line[0].text for line in table.rows if any(cell.bold for cell in line)]


def test_a_winner_is_bold_only_where_it_beats_everybody_in_a_paired_test() -> None:
    found = results(summary=SUMMARY, paired=SHOWN)
    assert bold(all_tables(found)[0]) == ["PFT"]
    unshown = results(summary=SUMMARY, paired=[pair("pft", "base", "acc_one", 0.4, 0.06)])
    assert bold(all_tables(unshown)[0]) == []
    untested = results(summary=[*SUMMARY, row("icl", "acc_one", 0.2)], paired=SHOWN)
    assert bold(all_tables(untested)[0]) == []  # nobody compared it with icl


def test_less_is_better_where_it_is_and_nothing_is_claimed_of_an_unknown_metric() -> None:
    summary = [row(m, metric, mean) for metric in ("insensitivity", "zest") for m, mean in (("a", 0.1), ("b", 0.9))]
    paired = [pair("a", "b", metric, -0.8, 0.001) for metric in ("insensitivity", "zest")]
    assert winner(summary, paired, "insensitivity") == "a"
    assert winner(summary, paired, "zest") is None
    wrong_way = [pair("a", "b", "insensitivity", 0.8, 0.001)]  # the test says the opposite of the means
    assert winner(summary, wrong_way, "insensitivity") is None


def test_what_tells_rows_apart_heads_them_and_numbers_become_columns() -> None:
    turns = [row(m, "al", mean + t, turn=t, seeds=3) for m, mean in (("sft", 1.0), ("dpo", 2.0)) for t in (1, 2, 10)]
    assert dimensions(turns) == ["turn"]
    table = all_tables(results(summary=turns, paired=[pair("dpo", "sft", "al", 1.0, 0.01, turn=10)]))[0]
    assert [column.heading for column in table.columns] == ["Method", "Turn 1", "Turn 2", "Turn 10"]
    assert [[cell.bold for cell in line] for line in table.rows] == [[False] * 4, [False, False, False, True]]
    two = [row("a", "x", 0.5, turn=t, topic=topic) for t in (1, 2) for topic in ("tea", "coffee")]
    table = all_tables(results(summary=two))[0]
    assert [[cell.text for cell in line[:3]] for line in table.rows][1] == ["a", "1", "coffee"]


def test_lists_and_numbers_that_nobody_foresaw_are_tables_too() -> None:
    found = results(
        summary=SUMMARY,
        per_mood=[
            row(m, "acc_one", v, mood=mood) for mood in ("glad", "sad") for m, v in (("pft", 0.8), ("base", 0.3))
        ],
        lines=[{"method": "pft", "slope": 0.25, "fit": None}],
        chance={"P": 0.5},
        left_out=4,
        part={"summary": [row("pft", "acc_one", 0.7)]},
        failures=[{"method": "pft", "sample": "d1", "error": "too long"}],
    )
    tables = {table.name: table for table in all_tables(found)}
    assert list(tables) == ["summary", "per_mood", "lines", "part_summary", "more", "failures"]
    assert [column.heading for column in tables["per_mood"].columns] == ["Mood", "PFT", "Untrained"]
    assert tables["lines"].rows[0][1].value == 0.25
    assert [line[0].text for line in tables["more"].rows] == ["Chance: P", "Left out"]


def test_csv_has_numbers_to_reckon_with_and_no_formulas() -> None:
    table = Table(
        "t",
        "T",
        (Column("Method"), Column("Acc_one", number=True), Column("Note")),
        (
            (words('=cmd|"calc"'), Cell(estimate=Estimate(0.5, 0.25, 0.75, 8)), words("a, b")),
            (words("b"), Cell(estimate=Estimate(None, n=0)), Cell(value=-0.125)),
        ),
    )
    assert list(csv.reader(io.StringIO(to_csv(table)))) == [
        ["Method", "Acc_one", "Acc_one low", "Acc_one high", "Acc_one n", "Note"],
        ['\'=cmd|"calc"', "0.5", "0.25", "0.75", "8", "a, b"],
        ["b", "", "", "", "0", "-0.125"],
    ]


EVIL = r"50% of $x_1 & \input{secret} #~^{}<|>[a]*−…" + "\x00\n"


def test_latex_prints_any_text_as_it_is() -> None:
    assert escape("50% & x_1 \\ {") == r"50\% \& x\_1 \textbackslash{} \{"
    text = to_latex(
        Table("a_b", EVIL, (Column("M"), Column("x", number=True, better=True)), ((words(EVIL), words("")),))
    )
    body = text.replace(r"\textbackslash{}input", "")
    assert "\\input" not in body
    assert "\x00" not in text
    assert r"\label{tab:a-b}" in text
    assert r"x $\uparrow$" in text


def test_latex_has_intervals_and_bold_for_a_winner() -> None:
    text = to_latex(all_tables(results(summary=SUMMARY, paired=SHOWN))[0])
    assert r"PFT & \textbf{0.900} {\scriptsize [0.800, 1.000]} & undefined ($n=0$) \\" in text
    assert r"Untrained & 0.500 {\scriptsize [0.400, 0.600]} & 0.700 {\scriptsize [0.600, 0.800]} \\" in text
    signed = to_latex(all_tables(results(summary=SUMMARY, paired=SHOWN))[1])
    assert r"PFT $-$ Untrained & Acc\_one & $+$0.400 {\scriptsize [$+$0.300, $+$0.500]} & 0.001" in signed


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex with booktabs")
def test_latex_compiles(tmp_path: Path) -> None:
    tables = all_tables(results(summary=[*SUMMARY, row(EVIL, "acc_one", 0.1)], paired=SHOWN))
    body = "\n".join(to_latex(table) for table in tables)
    head = "\\documentclass{article}\\usepackage{booktabs}\\usepackage[T1]{fontenc}\\begin{document}\n"
    (tmp_path / "t.tex").write_text(f"{head}{body}\\end{{document}}\n", encoding="utf-8")
    subprocess.run(["pdflatex", "-halt-on-error", "t.tex"], cwd=tmp_path, check=True, capture_output=True)


@pytest.mark.parametrize(("key", "value"), [("summary", {}), ("paired", ["x"]), ("config", []), ("failures", "none")])
def test_a_broken_part_is_named(key: str, value: object) -> None:
    with pytest.raises(BadInputError, match=f"run: {key} is .*expected"):
        check_form(results(**{key: value}), "run")
