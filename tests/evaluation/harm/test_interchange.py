"""Tasks of lm-evaluation-harness on a steered model, from files of our own: no download."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from counterpoint.data.taxonomy import taxonomy
from counterpoint.errors import BadInputError
from counterpoint.evaluation.harm.interchange import _ask, _decoding, find_tasks, run_tasks
from counterpoint.evaluation.harm.store import Condition
from counterpoint.models.decoding import Decoding
from counterpoint.steering.asking import Conversation, Message, Request
from counterpoint.steering.engine import Engine
from counterpoint.steering.likelihood import log_probs, scored
from counterpoint.steering.steering import nothing
from small_language import language

pytest.importorskip("lm_eval")
pytestmark = pytest.mark.filterwarnings("ignore")  # theirs
BASE = Condition("base", 0.0)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(language(), taxonomy("vcd"))


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two choices each; the first is right."""
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    rows = [{"question": f"Which one, {i}?", "right": "this", "wrong": "that"} for i in range(4)]
    data = tmp_path / "rows.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    file = tmp_path / "which.yaml"
    file.write_text(
        "task: which_one\n"
        "dataset_path: json\n"
        f"dataset_kwargs:\n  data_files:\n    test: {data}\n"
        "test_split: test\n"
        "output_type: multiple_choice\n"
        'doc_to_text: "{{question}}"\n'
        'doc_to_choice: ["{{right}}", "{{wrong}}"]\n'
        "doc_to_target: 0\n"
        "metric_list:\n  - metric: acc\n"
    )
    return file


def test_a_tasks_metric_is_what_the_likelihoods_say(engine: Engine, task: Path) -> None:
    (row,) = run_tasks(engine, BASE, find_tasks([str(task)]), limit=3)
    assert (row["metric"], row["n"], row["method"]) == ("which_one: acc", 3, "base")
    right = []
    for i in range(3):
        asked = Request(Conversation.said(f"Which one, {i}?"), nothing(engine.taxonomy))
        ids = [tuple(engine.language.tokenizer(w, add_special_tokens=False)["input_ids"]) for w in ("this", "that")]
        this, that = (sum(found) for found in log_probs(engine, [asked, asked], ids))
        right.append(this > that)
    assert row["mean"] == pytest.approx(sum(right) / 3, abs=1e-6)


def test_it_is_asked_under_steering_too(engine: Engine, task: Path) -> None:
    (row,) = run_tasks(engine, Condition("mixture", 1.0), find_tasks([str(task)]), limit=2)
    assert (row["method"], row["strength"], row["n"]) == ("mixture", 1.0, 2)


@pytest.mark.slow  # the harness lists thousands of tasks first
def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(BadInputError, match="knows no task"):
        find_tasks(["no_such_task_at_all"])


def test_a_file_that_is_no_task_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("dataset: x\n")
    with pytest.raises(BadInputError, match="task: NAME"):
        find_tasks([str(tmp_path / "empty.yaml")])


def test_a_reply_scores_the_sum_of_its_tokens_and_whether_it_is_what_would_be_said(engine: Engine) -> None:
    request = Request(Conversation.said("Hm?"), nothing(engine.taxonomy), decoding=Decoding(0, max_new_tokens=4))
    (reply,) = engine.answer([request])
    other = (*reply.tokens[:-1], (reply.tokens[-1] + 1) % 300)
    own, changed = scored(engine, [request, request], [reply.tokens, other])
    assert own.likeliest
    assert not changed.likeliest
    assert own.log_prob == pytest.approx(sum(log_probs(engine, [request], [reply.tokens])[0]))


def test_a_context_is_a_users_turn_or_the_conversation_it_was() -> None:
    assert _ask(" Hm? ").messages == (Message("user", "Hm?"),)
    assert _ask('[["system", "Be short."], ["user", "Hm?"]]').messages[0] == Message("system", "Be short.")
    assert _ask('[["not json').messages == (Message("user", '[["not json'),)


def test_a_tasks_decoding_is_kept() -> None:
    assert _decoding({"until": ["\n", ""], "max_gen_toks": 7}) == Decoding(0.0, 1.0, 7, ("\n",))
    assert _decoding({"until": "\n", "do_sample": True, "temperature": 0.5}).temperature == 0.5
    assert _decoding({"do_sample": False, "temperature": 0.5}).temperature == 0.0
