"""`reproduce aloe` in the toy world, with players in place of trained models: what is trained, asked and counted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from counterpoint.data.conversations import Said
from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.evaluation.aloe.proof import prove
from counterpoint.evaluation.aloe.toy import ToyWorld
from counterpoint.evaluation.reproduce import aloe as module
from counterpoint.evaluation.reproduce.aloe import Asking, World, reproduce_aloe
from counterpoint.evaluation.reproduce.aloe_config import AloePaperConfig, Trainee, check_aloe, trainees
from counterpoint.evaluation.suites.aloe import AloeConfig
from counterpoint.runlog import RunFolder
from counterpoint.training.lm.toy_conversations import cases

CONFIG = AloePaperConfig(most=8, seeds=2, variants=1, more_turns=5, asking=AloeConfig(turns=3, cases=8, resamples=200))


class Player:
    """Replies with any letter, or from the second turn on with a right one."""

    def __init__(self, worlds: Sequence[ToyWorld], *, learns: bool) -> None:
        self.worlds, self.learns = worlds, learns

    async def reply(self, chat: Sequence[Said], *, seed: int) -> str:
        turn, text = sum(said.role == "user" for said in chat) - 1, chat[-1].text
        asked = [c.turns[turn] for world in self.worlds for c in world._cases.values() if turn < len(c.turns)]
        right = next(t.right[0] for t in asked if all(o.text in text for o in t.dilemma.options))
        return "AB"[right if self.learns and turn > 0 else seed % 2]


def world_of(settings: AloeConfig) -> ToyWorld:
    return ToyWorld(cases(settings.cases, turns=settings.turns, seed=f"aloe {settings.seed}"))


@contextmanager
def asking(_: RunFolder) -> Iterator[Asking]:
    worlds: list[ToyWorld] = []

    def world(settings: AloeConfig) -> World:
        made = world_of(settings)
        worlds.append(made)
        proof = prove(made, made.known(right=True), made.known(right=False), exact=True)
        return World(made.people, made, made, proof)

    @asynccontextmanager
    async def open_(model: str) -> AsyncIterator[Any]:
        yield Player(worlds, learns=model != "lm:tiny")

    with asyncio.Runner() as runner:
        yield Asking(world, open_, runner.run, nullcontext)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Trainings by name and seed; nothing is trained."""
    names: list[str] = []

    def train(self: Any, trainee: Trainee, seed: int, where: Path, within: Any) -> dict[str, str]:
        del self, where, within
        names.append(f"{trainee.name} {seed}")
        last = "+".join(trainee.recipe.stages)
        return {"sft": "lm:sft", last: "lm:last"} if trainee.name == "default" else {last: "lm:last"}

    monkeypatch.setattr(module._Bench, "_train", train)
    return names


def numbers(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "results.json").read_text(encoding="utf-8"))
    del found["seconds"]
    return found


def test_base_both_stages_longer_talks_and_ablations_are_counted(trained: list[str], tmp_path: Path) -> None:
    reproduce_aloe(CONFIG, tmp_path, asking)
    varied = ["default", "stage=dpo alone", "training_size=25%", "ratio=100% preferred"]
    assert trained == [f"{name} {seed}" for seed in (0, 1) for name in varied]
    found = numbers(tmp_path)
    assert (found["command"], found["reproduces"]) == ("reproduce", "aloe")
    assert [row["method"] for row in found["summary"] if row["metric"] == "al"] == ["base", "sft", "sft+dpo"]
    gains = {row["method"]: row["mean"] for row in found["summary"] if row["metric"] == "gain"}
    assert gains["sft+dpo"] > gains["base"]
    assert {row["turn"] for row in found["rows"]} == {1, 2, 3}
    assert {row["turn"] for row in found["longer"]["rows"]} == {1, 2, 3, 4, 5}
    assert {row["method"] for row in found["ablations"]["summary"]} == set(varied)
    assert all("default" in (row["a"], row["b"]) for row in found["ablations"]["paired"])
    paper = {row["what"]: row for row in found["paper"]["figures"]}
    mean = paper["gain in AL over the base, mean over turns"]
    assert (mean["paper"], mean["ours"] > 0) == (0.32, True)
    assert found["power"]["units"] == 8
    assert found["grader"]["proof"] is not None
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "32.0%" in page
    assert "Longer talks" in page
    assert "SFT then DPO − Untrained" in page
    assert "AL at turn 3" in page
    assert ", 8 cases" in page
    for said in ("sft+dpo</", "− base", "test dilemmas", "not set"):
        assert said not in page.split("Every setting and time")[0], said


def test_a_run_that_was_stopped_trains_only_what_is_missing(
    trained: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(CONFIG, ablations=("stage",))
    reproduce_aloe(config, tmp_path / "whole", asking)
    train = module._Bench._train

    def stopping(self: Any, trainee: Trainee, seed: int, where: Path, within: Any) -> dict[str, str]:
        if len(trained) == 6:
            raise KeyboardInterrupt
        return train(self, trainee, seed, where, within)

    monkeypatch.setattr(module._Bench, "_train", stopping)
    with pytest.raises(KeyboardInterrupt):
        reproduce_aloe(config, tmp_path / "stopped", asking)
    monkeypatch.setattr(module._Bench, "_train", train)
    reproduce_aloe(config, tmp_path / "stopped", asking)
    assert trained == ["default 0", "stage=dpo alone 0", "default 1", "stage=dpo alone 1"] * 2
    assert numbers(tmp_path / "stopped") == numbers(tmp_path / "whole")


def test_a_dry_run_says_what_would_be_done(tmp_path: Path) -> None:
    said: list[Any] = []
    assert reproduce_aloe(CONFIG, tmp_path / "run", None, announce=said.append) is None
    assert said[0].cells == {"base": 1, "training": 2, "ablation": 6}
    assert "8 cases" in " ".join(said[0].sentences)
    assert not (tmp_path / "run").exists()


def test_an_ablation_changes_one_thing() -> None:
    default, *others = trainees(CONFIG, 8)
    for trainee in others:
        changed = {"stage": {"stages"}, "training_size": {"most"}, "ratio": set()}[trainee.factor]
        for name in ("stages", "model", "data", "most", "training"):
            same = getattr(trainee.recipe, name) == getattr(default.recipe, name)
            assert same is (name not in changed), (trainee.name, name)
    assert [trainee.preferred for trainee in others if trainee.factor == "ratio"] == [1.0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": "encoder"}, "takes a language model"),
        ({"seeds": 0}, "seeds must be at least 1"),
        ({"most": 2}, "most must be at least 4"),
        ({"more_turns": 3}, "more_turns must be above"),
    ],
)
def test_what_cant_work_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInputError, match=said):
        check_aloe(replace(CONFIG, **change))


def test_which_reply_was_heard_can_be_varied_in_the_toy_world_only() -> None:
    with pytest.raises(UnknownNameError, match="ratio"):
        check_aloe(replace(CONFIG, data="talks.jsonl", ablations=("ratio",)))
