"""`counterpoint report` and what every run writes by itself: pages, tables, figures; bad input is told."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

import pytest
import simulated_run
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright
from typer.testing import CliRunner, Result

from counterpoint.cli import app
from counterpoint.errors import BadInputError
from counterpoint.evaluation.report import write_report
from counterpoint.evaluation.reports.writing import report_run
from reports.results import answer, pair, results, row, write

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
EVIL = "<script>alert(1)</script>"


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["report", *map(str, words)], catch_exceptions=False)


class Links(HTMLParser):
    """Ids, links within the page, and words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        found = dict(attrs)
        self.ids += [found["id"]] if found.get("id") else []
        self.links += [str(found["href"])] if tag == "a" else []

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture
def turns(tmp_path: Path) -> Path:
    """A run over turns, with a hostile method, a cost and a failure."""
    summary = [row(m, "al", 50.0 + t * g, turn=t) for m, g in (("dpo", 2.0), (EVIL, 0.1)) for t in range(1, 11)]
    found = results(
        "aloe",
        summary=summary,
        paired=[pair("dpo", EVIL, "al", 19.0, 0.001, turn=10, verdict=f"dpo is ahead of {EVIL}")],
        calibration=[{"method": "dpo", "bins": [{"confidence": 0.6, "accuracy": 0.5, "n": 4}]}],
        failures=[{"method": EVIL, "seed": 0, "sample": "case-3", "error": "no reply"}],
        cost={"usd": 0.12},
    )
    lines = [answer("dpo", f"d{i}", "P", right=i > 2) for i in range(6)]
    return write(tmp_path / "turns", found, lines)


def test_a_suite_without_code_of_its_own_has_a_whole_report(turns: Path) -> None:
    files = report_run(turns)
    html = (turns / "report.html").read_text(encoding="utf-8")
    page = Links(html)
    text = " ".join(page.words)
    for said in (
        "AL by turn",
        "dpo is ahead of",
        "case-3",
        "usd: 0.12",
        "The hardest dilemmas",
        "Calibration",
        "Turn 10",
    ):
        assert said in text
    assert not {"script", "img"} & page.tags
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert "http:" not in html
    names = {str(file.relative_to(turns)) for file in files}
    assert {"report.html", "tables/summary.csv", "tables/summary.tex", "figures/curve-al-by-turn.svg"} <= names
    assert all(file.is_file() for file in files)


def test_a_page_draws_numbered_turns_explains_its_own_words_and_says_what_its_judge_is_worth(tmp_path: Path) -> None:
    summary = [row(m, "al", level) for m, level in (("base", 3.0), ("sft", 4.0))]
    summary += [row(m, f"al_{t}", 3.0 + g * t, turn=t) for m, g in (("base", 0.0), ("sft", 0.1)) for t in (1, 2, 3)]
    judge = {"name": "a judge", "rubric": "r/1", "proof": {"rate": 0.75, "cases": 8, "failed": 3, "kappa": 0.5}}
    run = write(tmp_path / "run", results("aloe", summary=summary, judge=judge))
    files = {str(file.relative_to(run)) for file in report_run(run)}
    assert {"figures/curve-al-by-turn.svg", "figures/intervals-al.svg", "tables/judge.csv"} <= files
    assert not any("al-1" in file for file in files)
    text = " ".join(Links((run / "report.html").read_text(encoding="utf-8")).words)
    for said in (
        "AL, turn 3",
        "SFT",
        "Fine-tuned on the replies",
        "Alignment level",
        "How far the judge can be believed",
    ):
        assert said in text
    for foreign in ("Expected calibration error", "Acc_one", "A method added to this run"):
        assert foreign not in text


def test_a_figure_stands_alone(turns: Path) -> None:
    report_run(turns)
    figures = sorted((turns / "figures").glob("*.svg"))
    assert len(figures) == 2
    for figure in figures:
        text = figure.read_text(encoding="utf-8")
        root = ElementTree.fromstring(text.encode())
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert float(root.attrib["width"]) > 100
        assert "var(" not in text
        style = text[text.index("<style>") : text.index("</style>")]
        inks = set(re.findall(r"(?<=[ \"])m-\w+", text[text.index("</style>") :]))
        assert inks
        assert all(f".mk.{ink}{{fill:" in style.replace(" ", "") or f".line.{ink}{{" in style for ink in inks)


