"""The report as a reader, a browser and an attacker meet it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import simulated_run

from counterpoint import runlog
from counterpoint.errors import BadInputError
from counterpoint.evaluation import report
from counterpoint.evaluation.method_labels import label_methods
from counterpoint.evaluation.report import write_report
from counterpoint.evaluation.report_cases import gold_probability, worst_cases
from counterpoint.evaluation.report_tables import main_table, paired_rows, per_pole, poles_of

SECTIONS = ("result", "table", "paired", "poles", "both", "training", "calibration", "worst", "run", "definitions")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """A page's elements with their attributes, its text, and whether every element was closed in its place."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.balanced = True
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        self.balanced = self.balanced and bool(self.open) and self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def values(self, attribute: str) -> list[str]:
        return [attrs[attribute] for _, attrs in self.elements if attribute in attrs]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated run with its report."""
    folder = tmp_path_factory.mktemp("run")
    simulated_run.write_run(folder, seeds=2, count=36)
    write_report(folder)
    return folder


@pytest.fixture(scope="module")
def html(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


def rewritten(folder: Path, found: dict[str, Any]) -> str:
    """The report of a folder that holds these results and nothing else but what is there already."""
    folder.mkdir(exist_ok=True)
    (folder / "results.json").write_text(json.dumps(found), encoding="utf-8")
    return write_report(folder).read_text(encoding="utf-8")


def test_every_section_is_there_and_every_link_leads_somewhere(html: str) -> None:
    page = Page(html)
    ids = page.values("id")
    assert set(SECTIONS) <= set(ids)
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in page.values("href") if link != "data:,"} <= set(ids)
    assert page.balanced
    assert not page.open


def test_the_page_says_what_was_run(html: str) -> None:
    text = Page(html).text
    for fact in ("crossroads", "3f" * 32, "0.1.0", "41.2 s", "240 to train, 36 to test", "frozen", "learning_rate"):
        assert fact in text


def test_every_method_is_labelled_and_explained(html: str) -> None:
    text = Page(html).text
    for label in label_methods(simulated_run.SKILL).values():
        assert label.label in text
        assert label.sentence in text


def test_the_page_asks_for_nothing_from_elsewhere_and_runs_nothing(html: str) -> None:
    page = Page(html)
    assert not {"script", "iframe", "object", "embed", "base", "form"} & {tag for tag, _ in page.elements}
    assert not page.values("src")
    assert not page.values("srcset")
    assert not page.values("xlink:href")
    assert all(link.startswith("#") or link == "data:," for link in page.values("href"))
    assert "@import" not in html
    assert "url(" not in html
    assert "http:" not in html
    assert "https:" not in html
    assert not [name for _, attrs in page.elements for name in attrs if name.startswith("on")]
    assert "default-src 'none'" in html


def test_every_drawing_is_valid_xml_and_told_to_those_who_cannot_see_it(html: str) -> None:
    drawings = [ElementTree.fromstring(text) for text in re.findall(r"<svg.*?</svg>", html, re.S)]
    pictures = [drawing for drawing in drawings if drawing.get("role") == "img"]
    assert len(pictures) == 6 + 1 + 5 + 6  # pairs, both sides, curves of trained methods, calibration of all but rules
    assert all(drawing.get("aria-hidden") == "true" for drawing in drawings if drawing not in pictures)
    for picture in pictures:
        named = {child.get("id"): child.text for child in picture if child.tag in ("title", "desc")}
        assert set((picture.get("aria-labelledby") or "").split()) == set(named)
        assert all(named.values())


def test_colours_that_marks_use_are_defined_for_light_dark_and_print() -> None:
    css = "".join((report.TEMPLATES / name).read_text() for name in ("charts.css", "page.css"))
    used = set(re.findall(r"var\(--([a-z]+)\)", css)) - {"m"}
    themes = re.findall(r":root \{(.*?)\n\s*\}", css, re.S)
    assert len(themes) == 3
    defined = [set(re.findall(r"--([a-z]+):", theme)) for theme in themes]
    assert used <= defined[0]
    assert defined[1] == defined[2] == defined[0] - {"serif", "sans"}
    inks = {method.ink for method in label_methods([*simulated_run.SKILL, "a", "b", "c", "d"]).values()}
    assert all(f".{ink} {{" in css for ink in inks)


def test_two_writes_are_the_same(folder: Path, html: str) -> None:
    assert write_report(folder).read_text(encoding="utf-8") == html


def test_a_large_run_stays_below_a_megabyte(tmp_path: Path) -> None:
    methods = ["base", "pft", "sft_positive", "sft_negative", "sft_mixed", "dpo_mixed", "rule"]
    simulated_run.write_run(tmp_path, methods=methods, seeds=5, count=300)
    assert write_report(tmp_path).stat().st_size < 1_000_000


def test_an_undefined_value_is_said_with_its_count_and_never_zero(tmp_path: Path) -> None:
    found = simulated_run.write_run(tmp_path, methods=["pft", "base"], seeds=1, count=12)
    for row in found["summary"]:
        if (row["method"], row["metric"]) == ("base", "acc_all"):
            row |= {"mean": None, "ci_low": None, "ci_high": None, "n": 0}
        if (row["method"], row["metric"]) == ("pft", "ece"):
            row |= {"mean": float("nan"), "n": 7}
    text = Page(rewritten(tmp_path, found)).text
    assert "undefined (n=0)" in text
    assert "undefined (n=7)" in text
    assert "nan" not in text.lower().split()


def test_rule_and_chance_are_rows_of_the_table_even_where_they_are_missing(tmp_path: Path, html: str) -> None:
    assert "Chance 0.490" in Page(html).text
    found = simulated_run.write_run(tmp_path, methods=["pft"], seeds=1, count=12)
    del found["rules"]
    text = Page(rewritten(tmp_path, found)).text
    assert "Best blind rule not computed in this run" in text
    assert "Chance undefined (n=0)" in text


@pytest.mark.parametrize(
    "missing", ["rows", "summary", "per_pole", "paired", "rules", "curves", "calibration", "seconds", "config", "data"]
)
def test_any_part_of_the_results_may_be_missing(tmp_path: Path, missing: str) -> None:
    found = simulated_run.write_run(tmp_path, methods=["pft", "sft_mixed", "rule"], seeds=1, count=12)
    del found[missing]
    page = Page(rewritten(tmp_path, found))
    assert set(SECTIONS) <= set(page.values("id"))
    assert page.balanced


def test_curves_go_by_step_where_an_epoch_is_missing(tmp_path: Path) -> None:
    found = simulated_run.write_run(tmp_path, methods=["pft"], seeds=1, count=6)
    assert "30 epochs" in rewritten(tmp_path, found)
    found["curves"][0]["points"][3]["epoch"] = None
    assert "200 steps" in rewritten(tmp_path, found)


def test_bare_results_make_a_report_that_claims_nothing(tmp_path: Path) -> None:
    text = Page(rewritten(tmp_path / "bare", {"schema": "counterpoint.results/1", "command": "compare"})).text
    assert "No method has a defined accuracy" in text
    assert "This run kept no predictions or no dilemmas" in text


EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def hostile(folder: Path) -> str:
    """The report of a run whose names and texts are markup, very long words, other scripts and broken characters."""
    found = simulated_run.write_run(folder, methods=["pft", EVIL], seeds=1, count=12)
    found["data"]["name"] = found["config"][EVIL] = found["config"]["model"] = f"{EVIL}\u202e\ud800\x00" + "w" * 400
    found["paired"][0]["verdict"] = EVIL
    rows = simulated_run.dilemmas(12)
    for row in rows:
        row["scenario"] = f"{EVIL} \ud800\x00\x1b \u200fהאם להמשיך? " + "W" * 500
        row["options"][0] |= {"text": EVIL + "W" * 300, "explanation": EVIL}
    (folder / "dilemmas.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return rewritten(folder, found)


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    html = hostile(tmp_path)
    page = Page(html)
    assert not {"script", "img"} & {tag for tag, _ in page.elements}
    assert page.balanced
    assert EVIL in page.text
    assert "\x00" not in html
    assert "האם" in html
    assert "auto" in page.values("dir")
    for drawing in re.findall(r"<svg.*?</svg>", html, re.S):
        ElementTree.fromstring(drawing)


def test_a_failing_report_leaves_the_old_one_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    simulated_run.write_run(tmp_path, methods=["pft"], seeds=1, count=6)
    (tmp_path / "report.html").write_text("old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(runlog.os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_report(tmp_path)
    assert (tmp_path / "report.html").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "dilemmas.jsonl",
        "predictions.jsonl",
        "report.html",
        "results.json",
    ]


def test_input_that_is_no_run_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="does not exist"):
        write_report(tmp_path)
    (tmp_path / "results.json").write_text("{")
    with pytest.raises(BadInputError, match="does not exist"):
        write_report(tmp_path / "results.json")  # a file where a folder is expected
    with pytest.raises(BadInputError, match="not JSON"):
        write_report(tmp_path)
    (tmp_path / "results.json").write_text('{"schema": "other/9"}')
    with pytest.raises(BadInputError, match="'other/9'"):
        write_report(tmp_path)
    (tmp_path / "results.json").write_text('{"schema": "counterpoint.results/1"}')
    (tmp_path / "predictions.jsonl").write_text('{}\n{"a": \n')
    with pytest.raises(BadInputError, match="line 2"):
        write_report(tmp_path)


def test_the_hardest_dilemma_is_that_of_lowest_mean_gold_probability() -> None:
    """a: gold has 0.75 and 0.25 under PFT, mean 0.5; b: 0.25 and 0.5, mean 0.375, so b is harder. Base is no judge."""
    half, quarter = -0.6931471805599453, -1.3862943611198906
    predictions = [
        prediction("a", "P", [0, 1], [half, quarter, quarter], 0),
        prediction("a", "N", [2], [half, quarter, quarter], 0),
        prediction("b", "P", [0, 1], [-50.0, quarter, half], 2),
        prediction("b", "N", [2], [quarter, quarter, half], 2),
        prediction("a", "P", [0, 1], [-50.0, -50.0, 0.0], 2, method="base"),
    ]
    rows = {key: {"id": key, "value_pair": "Pair", "scenario": key, "options": [{}, {}, {}]} for key in "ab"}
    cases = worst_cases(predictions, rows, label_methods(["pft", "base"]))
    assert [case.dilemma["id"] for case in cases] == ["b", "a"]
    assert [case.probability for case in cases] == pytest.approx([0.375, 0.5])
    assert [(pick.letter, pick.right) for pick in cases[0].picks["pft"]["P"]] == [("C", False)]
    assert [(pick.letter, pick.right) for pick in cases[1].picks["base"]["P"]] == [("C", False)]


def prediction(
    dilemma: str, pole: str, gold: list[int], logs: list[float], chosen: int, *, method: str = "pft"
) -> dict[str, Any]:
    """One line of `predictions.jsonl`."""
    return {"method": method, "seed": 0, "dilemma": dilemma, "value_pair": "Pair", "pole": pole} | {
        "gold": gold,
        "log_probs": logs,
        "chosen": chosen,
        "selected": gold,
    }


def test_probabilities_that_cannot_be_read_are_left_out() -> None:
    assert gold_probability({"gold": [0], "log_probs": [None]}) is None
    assert gold_probability({"gold": [], "log_probs": [0.0]}) is None
    assert gold_probability({"gold": [5], "log_probs": [0.0]}) is None
    assert gold_probability({"gold": [0], "log_probs": None}) is None


def test_bold_marks_the_best_and_what_no_test_could_tell_from_it() -> None:
    summary = [
        {"method": m, "metric": metric, "mean": mean}
        for m, mean in (("a", 0.9), ("b", 0.88), ("c", 0.5))
        for metric in ("acc_one", "nll")
    ]
    tests = paired_rows(
        [
            {"a": "a", "b": "b", "metric": "acc_one", "p_holm": 0.3},
            {"a": "c", "b": "a", "metric": "acc_one", "p_holm": 0.001},
        ]
    )
    metrics, table = main_table(summary, ["a", "b", "c"], tests)
    assert metrics == ["acc_one", "nll"]
    assert [table[m][0].leads for m in "abc"] == [True, True, False]
    assert not any(table[m][1].leads for m in "abc")  # nothing was tested in NLL


def test_poles_come_from_rows_where_no_summary_of_them_was_written() -> None:
    row = {"method": "pft", "value_pair": "Pair", "pole": "P", "metric": "acc_one"}
    rows = [
        row | {"seed": 0, "value": 0.5, "n": 4},
        row | {"seed": 1, "value": 1.0, "n": 4},
        row | {"seed": 2, "value": None, "n": 0},
    ]
    estimate = per_pole({"rows": rows})["Pair"]["pft"]["P"]
    assert (estimate.mean, estimate.n, estimate.low) == (0.75, 8, None)


def test_the_positive_pole_is_the_taxonomys_whatever_the_order_of_rows() -> None:
    assert poles_of("Social Strategy", ["Collaborative", "Competitive"]) == ["Competitive", "Collaborative"]
    assert poles_of("My own", ["Zeal", "Awe", "Zeal"]) == ["Zeal", "Awe"]


PROBE = """<!doctype html><body style="margin:0"><div id="out">waiting</div>
<iframe id="f" style="width:%dpx;height:900px;border:0"></iframe><script>
window.onerror = (message) => { out.textContent = "error " + message; };
f.onload = () => {
  const page = f.contentDocument, root = page.scrollingElement, wide = [];
  page.querySelectorAll("details").forEach((e) => { e.open = true; });
  page.querySelectorAll("main *, header *").forEach((e) => {
    if (e.closest(".scroll, svg, .hidden, .gist")) return;
    if (e.getBoundingClientRect().right > root.clientWidth + 1) wide.push(e.tagName + "." + e.className);
  });
  const charts = page.querySelectorAll("svg.chart").length;
  out.textContent = JSON.stringify({scroll: root.scrollWidth, client: root.clientWidth, wide: wide, charts: charts});
};
f.srcdoc = %s;
</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium or Chrome on the PATH")
@pytest.mark.parametrize(("width", "text"), [(390, "plain"), (1280, "plain"), (390, "hostile")])
def test_a_browser_shows_the_page_without_sideways_scrolling_or_complaint(
    tmp_path: Path, html: str, width: int, text: str
) -> None:
    html = html if text == "plain" else hostile(tmp_path / "run")
    probe = tmp_path / "probe.html"
    probe.write_text(PROBE % (width, json.dumps(html).replace("</", "<\\/")), encoding="utf-8")
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    flags += "--disable-component-update --disable-sync --disable-dev-shm-usage "
    flags += "--hide-scrollbars --enable-logging=stderr --log-level=0"
    done = subprocess.run(
        [
            str(CHROMIUM),
            *flags.split(),
            f"--user-data-dir={tmp_path / 'profile'}",
            "--window-size=1400,1000",
            "--virtual-time-budget=20000",
            "--dump-dom",
            probe.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    answer = re.search(r'<div id="out">(.*?)</div>', done.stdout, re.S)
    assert answer is not None
    seen = json.loads(answer[1])
    assert seen["scroll"] <= seen["client"] == width
    assert seen["wide"] == []
    assert seen["charts"] == html.count('class="chart"')
    assert "CONSOLE" not in done.stderr
