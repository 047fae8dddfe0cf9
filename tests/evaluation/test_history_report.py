"""The history experiment's page, from made-up results: it claims what is shown, and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from test_report import Page

from counterpoint.errors import BadInputError
from counterpoint.evaluation.history.labels import LABELS
from counterpoint.evaluation.history.report import SECTIONS, write_history_report

ALIGNMENT = {"belief": 0.8, "belief_flat_prior": 0.79, "single_preference": 0.5, "single_preference_belief": 0.75}


def made_up(*, gain: tuple[float, float] = (0.5, 0.7), p: float = 0.001) -> dict[str, Any]:
    """Results of two methods' worth of cells: 0.8 against 0.5 is a relative gain of 0.6."""
    summary, rows = [], []
    for history in (1, 3):
        for noise in (0.0, 0.2) if history == 3 else (0.0,):
            for method, mean in ALIGNMENT.items():
                about = {"method": method, "history": history, "noise": noise, "seeds": 1, "n": 40}
                ends = {"ci_low": mean - 0.05, "ci_high": mean + 0.05}
                summary.append({"metric": "alignment", **about, "mean": mean, **ends})
                if method != "single_preference":
                    ends = {"ci_low": gain[0], "ci_high": gain[1]}
                    summary.append({"metric": "relative_gain", **about, "mean": mean / 0.5 - 1, **ends})
                for pole in ("Risk-taking", "Risk-averse"):
                    cell = {"value_pair": "Risk Orientation", "pole": pole, "metric": "alignment", "value": mean}
                    rows.append({**about, **cell, "seed": 0, "n": 20})
    paired = [
        {"a": "belief", "b": other, "metric": "alignment", "history": 3, "noise": 0.0, "difference": 0.8 - mean}
        | {"ci_low": 0.8 - mean - 0.02, "ci_high": 0.8 - mean + 0.02, "p_value": p, "p_holm": p, "verdict": "said so"}
        for other, mean in ALIGNMENT.items()
        if other != "belief"
    ]
    config = {"suite": "history", "noisy_history": 3, "seeds": 1, "model": "encoder", "finetune": False}
    data = {"name": "<b>made up</b>", "train": 100, "test": 50, "sha256": "ab" * 32}
    results = {"schema": "counterpoint.results/1", "command": "evaluate", "version": "0", "config": config}
    return results | {"data": data, "rows": rows, "summary": summary, "paired": paired, "seconds": {"total": 1.0}}


def page(folder: Path, results: dict[str, Any]) -> tuple[Page, str]:
    (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
    text = write_history_report(folder).read_text(encoding="utf-8")
    return Page(text), text


def test_the_page_is_whole_and_asks_for_nothing(tmp_path: Path) -> None:
    found, text = page(tmp_path, made_up())
    assert {name for name, _ in SECTIONS} <= set(found.values("id"))
    assert len(found.values("id")) == len(set(found.values("id")))
    assert found.balanced
    assert not found.open
    assert not {"script", "iframe", "object", "embed", "form"} & {tag for tag, _ in found.elements}
    assert all(link.startswith("#") or link == "data:," for link in found.values("href"))
    assert not re.search(r"https?:|@import|url\(", text)
    assert "<b>made up" not in text


def test_every_drawing_is_valid_xml_with_its_numbers_in_words(tmp_path: Path) -> None:
    _, text = page(tmp_path, made_up())
    drawings = [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", text, re.S)]
    said = [child.text or "" for svg in drawings for child in svg if child.tag == "desc"]
    assert len(said) == 2  # by the number of choices; the one value pair
    assert "PFT, belief: 1: 0.80, 3: 0.80" in said[0]


def test_a_gain_that_is_shown_makes_the_headline(tmp_path: Path) -> None:
    found, _ = page(tmp_path, made_up())
    assert "After 3 choices, beliefs serve people 60.0% better than models of one pole" in found.text
    assert "Models of one pole with a belief reach 75.0%." in found.text


@pytest.mark.parametrize(("gain", "p"), [((-0.1, 0.7), 0.001), ((0.5, 0.7), 0.2)])
def test_a_gain_that_is_not_shown_is_not_claimed(tmp_path: Path, gain: tuple[float, float], p: float) -> None:
    found, _ = page(tmp_path, made_up(gain=gain, p=p))
    assert "no difference is shown between beliefs and models of one pole" in found.text
    assert "better" not in found.text.split("What the words mean")[0]


def test_what_the_learnt_prior_is_worth_is_said_with_its_interval(tmp_path: Path) -> None:
    # 0.80 less 0.79: one point, 2 points either way.
    found, _ = page(tmp_path, made_up(p=0.4))
    assert "makes no difference that is shown against a flat one (1.0 points, −1.0 to 3.0)" in found.text


def test_noisy_people_have_a_table_of_their_own(tmp_path: Path) -> None:
    found, _ = page(tmp_path, made_up())
    assert "20% at random" in found.text
    quiet = made_up()
    quiet["summary"] = [row for row in quiet["summary"] if row["noise"] == 0]
    found, _ = page(tmp_path, quiet)
    assert "This run looked at no such people" in found.text


def test_nothing_measured_is_said_and_not_drawn(tmp_path: Path) -> None:
    found, _ = page(tmp_path, made_up() | {"summary": [], "rows": [], "paired": []})
    assert "No alignment was measured" in found.text
    assert found.balanced


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="does not exist"):
        write_history_report(tmp_path)


def test_no_two_methods_are_drawn_alike() -> None:
    marks = {(label.ink, label.shape, label.hollow) for label in LABELS.values()}
    assert len(marks) == len(LABELS)
