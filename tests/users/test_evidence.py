"""Evidence: computed once, kept, shared between processes."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest

from counterpoint.types import Taxonomy
from counterpoint.users.evidence import Evidence, EvidenceCache, scorer_identity
from users.small import TAXONOMY, WordScorer, dilemma

BANK = [dilemma("a", "leap", "guard"), dilemma("b", "fast", "slow", "guard guard", pair="Pace")]


def test_evidence_is_half_the_difference_between_the_poles() -> None:
    first, second = Evidence(WordScorer(), TAXONOMY).questions(BANK)
    # Under Daring logits (2, 0), under Careful (0, 2): normalisers cancel, x = (1, -1).
    assert first.features == pytest.approx(np.array([[1, 0], [-1, 0]]), abs=1e-6)
    assert second.features[:, 1] - second.features[2, 1] == pytest.approx([1, -1, 0], abs=1e-6)
    assert first.bias.tolist() == [0, 0]


def test_quality_is_the_mean_score_under_all_poles() -> None:
    (plain,) = Evidence(WordScorer(), TAXONOMY, quality=0.5).questions(BANK[:1])
    scores = Evidence(WordScorer(), TAXONOMY).log_probs(BANK[:1])[0]
    assert plain.bias == pytest.approx(0.5 * scores.mean(axis=0), abs=1e-6)


def test_each_dilemma_is_scored_once(tmp_path: Path) -> None:
    scorer = WordScorer()
    evidence = Evidence(scorer, TAXONOMY, cache=EvidenceCache(tmp_path / "scores.sqlite"))
    evidence.questions(BANK)
    evidence.questions(BANK[::-1] + BANK)
    assert scorer.asked == 2
    again = WordScorer()
    kept = Evidence(again, TAXONOMY, cache=EvidenceCache(tmp_path / "scores.sqlite"))
    for a, b in zip(kept.questions(BANK), evidence.questions(BANK), strict=True):
        assert np.array_equal(a.features, b.features)
    assert again.asked == 0


def test_another_scorer_other_poles_or_another_order_is_scored_anew(tmp_path: Path) -> None:
    cache = EvidenceCache(tmp_path / "scores.sqlite")
    Evidence(WordScorer(), TAXONOMY, cache=cache).questions(BANK)
    other = WordScorer()
    Evidence(other, TAXONOMY, cache=cache, identity="something else").questions(BANK)
    Evidence(other, Taxonomy("half", TAXONOMY.pairs[:1]), cache=cache).questions(BANK)
    (turned,) = Evidence(other, TAXONOMY, cache=cache).questions([BANK[0].reordered((1, 0))])
    assert other.asked == 5
    assert turned.features[0, 0] == pytest.approx(-1, abs=1e-6)


def test_identity_follows_what_is_saved() -> None:
    class Trained(WordScorer):
        def save(self, folder: Path) -> None:
            (folder / "words.json").write_text("{1}")

    assert scorer_identity(WordScorer()) == scorer_identity(WordScorer())
    assert scorer_identity(WordScorer()) != scorer_identity(Trained())


def _write(path: str, start: int) -> None:
    cache = EvidenceCache(Path(path))
    for i in range(start, start + 30):
        cache.put({f"key{i % 40}": np.full((2, 3), float(i % 40), np.float32)})


def test_many_processes_may_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "scores.sqlite"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(str(path), start)) for start in (0, 10, 20)]
    environment = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[1]), environment or ""])
    try:
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
    finally:
        if environment is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = environment
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    found = EvidenceCache(path).get([f"key{i}" for i in range(40)])
    assert len(found) == 40
    assert all((found[f"key{i}"] == i).all() and found[f"key{i}"].shape == (2, 3) for i in range(40))
