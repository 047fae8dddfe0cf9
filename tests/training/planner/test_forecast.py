"""Forecasts against numbers worked by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from counterpoint.data import load
from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.models.language_model import LoraSettings
from counterpoint.models.trie import Branch, Saving, build_plan
from counterpoint.training.lm.plan import TrainingPlan
from counterpoint.training.lm.recipe import Recipe
from counterpoint.training.lm.rows import Lengths, Row, Rows
from counterpoint.training.lm.settings import LmTraining
from counterpoint.training.planner import Gpu, find_gpu, plan_run
from counterpoint.training.planner.forecast import UNPACKING, passes, peak

QWEN = "lm:Qwen/Qwen2.5-3B-Instruct"


def recipe(model: str = QWEN, objective: str = "pft", **training: object) -> Recipe:
    """A recipe on the built-in dilemmas."""
    settings = LmTraining(**training)  # type: ignore[arg-type]
    return Recipe(model=model, data="crossroads", objective=objective, per_value_pair=3, training=settings)


@pytest.fixture(scope="module")
def data():
    return load("crossroads")


def made_up(*lengths: int, micro_batch: int = 2) -> TrainingPlan:
    """A plan of single branches of so many nodes, the last two of which predict."""
    branches = [Branch((*range(n), 0), n - 1) for n in lengths]
    rows = tuple(Row((branch,), (True,), (0,), (1.0,), len(branch.tokens) - 1) for branch in branches)
    return TrainingPlan(Rows(rows, Lengths(len(rows), 0, 0, 0, 0), 1.0), Saving(1, 1, 1.0, 1.0), micro_batch, 5, 0)


def test_the_largest_plan_is_the_largest_micro_batch_within_the_budget() -> None:
    training = made_up(10, 40, 20, 30)
    plans = [build_plan(row.branches) for row in training.rows.rows]
    assert peak(training, plans, 1000) == (70, 4)  # the 40 and the 30, two predicting nodes each
    assert peak(training, plans, 50) == (50, 4)
    assert peak(training, plans, 25) == (40, 4)  # a single sequence can't be split


def test_every_example_is_computed_once_an_epoch_or_as_often_as_the_steps_say() -> None:
    training = made_up(10, 40, 20, 30)
    assert passes(training, LmTraining(epochs=3)) == 3
    assert passes(training, LmTraining(steps=6, accumulate=4)) == 6 * 4 * 2 / 4


def test_hours_by_hand(tmp_path: Path, data) -> None:
    # A model whose linear maps are all there is to speak of: 2 operations a weight and token forward, as many backward,
    # because frozen weights have no gradient.
    sizes = {"hidden_size": 512, "intermediate_size": 65_536, "num_hidden_layers": 2, "num_attention_heads": 1}
    config = {"model_type": "llama", "head_dim": 8, "vocab_size": 16, **sizes}
    (tmp_path / "config.json").write_text(json.dumps(config))
    gpu = Gpu("made-up", 1000, 1, "nowhere")  # 1 TFLOP/s
    forecast = plan_run(recipe(f"lm:{tmp_path}"), data, gpu, utilisation=0.5)
    plain, again, four_bit, _ = forecast.options
    tokens = 3 * forecast.training.saving.tokens  # three epochs
    weights = 2 * (4 * 512 * 8 + 3 * 512 * 65_536)
    assert plain.hours == pytest.approx(2 * 2 * weights * tokens / (0.5e12 * 3600), rel=0.001)
    assert again.hours == pytest.approx(1.5 * plain.hours, rel=0.001)  # one forward more
    assert four_bit.hours == pytest.approx(UNPACKING * plain.hours, rel=0.001)
    twice = plan_run(recipe(f"lm:{tmp_path}"), data, gpu, utilisation=0.25)
    assert twice.options[0].hours == pytest.approx(2 * plain.hours)


def test_dpo_s_reference_costs_a_forward_more(data) -> None:
    # Both objectives' branches are the same here but for the rejected ones; so compare operations a token.
    sft, dpo = (plan_run(recipe(objective=name), data, find_gpu("h100")) for name in ("ipo_mixed", "pft"))
    each = [f.options[0].hours / f.training.saving.tokens for f in (sft, dpo)]
    assert each[0] == pytest.approx(1.5 * each[1], rel=0.1)


def test_a_small_card_gets_settings_that_fit_and_a_large_one_the_fastest(data) -> None:
    large = plan_run(recipe(), data, find_gpu("h200")).best
    assert large is not None
    assert (large.quantisation, large.checkpointing, large.max_nodes) == (None, False, 4096)
    small = plan_run(recipe(), data, Gpu("small", 8, 20, "nowhere")).best
    assert small is not None
    assert small.memory.total <= 8e9
    assert small.quantisation == "4bit" or small.checkpointing
    assert plan_run(recipe("lm:Llama-3.1-8B-Instruct"), data, Gpu("tiny", 4, 20, "nowhere")).best is None


def test_weights_are_quantised_only_where_nothing_else_fits_or_it_is_asked_for(data) -> None:
    card = Gpu("middle", 22, 165, "nowhere")  # 8 billion weights of 2 bytes leave room for checkpointing only
    best = plan_run(recipe("lm:Llama-3.1-8B-Instruct"), data, card).best
    assert best is not None
    assert (best.quantisation, best.checkpointing) == (None, True)
    asked = plan_run(replace(recipe("lm:Llama-3.1-8B-Instruct"), quantisation="4bit"), data, card).best
    assert asked is not None
    assert asked.quantisation == "4bit"
    small = plan_run(recipe("lm:Llama-3.1-8B-Instruct"), data, replace(card, memory_gb=14)).best
    assert small is not None
    assert small.quantisation == "4bit"


def test_what_is_said_holds_its_assumptions_and_settings_that_a_recipe_takes(data) -> None:
    from counterpoint.training.lm.recipe import read_recipe

    forecast = plan_run(recipe(), data, find_gpu("rtx-4090"))
    said = forecast.summary()
    assert "an estimate" in said
    assert "35% of the card's 165 TFLOP/s" in said
    for option in forecast.options:
        found = read_recipe(None, ['model="lm:x"', *option.settings])
        assert (found.quantisation, found.training.checkpointing) == (option.quantisation, option.checkpointing)
        assert found.training.max_nodes == option.max_nodes
    record = json.loads(json.dumps(forecast.record()))
    assert record["model"]["parameters"] == 3_085_938_688
    assert record["options"][0]["memory"]["total"] == pytest.approx(forecast.options[0].memory.total)
    assert record["tokens_estimated"] is True


def test_scenario_first_saves_tokens_and_pole_first_hardly(data) -> None:
    ratio = {
        layout: plan_run(recipe(layout=layout), data, find_gpu("l4")).training.saving.token_ratio
        for layout in ("scenario_first", "pole_first")
    }
    assert ratio["scenario_first"] > 1.4 * ratio["pole_first"]


def test_a_larger_adapter_and_a_higher_budget_need_more(data) -> None:
    base = plan_run(recipe(), data, find_gpu("l4"))
    rank = plan_run(recipe(lora=LoraSettings(rank=64)), data, find_gpu("l4"))
    assert rank.options[0].memory.adapter == 8 * base.options[0].memory.adapter
    assert plan_run(recipe(max_nodes=1500), data, find_gpu("l4")).peak.nodes < base.peak.nodes


@pytest.mark.parametrize("utilisation", [0.0, 1.5])
def test_an_impossible_utilisation_is_refused(data, utilisation: float) -> None:
    with pytest.raises(BadInputError, match="utilisation must be above 0"):
        plan_run(recipe(), data, find_gpu("l4"), utilisation=utilisation)


def test_an_unknown_model_is_refused_with_the_nearest(data) -> None:
    with pytest.raises(UnknownNameError, match=r"Did you mean 'Qwen/Qwen3-4B'"):
        plan_run(replace(recipe(), model="lm:Qwen/Qwen3-4"), data, find_gpu("l4"))
