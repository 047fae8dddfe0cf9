"""How lm:tiny is taught: the loss against separate passes, the hints by hand, the cache's files."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from counterpoint.models import tiny
from counterpoint.models.language_model import LanguageModel
from counterpoint.models.prompts import Prompter
from counterpoint.models.tiny.lessons import PROPERTIES, lessons
from counterpoint.models.tiny.school import NOTHING, School, Settings, _branches, stacked
from counterpoint.models.trie import build_plan, log_probs

SMALL = Settings(hidden=16, heads=2, layers=2, feed_forward=16, steps=2, batch=2)
SCHOOL = School(SMALL)


@pytest.fixture(scope="module")
def model() -> Any:
    torch.manual_seed(1)
    return SCHOOL._new_model()


def plans(count: int = 3) -> list[Any]:
    source = SCHOOL._plans()
    return [next(source) for _ in range(count)]


def test_the_loss_is_that_of_separate_passes_with_letters_weighing_more(model: Any) -> None:
    school = School(replace(SMALL, text_weight=0.0, hint_weight=0.0, letter_weight=3.0))
    total = weights = 0.0
    for plan in plans():
        found = log_probs(model, plan, backend="separate")
        said = np.concatenate([branch.tokens[branch.start :] for branch in plan.branches])
        weight = np.where(np.isin(said, [SCHOOL._id(letter) for letter in "ABCD"]), 3.0, 1.0)
        total -= float(found.tokens.detach().numpy() @ weight)
        weights += weight.sum()
    probes = nn.ModuleList(nn.Linear(16, n) for n in (26, 4, 4))
    assert school._loss(model, probes, plans()).item() == pytest.approx(total / weights, abs=1e-4)


def test_text_and_hints_add_to_the_loss(model: Any) -> None:
    probes = nn.ModuleList(nn.Linear(16, n) for n in (26, 4, 4))
    bare = School(replace(SMALL, text_weight=0.0, hint_weight=0.0))._loss(model, probes, plans())
    text = School(replace(SMALL, text_weight=0.5, hint_weight=0.0))._loss(model, probes, plans())
    hints = School(replace(SMALL, text_weight=0.0, hint_weight=1.0))._loss(model, probes, plans())
    assert (text - bare).item() == pytest.approx(0.5 * np.log(len(SCHOOL.tokenizer)), rel=0.1)  # it knows nothing yet
    assert (hints - bare).item() == pytest.approx(np.log(26) + 2 * np.log(4), rel=0.2)


def test_hints_name_a_words_letter_and_property_and_what_is_wanted() -> None:
    prompter = Prompter(SCHOOL.tokenizer)
    tasks = next(lesson for lesson in lessons(3) if any(t.asked and t.form == "answer" for t in lesson))
    task = next(task for task in tasks if task.asked and task.form == "answer")
    plan = build_plan(_branches(prompter, task)[:1])
    hints = SCHOOL._hints([plan], len(plan))
    words = [SCHOOL.tokenizer.decode([token]).strip() for token in plan.tokens]
    kind_of = {word: i for i, kind in enumerate(PROPERTIES) for word in (kind.name, *kind.words)}
    end = words.index("<|end|>", words.index("<|user|>"))
    asked = end - 2  # the wish's last word: "... Leans to the quick." and the end of the turn
    for i, option in enumerate(task.dilemma.options):
        for word in option.text.split():
            places = [at for at, w in enumerate(words[:asked]) if w == word and int(hints.letter[0, at]) == i]
            assert len(places) >= 1
            assert all(int(hints.property[0, at]) == kind_of[word] for at in places)
    told = int((hints.letter[0] != NOTHING).sum())
    assert told == sum(len(option.text.split()) for option in task.dilemma.options)
    start = plan.branches[0].start
    assert hints.wanted[0, asked : start + 1].tolist() == [kind_of[words[asked]]] * (start + 1 - asked)
    assert set(hints.wanted[0, :asked].tolist()) == {NOTHING}


def test_stacked_rows_see_their_own_branch_only() -> None:
    two = plans(2)
    tokens, positions, seen = stacked(two)
    assert tokens.shape == positions.shape == (2, max(map(len, two)))
    for row, plan in enumerate(two):
        for query in range(len(plan)):
            node, way = query, set()
            while node >= 0:
                way.add(node)
                node = int(plan.parent[node])
            assert set(torch.where(seen[row, 0, query])[0].tolist()) == way
            assert int(positions[row, query]) == len(way) - 1


def test_schooling_repeats_to_the_last_bit_and_leaves_the_random_numbers_alone(tmp_path: Path) -> None:
    before = torch.get_rng_state()
    for name in ("a", "b"):
        School(SMALL).teach(tmp_path / name)
    assert torch.equal(torch.get_rng_state(), before)
    a, b = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("a", "b"))
    assert a == b


def test_every_setting_is_part_of_the_recipe() -> None:
    recipes = {School(replace(SMALL, **{name: value + 1})).recipe for name, value in vars(SMALL).items()}
    assert len(recipes) == len(vars(SMALL))
    assert School(SMALL).recipe not in recipes


def test_it_is_made_once_and_nothing_half_made_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny.schooled(tmp_path, SMALL)
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    monkeypatch.setattr(School, "teach", lambda *_: pytest.fail("it is there already"))
    assert tiny.schooled(tmp_path, SMALL) == folder


def test_a_process_that_is_late_takes_the_others_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    teach = School.teach

    def overtaken(school: School, folder: Path) -> None:
        teach(school, folder)
        other = tmp_path / f"lm-tiny-{school.recipe[:16]}"
        other.mkdir()
        (other / "theirs").touch()

    monkeypatch.setattr(School, "teach", overtaken)
    folder = tiny.schooled(tmp_path, SMALL)
    assert [path.name for path in folder.iterdir()] == ["theirs"]
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


@pytest.fixture
def small_tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COUNTERPOINT_CACHE", str(tmp_path))
    monkeypatch.setattr(tiny, "Settings", lambda: SMALL)
    return tmp_path


def test_lm_tiny_is_loaded_by_its_name(small_tiny: Path) -> None:
    made = LanguageModel.load("lm:tiny")
    assert made.name == made.base == "lm:tiny"
    assert made.identity.startswith("sha256:")
    assert made.tokenizer.eos_token == "<|end|>"
    made.add_adapter()
    made.save(small_tiny / "adapter")
    assert LanguageModel.load(f"lm:{small_tiny / 'adapter'}").base == "lm:tiny"


def test_a_broken_cache_is_mended_aloud(small_tiny: Path, caplog: pytest.LogCaptureFixture) -> None:
    expected = LanguageModel.load("lm:tiny").identity
    (weights,) = small_tiny.glob("lm-tiny-*/model.safetensors")
    weights.write_bytes(weights.read_bytes()[:100])
    with caplog.at_level(logging.WARNING):
        assert LanguageModel.load("lm:tiny").identity == expected
    assert "schooling the model again" in caplog.text
