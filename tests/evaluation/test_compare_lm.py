"""`compare` on a language model: methods take turns on the same weights, and nothing of one is left in the next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from counterpoint.cli.demo import side_by_side
from counterpoint.config import resolve
from counterpoint.errors import BadInputError
from counterpoint.evaluation.compare import compare
from counterpoint.evaluation.compare_config import CompareConfig, presets
from counterpoint.models.lm_scorer import LmScorer
from small_encoder import made_up_dilemmas, write_dilemmas
from small_language import language, randomised

METHODS = ("base", "pft", "sft_positive", "dpo_mixed", "ipo_mixed", "icl", "caa")
QUICK = (
    "lm.training.steps=2",
    "lm.training.form=letter",
    "lm.training.learning_rate=0.01",
    "lm.training.lora.rank=2",
    "lm.icl.shots=1",
    "lm.caa.layers=[0]",
    "lm.caa.multipliers=[1.0]",
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("model")
    language("none", folder=folder)
    return f"lm:{folder}"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dilemmas(tmp_path_factory.mktemp("data") / "dilemmas.jsonl", made_up_dilemmas(16))


def settings(model: str, data: Path, *sets: str, **flags: Any) -> CompareConfig:
    told = {"data": str(data), "model": model, "methods": METHODS, "seeds": 1, **flags}
    return resolve(CompareConfig, sets=(*QUICK, *sets), flags=told, presets=presets)


def log_probs(folder: Path) -> dict[tuple[str, str, str], list[float]]:
    lines = map(json.loads, (folder / "predictions.jsonl").read_text().splitlines())
    return {(line["method"], line["dilemma"], line["pole"]): line["log_probs"] for line in lines}


@pytest.fixture(scope="module")
def run(model: str, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    compare(settings(model, data), folder)
    return folder


def test_every_method_answers_in_a_way_of_its_own(run: Path) -> None:
    found = log_probs(run)
    keys = {key[1:] for key in found}
    by_method = {method: [found[method, *key] for key in sorted(keys)] for method in METHODS}
    assert len(keys) >= 6
    assert len({str(values) for values in by_method.values()}) == len(METHODS)
    assert (run / "report.html").exists()
    summary = json.loads((run / "results.json").read_text())["summary"]
    assert {row["method"] for row in summary} == {*METHODS, "rule", "rule_published_order"}


@pytest.mark.parametrize("method", ["base", "pft", "icl"])
def test_a_method_s_numbers_do_not_depend_on_those_before_it(
    run: Path, model: str, data: Path, tmp_path: Path, method: str
) -> None:
    compare(settings(model, data, methods=(method,)), tmp_path)
    alone = log_probs(tmp_path)
    assert {key: value for key, value in log_probs(run).items() if key[0] == method} == alone


def test_a_trained_adapter_is_saved_and_can_be_loaded(run: Path) -> None:
    saved = run / "scorers" / "pft-seed0"
    assert (saved / "adapter_model.safetensors").exists()
    assert LmScorer.load(saved).language.has_adapter
    assert not (run / "scorers" / "base-seed0").exists()


def test_replies_are_read_where_generation_is_asked_for(model: str, data: Path, tmp_path: Path) -> None:
    config = settings(model, data, "lm.reading=generation", "lm.decoding.max_new_tokens=4", methods=("base", "icl"))
    compare(config, tmp_path)
    results = json.loads((tmp_path / "results.json").read_text())
    rows = {(row["method"], row["metric"]): row for row in results["summary"]}
    assert rows["base", "unreadable"]["mean"] > 0.5, "a random model says nothing that can be read"
    assert rows["base", "ece"]["mean"] is None
    lines = map(json.loads, (tmp_path / "predictions.jsonl").read_text().splitlines())
    assert all(len(line["replies"]) == 2 for line in lines)
    shown = list(side_by_side(tmp_path, 2))
    assert sum("  A. " in text and "  B. " in text for text in shown) == 2
    assert sum("In context" in text for text in shown) == 4, "two dilemmas, two poles"


def test_a_model_that_has_an_adapter_is_no_place_to_start(data: Path, tmp_path: Path) -> None:
    made = language("none", folder=tmp_path / "base")
    made.add_adapter()
    randomised(made.model)
    made.save(tmp_path / "tuned")
    with pytest.raises(BadInputError, match="has an adapter already"):
        compare(settings(f"lm:{tmp_path / 'tuned'}", data), tmp_path / "run")
    with pytest.raises(BadInputError, match="no causal language model"):
        compare(settings(f"lm:{tmp_path / 'nowhere'}", data), tmp_path / "run2")