def test_compare_keeps_its_page_and_gains_tables_and_figures(tmp_path: Path) -> None:
    simulated_run.write_run(tmp_path, methods=["pft", "base", "rule"], seeds=1, count=12)
    own = write_report(tmp_path).read_text(encoding="utf-8")
    report_run(tmp_path)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == own
    assert (tmp_path / "tables" / "per_pole.csv").is_file()
    assert (tmp_path / "figures" / "both-sides.svg").is_file()
    page = report_run(tmp_path, tmp_path / "alone.html")
    assert page == [tmp_path / "alone.html"]


def test_several_runs_stand_side_by_side(tmp_path: Path) -> None:
    for name, right in (("one", 12), ("other", 3)):
        lines = [answer("pft", f"d{i}", pole, right=i < right) for i in range(12) for pole in "PQ"]
        write(tmp_path / name / "run", results("vcd", summary=[row("pft", "acc_one", right / 12)]), lines)
    runs = (tmp_path / "one" / "run", tmp_path / "other" / "run")
    said = call(*runs, "--out", tmp_path / "out")
    assert said.exit_code == 0
    text = " ".join(Links((tmp_path / "out" / "report.html").read_text(encoding="utf-8")).words)
    assert "2 runs: 1 of 1 differences are shown" in text
    assert "PFT (one/run) is ahead of PFT (other/run)" in text
    assert (tmp_path / "out" / "tables" / "paired.tex").is_file()
    write(runs[1], results("vcd", sha256="b" * 64, summary=[row("pft", "acc_one", 0.25)]))
    refused = json.loads(call(*runs, "--out", tmp_path / "new", "--json").stdout)["not_paired"]
    assert "not compared in pairs" in refused[0]
    assert not (tmp_path / "new" / "tables" / "paired.csv").exists()


def test_runs_of_other_suites_have_tables_of_their_own_and_every_row_says_whose_it_is(tmp_path: Path) -> None:
    one = write(tmp_path / "one", results("vcd", summary=[row("base", "acc_one", 0.5)]))
    other = write(tmp_path / "other", results("aloe", summary=[row("base", "al", 3.0)]))
    assert call(one, other, "--out", tmp_path / "out").exit_code == 0
    tables = {file.stem: file.read_text() for file in (tmp_path / "out" / "tables").glob("*.csv")}
    assert set(tables) == {"runs", "vcd_summary", "aloe_summary"}
    for suite, run in (("vcd", "one"), ("aloe", "other")):
        (line,) = tables[f"{suite}_summary"].splitlines()[1:]
        assert line.split(",")[:2] == ["Untrained", run]


def test_bad_input_is_told_and_nothing_written(tmp_path: Path) -> None:
    good = write(tmp_path / "good", results(summary=[row("pft", "acc_one", 0.5)]))
    with pytest.raises(BadInputError, match="does not exist"):
        call(tmp_path / "nowhere")
    with pytest.raises(BadInputError, match="several runs need --out"):
        call(good, good)
    with pytest.raises(BadInputError, match="can't be written"):
        call(good, "--out", good / "results.json" / "x")
    for text, said in (("{", "not JSON"), ('{"schema": "other/2"}', "'other/2'"), ("[]", "schema None")):
        (good / "results.json").write_text(text)
        with pytest.raises(BadInputError, match=said):
            call(good)
    assert not (good / "report.html").exists()


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium or Chrome on the PATH")
@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_a_browser_finds_nothing_to_complain_of(turns: Path, width: int, scheme: Literal["light", "dark"]) -> None:
    report_run(turns)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        # axe is a script, which the page's own policy forbids
        page = browser.new_page(bypass_csp=True, color_scheme=scheme, viewport={"width": width, "height": 900})
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.goto((turns / "report.html").as_uri())
        page.evaluate("document.querySelectorAll('details').forEach((found) => { found.open = true; })")
        assert page.evaluate("document.scrollingElement.scrollWidth") == width
        assert [found["id"] for found in Axe().run(page).response["violations"]] == []
        assert complaints == []
        browser.close()
