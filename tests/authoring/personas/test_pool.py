"""Pools grow until they have enough, are full, or nothing more can be asked."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from counterpoint.authoring.budget import Budget
from counterpoint.authoring.cache import AnswerCache
from counterpoint.authoring.llm import LLM, Endpoint
from counterpoint.authoring.personas.author import author, figures
from counterpoint.authoring.personas.diversity import diversity, draw
from counterpoint.authoring.personas.pairing import pair
from counterpoint.authoring.personas.pool import KINDS, Growth, Pool, grow
from counterpoint.authoring.personas.seeds import PERSONALITIES, PROFILES
from counterpoint.errors import BadInputError
from counterpoint.types import content_hash

from ..people_player import PLAYERS
from ..scripted import Script, ScriptedServer

GROWTH = Growth(30, threshold=0.6)


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """A direction of its own for every text: equal texts are alike, others hardly."""
    return np.stack([np.random.default_rng(int(content_hash(t)[:12], 16)).normal(size=64) for t in texts]).astype("f4")


def grown(
    server: ScriptedServer, folder: Path, growth: Growth = GROWTH, *, cap: float | None = None, kind: int = 0
) -> Pool:
    async def work() -> Pool:
        endpoint = Endpoint("m", server.url, label="scripted", back_off=0.01)
        with AnswerCache(folder, run="r") as cache:
            async with LLM(endpoint, cache=cache, budget=Budget(cap, spent=cache.spent)) as client:
                return await grow(KINDS[kind], client, embed, growth)

    return asyncio.run(work())


def test_seeds_are_twenty_and_twenty_none_twice_and_of_the_length_asked_for() -> None:
    for seeds in (PROFILES, PERSONALITIES):
        assert len(set(seeds)) == 20
        assert all(15 <= len(text.split()) <= 60 for text in seeds)


def test_a_pool_has_what_is_wanted_and_no_text_twice(tmp_path: Path) -> None:
    with ScriptedServer(players=PLAYERS) as server:
        pool = grown(server, tmp_path)
    assert len(pool.new) >= 30
    assert not pool.saturated
    texts = [member.text for member in pool.members]
    assert len(set(texts)) == len(texts)
    assert texts[:20] == list(PROFILES)
    assert not any(text[0].isdigit() for text in texts)  # the numbering is gone
    assert pool.vectors == pytest.approx(embed(texts))
    asked = [request["messages"][-1]["content"] for request in server.requests]
    assert all(sum(text in content for text in texts) == 5 for content in asked)  # five are shown


def test_killed_and_begun_again_it_asks_nothing_twice_and_becomes_the_same(tmp_path: Path) -> None:
    with ScriptedServer(Script(malformed=0.3), PLAYERS) as server:
        whole = grown(server, tmp_path / "whole", replace(GROWTH, wanted=100))
        calls = server.stats.calls
    with ScriptedServer(Script(malformed=0.3), PLAYERS) as server:
        parts = [
            grown(server, tmp_path / "parts", replace(GROWTH, wanted=100), cap=cap) for cap in (0.021, 0.026, None)
        ]
        assert server.stats.calls == calls
        assert server.stats.paid_twice == 0
    assert parts[0].stopped.startswith("the cap")
    assert len(parts[0].new) <= len(parts[1].new) < 100
    assert [member.text for member in parts[2].members] == [member.text for member in whole.members]
    assert not parts[2].stopped


def test_calls_go_side_by_side_and_the_order_of_their_answers_decides_nothing(tmp_path: Path) -> None:
    pools = []
    for script in (Script(latency=0.02), Script(latency=0.02, jitter=0.2, fails=0.2)):
        with ScriptedServer(script, PLAYERS) as server:
            pools.append(grown(server, tmp_path / str(script.jitter), replace(GROWTH, wanted=600)))
            assert server.stats.most_in_flight > 8  # 4 at first, for 20 seeds; then as the pool has fives to show
            assert server.stats.calls < 600 / 20 + 8
    assert [member.text for member in pools[0].members] == [member.text for member in pools[1].members]


def test_a_model_that_repeats_itself_fills_the_pool_and_the_run_ends(tmp_path: Path) -> None:
    with ScriptedServer(players={"Texts": lambda request, chance: texts_of(25)}) as server:  # noqa: ARG005
        pool = grown(server, tmp_path)
    assert pool.saturated
    assert len(pool.new) == 25
    # 25 of the first call; then until fewer than 5 of the last 100 survived: 4 rounds of 1 call of 25
    assert pool.steps[-1].asked == 25 + 100
    assert {rejection.reason for rejection in pool.rejections} == {"too similar"}
    assert figures(pool, GROWTH)["kept_of_the_last"] == {"asked_for": 100, "kept": 0}


def texts_of(count: int) -> dict[str, list[str]]:
    """The same people every time."""
    return {"texts": [f"A welder of {age} who keeps goats and boats." for age in range(20, 20 + count)]}


@pytest.mark.parametrize(
    ("script", "reason"), [(Script(malformed=1.0), "malformed"), (Script(refusing=1.0), "refused")]
)
def test_a_model_that_gives_nothing_to_use_ends_the_run_with_reasons(
    script: Script, reason: str, tmp_path: Path
) -> None:
    with ScriptedServer(script, {"Texts": lambda request, chance: {"texts": ["No.", "None at all."]}}) as server:  # noqa: ARG005
        pool = grown(server, tmp_path)
    assert pool.saturated
    assert not pool.new
    assert pool.steps[-1].asked == 120  # the window is full after five calls, and rounds are of two
    assert {rejection.reason for rejection in pool.rejections} <= {reason, "too short", "refusal"}


def test_texts_that_describe_nobody_are_rejected_with_reasons(tmp_path: Path) -> None:
    bad = ["Too short.", "word " * 300, "I cannot help with inventing people, sorry about that."]
    with ScriptedServer(players={"Texts": lambda request, chance: {"texts": bad}}) as server:  # noqa: ARG005
        pool = grown(server, tmp_path, replace(GROWTH, wanted=1, window=20))
    assert [r.reason for r in pool.rejections[:3]] == ["too short", "too long", "refusal"]


def test_personas_use_every_text_evenly_and_no_pair_twice(tmp_path: Path) -> None:
    with ScriptedServer(players=PLAYERS) as server:
        pools = [grown(server, tmp_path, replace(GROWTH, wanted=n), kind=kind) for kind, n in ((0, 20), (1, 40))]
    for count in (1, 50, 400, 799):
        made = pair(pools[0], pools[1], count)
        assert len({(p.persona.profile, p.persona.personality) for p in made}) == len(made) == count
        for side in ("profile", "personality"):
            uses = [sum(getattr(p.persona, side) == m.text for p in made) for m in pools[side == "personality"].new]
            assert max(uses) - min(uses) <= 1
        assert all(p.profile.answer is not None for p in made)
    more = pair(pools[0], pools[1], 10_000)  # 40 profiles and 60 personalities with the seeds
    assert len(more) == 2400
    assert len(pair(pools[0], pools[1], 10_000, seeds=False)) == 800


def test_diversity_by_hand() -> None:
    # two alike and one at right angles: cosines 1, 0, 0; K/3 has eigenvalues 2/3 and 1/3, so the entropy is
    # ln 3 - (2/3) ln 2 and its exponential 3 / 2^(2/3) = 1.890
    found = diversity(np.array([[1, 0], [2, 0], [0, 3]], np.float32))
    assert found.mean_cosine == pytest.approx(1 / 3)
    assert found.nearest == pytest.approx([1, 1, 0])
    assert found.effective == pytest.approx(3 / 2 ** (2 / 3))
    same = diversity(np.ones((5, 4), np.float32))
    assert (same.effective, same.mean_cosine) == (pytest.approx(1), pytest.approx(1))
    assert diversity(np.eye(6, dtype=np.float32)).effective == pytest.approx(6)


def test_the_picture_is_well_formed_and_escapes_what_it_shows(tmp_path: Path) -> None:
    people = {"texts": [f"A <b>welder</b> & \u0007 singer of {age} years" for age in range(20, 40)]}
    with ScriptedServer(players={"Texts": lambda request, chance: people}) as server:  # noqa: ARG005
        pools = [grown(server, tmp_path, replace(GROWTH, wanted=15), kind=kind) for kind in (0, 1)]
    root = ElementTree.fromstring(draw(pools))
    assert len(list(root.iter("{http://www.w3.org/2000/svg}circle"))) == 2 + sum(len(pool.members) for pool in pools)
    assert draw(pools) == draw(pools)


def test_a_run_stopped_by_the_cap_leaves_rows_open_rather_than_fill_them_with_seeds(tmp_path: Path) -> None:
    async def work(server: ScriptedServer) -> tuple[int, tuple[int, ...], str]:
        endpoint = Endpoint("m", server.url, label="scripted")
        with AnswerCache(tmp_path, run="r") as cache:
            async with LLM(endpoint, cache=cache, budget=Budget(1e-6)) as client:
                outcome = (await author(10, client, embed, GROWTH)).outcome
        return len(outcome.rows), outcome.unfilled, outcome.stopped

    with ScriptedServer(players=PLAYERS) as server:
        rows, unfilled, stopped = asyncio.run(work(server))
    assert (rows, unfilled) == (0, tuple(range(10)))
    assert stopped.startswith("the cap")


def test_settings_that_cannot_work_are_refused() -> None:
    for bad in ({"wanted": 0}, {"asked": 0}, {"window": 0}, {"saturation": 2.0}):
        with pytest.raises(BadInputError, match=next(iter(bad))):
            replace(GROWTH, **bad)
