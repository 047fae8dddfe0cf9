"""`counterpoint plan`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from counterpoint.cli import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `counterpoint plan ARGUMENTS`: exit code, output, errors."""

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["counterpoint", "plan", *arguments])
        try:
            main()
        except SystemExit as end:
            return (end.code if isinstance(end.code, int) else 0), *capsys.readouterr()
        return 0, *capsys.readouterr()

    return call


def test_it_says_what_fits(run: Run) -> None:
    code, out, err = run(
        "--model", "Qwen/Qwen2.5-3B-Instruct", "--data", "crossroads", "--gpu", "RTX 4090", "--set", "per_value_pair=2"
    )
    assert (code, err) == (0, "")
    assert "3.09 billion parameters" in out
    assert "take: bfloat16 weights (LoRA)" in out
    assert "assumed:" in out


def test_json_is_for_programs_and_a_recipe_gives_the_settings(run: Run, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        'model = "lm:Qwen/Qwen3-4B"\ndata = "crossroads"\nobjective = "dpo_mixed"\nper_value_pair = 2\n'
        "[training]\nepochs = 1\n"
    )
    code, out, err = run(str(recipe), "--gpu", "h100", "--json")
    assert (code, err) == (0, "")
    record = json.loads(out)
    assert (record["model"]["name"], record["objective"], record["gpu"]["name"]) == (
        "Qwen/Qwen3-4B",
        "dpo_mixed",
        "h100",
    )
    assert record["best"]["fits"]
    code, out, _ = run(str(recipe), "--objective", "pft", "--json")
    assert json.loads(out)["objective"] == "pft"


def test_a_recipe_with_stages_is_foreseen_a_stage_at_a_time_with_whole_weights(run: Run, tmp_path: Path) -> None:
    turns = [
        {"user": f"It is cold, day {i}.", "preferred": "Goats warm?", "rejected": "Cold?", "continued": "preferred"}
        for i in range(10)
    ]
    row = {"id": "a", "persona": {"profile": "A welder.", "personality": "Says little."}, "turns": turns}
    data = tmp_path / "talks.jsonl"
    data.write_text(json.dumps(row) + "\n")
    recipe = Path(__file__).parents[2] / "recipes" / "qwen2.5-3b-aloe.toml"
    code, out, err = run(str(recipe), "--data", str(data), "--gpu", "h100", "--json")
    assert (code, err) == (0, "")
    record = json.loads(out)
    assert list(record) == ["sft", "dpo"]
    assert record["dpo"]["training"]["branches"] == 2 * record["sft"]["training"]["branches"] == 20
    assert all(option["quantisation"] is None for stage in record.values() for option in stage["options"])
    code, out, _ = run(str(recipe), "--data", str(data), "--gpu", "h100")
    assert out.count("take: bfloat16 weights (LoRA)") == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "error: give a recipe, or --model"),
        (("--model", "Qwen/Qwen3-4B", "--gpu", "rtx-4099"), "error: unknown GPU 'rtx-4099'. Did you mean 'rtx-4090'?"),
        (("--model", "Qwen/Qwen3-4"), "error: unknown model 'Qwen/Qwen3-4'. Did you mean 'Qwen/Qwen3-4B'?"),
        (("--model", "Qwen/Qwen3-4B", "--objective", "pftt"), "error: unknown objective 'pftt'. Did you mean 'pft'?"),
        (("--model", "Qwen/Qwen3-4B", "--data", "no-such.json"), "error: "),
        (
            ("--model", "Qwen/Qwen3-4B", "--data", "crossroads", "--utilisation", "2"),
            "error: utilisation must be above 0",
        ),
        (("--model", "Qwen/Qwen3-4B", "--set", "training.epoch=2"), "error: unknown setting 'training.epoch'."),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(run: Run, arguments: tuple[str, ...], said: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(said)
