"""Exported suites in the tools they are for: the same answers as here, sample by sample."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import log_softmax
from typer.testing import CliRunner

from counterpoint.cli import app
from counterpoint.data import load, shuffle_options
from counterpoint.data.taxonomy import taxonomy
from counterpoint.evaluation.interchange.export import export
from counterpoint.evaluation.interchange.formats import Format
from counterpoint.evaluation.suites.vcd import Vcd
from counterpoint.models.language_model import LanguageModel
from counterpoint.models.lm_scorer import LmScorer
from counterpoint.models.lm_speaker import LmSpeaker, Question
from counterpoint.models.sampling import Decoding
from counterpoint.types import DataSet
from small_encoder import TWO_PAIRS, made_up_dilemmas
from small_language import language

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # theirs

DATA = DataSet("made up", TWO_PAIRS, tuple(made_up_dilemmas(12)))


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))


def harness(task: Path, model: Path, *, chat: bool, **settings: Any) -> dict[tuple[str, str], dict[str, Any]]:
    """What lm-evaluation-harness found for every sample and pole; its group's mean under `("", "")`."""
    pytest.importorskip("lm_eval", reason="needs the extra interchange")
    from lm_eval.evaluator import simple_evaluate
    from lm_eval.tasks import TaskManager

    found = simple_evaluate(
        model="hf",
        model_args={"pretrained": str(model), "device": "cpu", "dtype": "float32", **settings},
        tasks=["counterpoint_vcd"],
        task_manager=TaskManager(include_path=str(task), include_defaults=False),
        apply_chat_template=chat,
        batch_size=16,
        bootstrap_iters=0,
    )
    assert found is not None
    samples = [sample for rows in found["samples"].values() for sample in rows]
    told = {(s["doc"]["sample"], s["doc"]["pole"]): s for s in samples}
    assert len(told) == len(samples)
    return told | {("", ""): found["groups"]["counterpoint_vcd"]}


def likelihoods(sample: dict[str, Any]) -> list[float]:
    """Log-probabilities normalised over the options, in the order shown."""
    return list(log_softmax([reply[0][0] for reply in sample["resps"]]))


@pytest.mark.parametrize(
    ("template", "settings"),
    [
        ("none", {}),
        ("chatml", {"enable_thinking": False}),
        ("headers", {"chat_template_args": {"date_string": "26 Jul 2024"}}),
    ],
)
def test_the_harness_scores_every_option_as_we_do(template: str, settings: dict[str, Any], tmp_path: Path) -> None:
    scorer = LmScorer(language(template, folder=tmp_path / "model"))
    chat = template != "none"
    export(Vcd(DATA), tmp_path / "task", form=Format.LM_EVAL, seed=2, chat=chat)
    found = harness(tmp_path / "task", tmp_path / "model", chat=chat, **settings)
    shown = [shuffle_options(d, 2) for d in DATA.dilemmas]
    poles = [TWO_PAIRS.by_name[d.value_pair].poles for d in shown]
    for dilemma, asked, rows in zip(shown, poles, scorer.score(shown, poles), strict=True):
        for pole, row in zip(asked, rows, strict=True):
            sample = found[dilemma.id, pole.name]
            assert likelihoods(sample) == pytest.approx(row, abs=1e-4)
            assert sample["acc"] == float(np.argmax(row) in dilemma.gold(pole.name))


