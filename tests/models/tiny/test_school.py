"""How lm:tiny is taught: the loss against separate passes, the hints by hand, the cache's files."""

from __future__ import annotations

import logging
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from counterpoint.models import tiny
from counterpoint.models.language_model import LanguageModel
from counterpoint.models.prompts import Prompter
from counterpoint.models.tiny.lessons import PROPERTIES, Task, lessons
from counterpoint.models.tiny.school import NOTHING, Lesson, School, Settings, stacked
from counterpoint.models.trie import Plan, build_plan, log_probs

SMALL = Settings(hidden=16, heads=2, layers=2, feed_forward=16, steps=2, batch=2)
SCHOOL = School(SMALL)


@pytest.fixture(scope="module")
def model() -> Any:
    torch.manual_seed(1)
    return SCHOOL._new_model()


def taught(count: int = 3) -> list[Lesson]:
    source = SCHOOL._lessons()
    return [next(source) for _ in range(count)]


def one(task: Task) -> Plan:
    return build_plan([branch for branch, _ in SCHOOL._branches(Prompter(SCHOOL.tokenizer), task)])


def test_the_loss_is_that_of_separate_passes_with_letters_weighing_more(model: Any) -> None:
    school = School(replace(SMALL, text_weight=0.0, hint_weight=0.0, letter_weight=3.0))
    prompter = Prompter(SCHOOL.tokenizer)
    letters = [SCHOOL._id(letter) for letter in "ABCD"]
    total = weights = 0.0
    for tasks in islice(lessons(SMALL.seed), 3):
        for branch, counts in (found for task in tasks for found in school._branches(prompter, task)):
            found = log_probs(model, build_plan([branch]), backend="separate")
            said = np.array(branch.tokens[branch.start :])
            weight = counts * np.where(np.isin(said, letters), 3.0, 1.0)
            total -= float(found.tokens.detach().numpy() @ weight)
            weights += weight.sum()
    assert school._loss(model, SCHOOL._new_probes(), taught()).item() == pytest.approx(total / weights, abs=1e-4)


def test_text_and_hints_add_to_the_loss(model: Any) -> None:
    probes = SCHOOL._new_probes()
    bare = School(replace(SMALL, text_weight=0.0, hint_weight=0.0))._loss(model, probes, taught())
    text = School(replace(SMALL, text_weight=0.5, hint_weight=0.0))._loss(model, probes, taught())
    hints = School(replace(SMALL, text_weight=0.0, hint_weight=1.0))._loss(model, probes, taught())
    assert (text - bare).item() == pytest.approx(0.5 * np.log(len(SCHOOL.tokenizer)), rel=0.1)  # it knows nothing yet
    # a letter, a property, and which of two is wanted, for each of two attributes
    assert (hints - bare).item() == pytest.approx(np.log(26) + np.log(4) + 2 * np.log(2), rel=0.2)


def test_a_graded_wish_is_taught_by_the_letters_shares_and_one_whole_reply() -> None:
    task = next(task for tasks in lessons(3) for task in tasks if task.shares)
    found = list(SCHOOL._branches(Prompter(SCHOOL.tokenizer), task))
    *by_letter, (whole, weight) = found
    assert [weight for _, weight in by_letter] == pytest.approx([3 * share for share in task.shares])
    ends = [SCHOOL.tokenizer.decode([branch.tokens[-1]]) for branch, _ in by_letter]
    assert ends == list("ABCD"[: len(task.shares)])
    assert weight == 1
    explained = SCHOOL.tokenizer.decode(whole.tokens[whole.start :])
    assert explained == f'", "explanation": "{task.dilemma.options[task.right[0]].explanation}"}}<|end|>'


def test_hints_name_a_words_letter_and_property_and_what_is_wanted() -> None:
    task = next(t for tasks in lessons(3) for t in tasks if t.asked and t.form == "answer" and not t.shares)
    plan = one(replace(task, right=task.right[:1]))
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
    attribute, wanted = divmod(kind_of[words[asked]], 2)
    assert hints.wanted[attribute, 0, asked : start + 1].tolist() == [wanted] * (start + 1 - asked)
    assert set(hints.wanted[attribute, 0, :asked].tolist()) == {NOTHING}
    assert set(hints.wanted[1 - attribute, 0, : start + 1].tolist()) == {NOTHING}


def test_hints_name_both_properties_where_two_are_wanted() -> None:
    task = next(t for tasks in lessons(3) for t in tasks if t.asked and "Also" in t.asked.description)
    plan = one(task)
    hints = SCHOOL._hints([plan], len(plan))
    named = [word.strip() for word in task.asked.description.replace(".", " ").split()] if task.asked else []
    kind_of = {word: divmod(i, 2) for i, kind in enumerate(PROPERTIES) for word in (kind.name, *kind.words)}
    wanted = dict(kind_of[word] for word in named if word in kind_of)
    last = plan.branches[0].start - 1
    assert hints.wanted[:, 0, last].tolist() == [wanted[0], wanted[1]]


def test_stacked_rows_see_their_own_branch_only() -> None:
    two = [lesson.plan for lesson in taught(2)]
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
