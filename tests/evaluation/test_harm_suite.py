"""The harm suite on a small model: it runs, goes on where it was stopped, and its page says what was found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from counterpoint.data.taxonomy import taxonomy
from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.evaluation.harm import samples
from counterpoint.evaluation.harm.report import write_harm_report
from counterpoint.evaluation.harm.samples import Sample, english
from counterpoint.evaluation.harm.truthfulqa import RIGHT, WRONG
from counterpoint.evaluation.power import Plan
from counterpoint.evaluation.suites import harm
from counterpoint.evaluation.suites.harm import HarmConfig, run_harm
from counterpoint.runlog import RunFolder
from counterpoint.steering.engine import Engine
from counterpoint.types import Dilemma, Option
from small_language import language

VCD = taxonomy("vcd")
CONFIG = HarmConfig(methods=("mixture",), strengths=(1.0,), batch=3, resamples=200)
TWO = [Dilemma(f"t{i}", "", "", (Option("yes", RIGHT), Option("no", WRONG)), f"Is it {i}?") for i in range(4)]
OPEN = [Dilemma("d", VCD.pairs[0].name, "A scene.", (Option("go", "x"), Option("stay", "y")), "What to do?")]


def few() -> tuple[Sample, ...]:
    """Some of every kind."""
    kinds: dict[str, list[Sample]] = {}
    for sample in english(VCD, TWO, OPEN):
        kinds.setdefault(sample.kind, []).append(sample)
    return tuple(sample for own in kinds.values() for sample in own[:4])


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A random model never ends a reply."""
    monkeypatch.setattr(samples, "LENGTHS", dict.fromkeys(samples.LENGTHS, 4))


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(language(), VCD)


def run(engine: Engine, folder: Path, config: HarmConfig = CONFIG) -> dict[str, Any]:
    opened, said = RunFolder(folder, "same", ""), list[Plan]()
    try:
        results = run_harm(engine, few(), config, folder=opened, announce=said.append)
        opened.write_json("results.json", results)
        assert [plan._asdict() for plan in said] == list(results["power"].values())
        return results
    finally:
        opened.close()


def test_every_metric_is_there_for_the_base_and_the_method(engine: Engine, tmp_path: Path) -> None:
    results = run(engine, tmp_path)
    assert results["schema"] == "counterpoint.results/1"
    found = {(row["metric"], row["method"]) for row in results["summary"]}
    metrics = {"neutral_changed", "neutral_right", "two_choice", "agrees_wrong", "agrees_right", "surprise", "length"}
    assert found == {(metric, method) for metric in metrics for method in ("base", "mixture")}
    units = {row["metric"]: row["n"] + row["undefined"] for row in results["summary"]}
    assert {metric: plan["units"] for metric, plan in results["power"].items()} == {
        metric: units[metric]
        for metric in ("neutral_changed", "neutral_right", "two_choice", "agrees_wrong", "agrees_right")
    }
    base = {row["metric"]: row["mean"] for row in results["summary"] if row["method"] == "base"}
    assert (base["neutral_changed"], base["length"]) == (0.0, 1.0)
    page = write_harm_report(tmp_path).read_text()
    assert "Neutral answers changed" in page
    assert "<script" not in page


def test_a_stopped_run_goes_on_after_its_last_sample(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(engine, tmp_path / "whole")
    asked: list[int] = []
    real = harm.outcomes

    def stopping(engine: Engine, condition: Any, samples: Any) -> Any:
        if len(asked) == 3:
            raise KeyboardInterrupt
        asked.append(len(samples))
        return real(engine, condition, samples)

    monkeypatch.setattr(harm, "outcomes", stopping)
    with pytest.raises(KeyboardInterrupt):
        run(engine, tmp_path / "stopped")
    asked_before, asked[:] = sum(asked), []
    monkeypatch.setattr(harm, "outcomes", lambda e, c, s: asked.append(len(s)) or real(e, c, s))
    again = run(engine, tmp_path / "stopped")
    assert asked_before + sum(asked) == 2 * len(few())
    assert again["summary"] == whole["summary"]


def test_a_strength_can_be_added(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(engine, tmp_path)
    conditions: list[float] = []
    real = harm.outcomes
    monkeypatch.setattr(harm, "outcomes", lambda e, c, s: conditions.append(c.strength) or real(e, c, s))
    run(engine, tmp_path, HarmConfig(methods=("mixture",), strengths=(1.0, 2.0), resamples=200))
    assert set(conditions) == {2.0}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"methods": ()}, "at least one"),
        ({"methods": ("mixture", "mixture")}, "each once"),
        ({"methods": ("mixtura",)}, "mixture"),
        ({"strengths": (0.0,)}, "above 0"),
        ({"strengths": (1.0, 1.0)}, "different"),
        ({"resamples": 5}, "at least 100"),
        ({"batch": 0}, "at least 1"),
    ],
)
def test_what_cant_work_is_refused_before_anything_long(engine: Engine, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises((BadInputError, UnknownNameError), match=said):
        run_harm(engine, few(), HarmConfig(**wrong))
