"""`counterpoint train`, end to end on a tiny random model in a folder."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch
from typer.testing import CliRunner

from counterpoint.cli import app, main
from counterpoint.data import load
from counterpoint.models.language_model import LanguageModel


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama of one layer, with a tokenizer that reads bytes."""
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    folder = tmp_path_factory.mktemp("model")
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE({"</s>": 0} | {letter: i + 1 for i, letter in enumerate(alphabet)}, []))
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    transformers.PreTrainedTokenizerFast(tokenizer_object=made, eos_token="</s>").save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=257, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, eos_token_id=0
    )
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder


@pytest.fixture
def recipe(model: Path, tmp_path: Path) -> Path:
    file = tmp_path / "small.toml"
    file.write_text(
        f'model = "lm:{model}"\ndata = "crossroads"\nper_value_pair = 1\n'
        "[training]\nsteps = 2\nbatch = 2\naccumulate = 1\nlearning_rate = 1e-2\nsave_steps = 1\n"
    )
    return file


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["train", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    monkeypatch.setattr("sys.argv", ["counterpoint", "train", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    return capsys.readouterr().err


def test_a_run_writes_its_folder_and_the_same_command_again_takes_it_over(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    said = run(recipe, "--out", out)
    assert "2 steps" in said
    assert "to 1 (" in said  # the expected gain, before training
    assert "branches exceed training.max_tokens" in said

    results = json.loads((out / "results.json").read_text())
    assert [step for step, _, _ in results["curve"]] == [1, 2]
    assert results["data"]["name"] == "crossroads"
    assert results["plan"]["saving"]["token_ratio"] > 1.3
    config = tomllib.loads((out / "config.toml").read_text())
    assert config["training"]["steps"] == 2
    assert config["training"]["lora"]["rank"] == 8
    events = [json.loads(line)["event"] for line in (out / "log.jsonl").read_text().splitlines()]
    assert events == ["plan", "step", "step", "finished"]
    assert ElementTree.parse(out / "curve.svg").getroot().tag.endswith("svg")
    assert sorted(p.name for p in (out / "adapter").iterdir() if p.suffix in (".safetensors", ".json")) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "language_model.json",
    ]
    assert LanguageModel.load(f"lm:{out / 'adapter'}").has_adapter

    assert json.loads(run(recipe, "--out", out, "--json")) == results
    assert "other settings or data" in refused(monkeypatch, capsys, recipe, "--out", out, "--set", "seed=1")


def test_a_plan_says_what_would_be_done_and_writes_nothing(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LanguageModel, "load", lambda *_, **__: pytest.fail("a plan reads no weights"))
    out = tmp_path / "none"
    assert "to 1 (" in run(recipe, "--plan-only", "--out", out)
    record = json.loads(run(recipe, "--plan-only", "--json", "--set", "per_value_pair=2"))
    pairs = {dilemma.value_pair for dilemma in load("crossroads").dilemmas}
    assert record["examples"] == 2 * len(pairs)
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "training.epoch=2"], "Did you mean 'training.epochs'"),
        (["--set", "model=lm:/nowhere/at/all"], "lm:/nowhere/at/all"),
        (["--set", "data=/nowhere/at/all"], "/nowhere/at/all"),
        (["--set", "training.max_tokens=3", "--set", "training.too_long=drop"], "raise it or set training.too_long"),
    ],
)
def test_a_mistake_ends_with_one_clear_line_and_exit_code_2(
    arguments: list[str], message: str, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    said = refused(monkeypatch, capsys, recipe, "--out", tmp_path / "run", *arguments)
    assert said.splitlines()[-1].startswith("error: ") or "error: " in said
    assert message in said
    assert "Traceback" not in said


def test_a_recipe_that_is_not_there_is_said_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "nowhere.toml: can't be read as TOML" in refused(monkeypatch, capsys, "nowhere.toml")