def test_the_harness_grades_lm_tiny_on_vcd_as_evaluate_does_sample_by_sample(tmp_path: Path) -> None:
    pytest.importorskip("lm_eval", reason="needs the extra interchange")
    for command in (
        f"evaluate --suite vcd --data toy --model lm:tiny --methods base --seeds 1 --out {tmp_path / 'run'}",
        f"export --suite vcd --data toy --format lm-eval --out {tmp_path / 'task'}",
    ):
        CliRunner().invoke(app, command.split(), catch_exceptions=False)
    folder = LanguageModel.load("lm:tiny").folder
    assert folder is not None
    found = harness(tmp_path / "task", folder, chat=True)
    lines = [json.loads(line) for line in (tmp_path / "run" / "predictions.jsonl").read_text().splitlines()]
    assert len(lines) == len(found) - 1 == 720
    for line in lines:
        sample = found[line["dilemma"], line["pole"]]
        assert sample["acc"] == float(line["chosen"] in line["gold"])
        assert sorted(likelihoods(sample)) == pytest.approx(sorted(line["log_probs"]), abs=1e-3)
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    (mean,) = [row["mean"] for row in results["summary"] if (row["method"], row["metric"]) == ("base", "acc_one")]
    assert found["", ""]["acc,none"] == pytest.approx(mean, abs=1e-6)


def test_inspect_reads_from_lm_tiny_what_we_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Greedy replies, whole, and their grades; its metrics are worked out from them by the slow definition."""
    inspect_ai = pytest.importorskip("inspect_ai", reason="needs the extra interchange")
    data = load("toy")
    data = data.subset((*data.dilemmas[:6], *data.dilemmas[-6:]))
    export(Vcd(data), tmp_path / "task", form=Format.INSPECT)
    made = LanguageModel.load("lm:tiny")
    monkeypatch.chdir(tmp_path / "task")  # it takes no path that isn't relative
    (log,) = inspect_ai.eval(
        "task.py",
        model="hf/local",
        model_args={"model_path": str(made.folder), "do_sample": False, "device": "cpu"},
        max_tokens=40,
        log_dir="logs",
        display="none",
    )
    assert log.status == "success"
    shown = {d.id: shuffle_options(d, 0) for d in data.dilemmas}
    speaker = LmSpeaker(made, decoding=Decoding(temperature=0, max_new_tokens=40))
    right: dict[tuple[str, str], bool] = {}
    letters: dict[str, list[str]] = {}
    for sample in log.samples:
        dilemma, name = shown[sample.metadata["sample"]], sample.metadata["pole"]
        pole = taxonomy("toy").by_pole[name].pole(name)
        (reply,) = speaker.reply([Question(dilemma, pole, several=False)])
        assert sample.output.completion == reply
        score = sample.scores["choice"]
        chosen = json.loads(reply)["choice"]
        assert score.answer == chosen
        right[dilemma.id, name] = "ABCD".index(chosen) in dilemma.gold(name)
        assert (score.value == "C") == right[dilemma.id, name]
        letters.setdefault(dilemma.id, []).append(chosen)
    assert len(right) == 24
    told = {name: metric.value for name, metric in log.results.scores[0].metrics.items()}
    poles = {name for _, name in right}
    by_pole = [np.mean([ok for (_, name), ok in right.items() if name == pole]) for pole in poles]
    assert told["acc_one"] == pytest.approx(np.mean(by_pole))
    both = [all(ok for (id_, _), ok in right.items() if id_ == dilemma) for dilemma in letters]
    assert told["paired_accuracy"] == pytest.approx(np.mean(both))
    assert told["insensitivity"] == pytest.approx(np.mean([len(set(said)) == 1 for said in letters.values()]))
    assert told["unreadable"] == 0.0


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ('{"choice": "B", "explanation": "To go jointly is social."}', "B"),
        ('Sure!\n```json\n{"choice": "a"}\n```', "A"),
        (" (C).", "C"),
        ('{"choice": "D"}', None),
        ('{"choice": "A"} or {"choice": "B"}', None),
        ("A bold move", None),
        ("", None),
    ],
)
def test_a_reply_in_words_is_read_or_it_is_not(reply: str, letter: str | None, tmp_path: Path) -> None:
    pytest.importorskip("inspect_ai", reason="needs the extra interchange")
    import importlib.util

    export(Vcd(DATA), tmp_path / "task", form=Format.INSPECT)
    spec = importlib.util.spec_from_file_location("exported_task", tmp_path / "task" / "task.py")
    assert spec is not None
    assert spec.loader is not None
    task = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(task)
    assert task.read_letter(reply, ["A", "B", "C"]) == letter
