"""`counterpoint train`, end to end on a tiny random model in a folder."""

from __future__ import annotations

import json
import math
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch
from typer.testing import CliRunner

from counterpoint.cli import app, main
from counterpoint.cli.aloe_models import contestants
from counterpoint.data import load
from counterpoint.models.language_model import LanguageModel
from counterpoint.training.lm import conversations


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


CONVERSATION = {
    "persona": {"profile": "A welder of 40 who keeps goats.", "personality": "Says little."},
    "turns": [
        {"user": "Cold again.", "preferred": "Goats warm?", "rejected": "How can I help?", "continued": "preferred"},
        {"user": "They are.", "preferred": "Good.", "rejected": "Glad to hear that!", "continued": "rejected"},
    ],
}
CHAT = {"messages": [{"role": "user", "content": "Two and two?"}, {"role": "assistant", "content": "Four."}]}


@pytest.fixture
def stages(model: Path, tmp_path: Path) -> Path:
    (tmp_path / "talks.jsonl").write_text(json.dumps(CONVERSATION | {"id": "a"}) + "\n")
    (tmp_path / "chats.jsonl").write_text(3 * (json.dumps(CHAT) + "\n"))
    each = "batch = 1\naccumulate = 1\nlearning_rate = 1e-2\nsave_steps = 1\nsteps = 2\n"
    file = tmp_path / "stages.toml"
    file.write_text(
        f'model = "lm:{model}"\ndata = "{tmp_path / "talks.jsonl"}"\nchats = "{tmp_path / "chats.jsonl"}"\n'
        'chat_share = 0.5\nstages = ["sft", "dpo"]\n[training]\npacking = 0\n'
        f"[training.sft]\n{each}[training.dpo]\n{each}"
    )
    return file


def test_a_recipe_with_stages_trains_on_conversations_and_goes_on_where_it_was_stopped(
    stages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"

    def stop(*_: object, **__: object) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(conversations.LanguageModel, "save", stop)  # after the second stage, before its adapter is kept
    with pytest.raises(RuntimeError, match="killed"):
        run(stages, "--out", out)
    monkeypatch.undo()
    said = run(stages, "--out", out)
    assert "sft: 2 steps" in said
    assert "dpo: 2 steps" in said
    results = json.loads((out / "results.json").read_text())
    assert results["data"]["chats"] == 1  # half of one conversation and one chat
    assert [len(results["curve"][stage]) for stage in ("sft", "dpo")] == [2, 2]
    assert results["curve"]["dpo"][0][2] == pytest.approx(math.log(2), abs=1e-3)
    steps = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines() if '"step"' in line]
    assert [step["stage"] for step in steps if step["event"] == "step"] == ["sft"] * 2 + ["dpo"] * 2  # none twice
    assert [(c.method, c.model) for c in contestants(str(out), [])][1:] == [
        ("sft", f"lm:{out / 'sft_model'}"),
        ("sft+dpo", f"lm:{out / 'adapter'}"),
    ]
    assert LanguageModel.load(f"lm:{out / 'adapter'}").has_adapter


def test_a_plan_of_stages_says_what_each_would_do(stages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LanguageModel, "load", lambda *_, **__: pytest.fail("a plan reads no weights"))
    record = json.loads(run(stages, "--plan-only", "--json"))
    assert record["sft"]["branches"] == 3  # two preferred replies and a chat's
    assert record["dpo"]["branches"] == 4
    assert "dpo: 1 examples" in run(stages, "--plan-only")
