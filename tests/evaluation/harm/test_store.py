"""What was answered survives a run that was stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from counterpoint.data.taxonomy import taxonomy
from counterpoint.evaluation.harm.samples import Sample
from counterpoint.evaluation.harm.store import Condition, Outcome, Store
from counterpoint.steering.asking import Conversation

POLE = taxonomy("vcd").poles[0]
SAMPLES = tuple(Sample(f"s{i}", "neutral", Conversation.said(f"{i}?"), POLE) for i in range(3))
MIXTURE = Condition("mixture", 1.0)


def test_what_was_added_is_there_again(tmp_path: Path) -> None:
    file = tmp_path / "samples.jsonl"
    outcome = Outcome("Zoë", 1, 0.25, 3)
    Store(file, SAMPLES).add(MIXTURE, SAMPLES[:2], [outcome, Outcome(chance=0.5, right=True)])
    again = Store(file, SAMPLES)
    assert again.outcomes[MIXTURE, "s0"] == outcome
    assert again.missing(MIXTURE, SAMPLES) == [SAMPLES[2]]
    assert again.missing(Condition("mixture", 2.0), SAMPLES) == list(SAMPLES)


def test_a_line_that_was_cut_off_is_asked_again(tmp_path: Path) -> None:
    file = tmp_path / "samples.jsonl"
    Store(file, SAMPLES).add(MIXTURE, SAMPLES[:2], [Outcome("a"), Outcome("b")])
    file.write_bytes(file.read_bytes()[:-10])
    again = Store(file, SAMPLES)
    assert again.missing(MIXTURE, SAMPLES) == [SAMPLES[1], SAMPLES[2]]
    again.add(MIXTURE, SAMPLES[1:], [Outcome("b"), Outcome("c")])
    assert Store(file, SAMPLES).missing(MIXTURE, SAMPLES) == []


def test_a_question_that_changed_is_asked_again(tmp_path: Path) -> None:
    file = tmp_path / "samples.jsonl"
    Store(file, SAMPLES).add(MIXTURE, SAMPLES, [Outcome("a")] * 3)
    changed = (replace(SAMPLES[0], ask=Conversation.said("other?")), *SAMPLES[1:])
    assert Store(file, changed).missing(MIXTURE, changed) == [changed[0]]


def test_without_a_file_all_is_kept_in_memory() -> None:
    store = Store(None, SAMPLES)
    store.add(MIXTURE, SAMPLES, [Outcome("a")] * 3)
    assert store.missing(MIXTURE, SAMPLES) == []
