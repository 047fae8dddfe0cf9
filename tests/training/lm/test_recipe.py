"""Recipes: those that are shipped, presets, mistakes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from counterpoint.data import taxonomy
from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.training.lm.conversation_recipe import ConversationRecipe
from counterpoint.training.lm.conversation_settings import TINY_ALOE, AloeTraining
from counterpoint.training.lm.recipe import Recipe, chosen, read_recipe
from counterpoint.training.lm.settings import TINY, LmTraining

from .small import RISK, TIME, dilemmas

RECIPES = sorted((Path(__file__).parents[3] / "recipes").glob("*.toml"))


def test_recipes_for_three_models_on_three_kinds_of_data_are_shipped() -> None:
    models = ("llama-3.1-8b", "qwen2.5-3b", "qwen3-4b")
    real = [f"{model}-{data}" for model in models for data in ("aloe", "bqd", "vcd")]
    assert sorted(p.stem for p in RECIPES) == sorted([*real, "tiny", "tiny-aloe"])


@pytest.mark.parametrize("file", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_is_read_and_says_how_to_run_it(file: Path) -> None:
    recipe = read_recipe(file)
    assert f"counterpoint train recipes/{file.name}" in file.read_text()
    assert all(f"# {what}:" in file.read_text() for what in ("Command", "Hardware", "Memory", "Time"))
    if isinstance(recipe, ConversationRecipe):
        own = AloeTraining()
        real = replace(own, sft=replace(own.sft, checkpointing=True), dpo=replace(own.dpo, checkpointing=True))
        assert recipe.training == (TINY_ALOE if file.stem == "tiny-aloe" else real)
        assert recipe.stages == ("sft", "dpo")
        return
    if recipe.taxonomy is not None:
        assert taxonomy(recipe.taxonomy)
    if file.stem != "tiny":  # the paper's set-up, with 2 epochs on BQD
        expected = LmTraining(checkpointing=True, epochs=2 if file.stem.endswith("bqd") else 3)
        assert recipe.training == expected
        assert recipe.per_value_pair == 1000


def test_aloe_has_the_papers_settings() -> None:
    training = AloeTraining()
    assert (training.sft.learning_rate, training.sft.epochs, training.sft.accumulate) == (1e-5, 1, 48)
    assert (training.dpo.learning_rate, training.dpo.epochs, training.beta) == (1e-5, 1, 0.9)
    assert training.packing == 8192
    # 4 x 12 turns a step in the paper; conversations of ten turns here
    assert 10 * training.dpo.batch * training.dpo.accumulate == pytest.approx(4 * 12, abs=2)


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "recipe.toml"
    file.write_text(text)
    return file


def test_the_tiny_model_has_its_own_defaults_under_whatever_is_said(tmp_path: Path) -> None:
    file = write(tmp_path, 'model = "lm:tiny"\n[training]\nbatch = 7\n[training.lora]\nrank = 3\n')
    expected = replace(TINY, batch=7, epochs=9, lora=replace(TINY.lora, rank=3))
    assert read_recipe(file, ["training.epochs=9"]).training == expected
    assert read_recipe(file, ["model=lm:some/other"]).training == LmTraining(
        batch=7, lora=replace(LmTraining().lora, rank=3)
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("objektive = 'pft'", r"unknown setting 'objektive'\. Did you mean 'objective'\?"),
        (
            "[training]\nlearning_rat = 1",
            r"unknown setting 'training\.learning_rat'\. Did you mean 'training\.learning_r",
        ),
        ("[training.lora]\nrnk = 1", r"unknown setting 'training\.lora\.rnk'\. Did you mean 'training\.lora\.rank'"),
        ("[training]\nlayout = 'poles'", r"setting training\.layout"),
        ("[training]\nepochs = 0", r"training\.epochs must be at least 1"),
        ("model = 'gpt2'", r"model is 'gpt2'; expected lm:"),
        ("per_value_pair = 0", r"per_value_pair must be at least 1"),
        ("quantisation = '3bit'", r"setting quantisation"),
        ("model = ", "can't be read as TOML"),
        ("stages = ['dpo', 'sft']", r"stages are \['dpo', 'sft'\]; expected"),
        ("stages = ['sft']\n[training.sft]\nepoch = 1", r"Did you mean 'training\.sft\.epochs'"),
        ("stages = ['dpo']\nchats = 'c.jsonl'", "chats are learned in the stage 'sft'"),
        ("stages = ['sft']\nchat_share = 1.0", "chat_share must be at least 0 and below 1"),
        ("stages = ['sft']\nobjective = 'pft'", "unknown setting 'objective'"),
    ],
)
def test_a_mistake_is_named_with_the_nearest_key(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=message):
        read_recipe(write(tmp_path, text))


def test_an_unknown_objective_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'ipo_mixed'"):
        read_recipe(write(tmp_path, "objective = 'ipo_mixd'"))


def test_at_most_so_many_dilemmas_of_a_value_pair_are_drawn_by_the_seed() -> None:
    data = dilemmas(21)
    drawn = chosen(data, Recipe(per_value_pair=4))
    assert Counter(dilemma.value_pair for dilemma in drawn) == {RISK.name: 4, TIME.name: 4}
    assert list(drawn) == [dilemma for dilemma in data if dilemma in drawn]  # in the order given
    assert set(drawn) == set(chosen(data[::-1], Recipe(per_value_pair=4)))
    assert set(drawn) != set(chosen(data, Recipe(per_value_pair=4, seed=1)))
    assert chosen(data, Recipe()) == tuple(data)
