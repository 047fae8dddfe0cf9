"""Conversations held by scripted roles: what is asked of whom, what fails, what is set aside, what is kept."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from counterpoint.authoring.budget import Budget
from counterpoint.authoring.cache import AnswerCache
from counterpoint.authoring.conversations.author import Conversations, counts, finish, identity, price
from counterpoint.authoring.conversations.roles import NAMES, SAMPLING, cast
from counterpoint.authoring.conversations.talk import Talk
from counterpoint.authoring.conversations.text import declines, grounded_parts, said
from counterpoint.authoring.llm import LLM, Endpoint
from counterpoint.authoring.run import Journal, Outcome
from counterpoint.data import load
from counterpoint.data.conversations import Persona, load_conversations
from counterpoint.errors import BadInputError

from ..people_player import PLAYERS
from ..scripted import Script, ScriptedServer

PEOPLE = [
    Persona(f"p{i}", f"A {work} of {30 + i} years. Keeps goats.", "Says little; laughs often.")
    for i, work in enumerate(["welder", "nurse", "pilot", "baker"])
]
TALK = Talk(turns=3)


def held(
    server: ScriptedServer,
    folder: Path,
    count: int = 6,
    talk: Talk = TALK,
    *,
    cap: float | None = None,
    attempts: int = 2,
    warm: dict[Any, float] | None = None,
) -> tuple[Conversations, Outcome]:
    """So many conversations with a client a role, whose model is named after it."""

    async def work() -> tuple[Conversations, Outcome]:
        with AnswerCache(folder / "cache", run="r") as cache:
            budget = Budget(cap, spent=cache.spent)
            ends = {n: Endpoint(f"the {n}", server.url, label="scripted", back_off=0.01, retries=2) for n in NAMES}
            clients = {name: LLM(ends[name], cache=cache, budget=budget) for name in NAMES}
            roles = cast(clients, warm)
            with Journal(folder / "run", identity=identity(PEOPLE, roles, talk, ends)) as journal:
                made = Conversations(PEOPLE, roles, talk)
                outcome = await made.author(count, journal=journal, attempts=attempts)
            finish(made, outcome, folder / "c.jsonl", folder=folder / "run", planned=count, licence="", endpoints=ends)
            for client in clients.values():
                await client.__aexit__()
        return made, outcome

    folder.mkdir(exist_ok=True)
    return asyncio.run(work())


def test_each_role_is_asked_at_its_own_endpoint_once_a_turn(tmp_path: Path) -> None:
    with ScriptedServer(players=PLAYERS) as server:
        held(server, tmp_path)
    asked = Counter(request["model"] for request in server.requests)
    assert asked == {f"the {name}": 6 * 3 for name in NAMES}


def test_what_was_held_loads_and_is_as_the_roles_said(tmp_path: Path) -> None:
    with ScriptedServer(players=PLAYERS) as server:
        held(server, tmp_path, 12)
    talks = load_conversations(tmp_path / "c.jsonl")
    assert [len(talk.turns) for talk in talks] == [3] * 12
    assert len(load(tmp_path / "c.jsonl").dilemmas) == 12
    assert Counter(talk.persona.profile for talk in talks) == {persona.profile: 3 for persona in PEOPLE}
    turns = [(talk, turn) for talk in talks for turn in talk.turns]
    for talk, turn in turns:
        assert "*" not in turn.user + turn.preferred + turn.rejected
        assert turn.user.startswith("I was thinking")
        assert turn.preferred.startswith("tell me")  # the label is gone
        assert turn.preferred.endswith(", as you do.")  # the comparison finds the hinted reply, first or second
        assert (turn.preferred_by, turn.revealed_personality) == ("hinted", "")
        assert turn.revealed_profile == talk.persona.profile.split(".")[0]  # and no dragon eggs
    assert {turn.continued for _, turn in turns} == {"preferred", "rejected"}
    figures = counts(talks)
    assert (figures["turns"], figures["personas"]) == (36, 4)
    assert figures["something_revealed_by_turn"] == [1.0, 1.0, 1.0]


def test_only_the_preferred_role_is_told_and_no_role_that_replies_sees_the_persona(tmp_path: Path) -> None:
    with ScriptedServer(players=PLAYERS) as server:
        held(server, tmp_path)
    for request in server.requests:
        text = " ".join(message["content"] for message in request["messages"])
        whole = any(persona.personality in text for persona in PEOPLE)
        revealed = any(persona.profile.split(".")[0] in text for persona in PEOPLE)
        role = request["model"].removeprefix("the ")
        assert whole == (role in ("user", "induction", "comparison"))
        assert revealed == (role != "rejected")


def test_replies_answer_what_was_heard(tmp_path: Path) -> None:
    with ScriptedServer(players=PLAYERS) as server:
        held(server, tmp_path, 3)
    talks = {talk.turns[0].user: talk for talk in load_conversations(tmp_path / "c.jsonl")}
    for request in server.requests:
        if request["model"] in ("the rejected", "the preferred"):
            shown = request["messages"][-1]["content"]
            (talk,) = [talk for first, talk in talks.items() if first in shown]
            turn = sum(turn.user in shown for turn in talk.turns) - 1
            for role, text in talk.before(turn):
                assert f"{role}: {text}" in shown
            for past in talk.turns[:turn]:
                unheard = past.rejected if past.continued == "preferred" else past.preferred
                assert unheard not in shown


def test_the_comparison_may_turn_the_two_round(tmp_path: Path) -> None:
    def contrary(request: dict[str, Any], chance: random.Random) -> dict[str, str]:
        return {"better": {"1": "2", "2": "1"}[PLAYERS["Better"](request, chance)["better"]]}

    with ScriptedServer(players={**PLAYERS, "Better": contrary}) as server:
        held(server, tmp_path)
    turns = [turn for talk in load_conversations(tmp_path / "c.jsonl") for turn in talk.turns]
    assert all(turn.preferred_by == "plain" and turn.rejected.endswith(", as you do.") for turn in turns)
    firsts = [
        ", as you do." in request["messages"][-1]["content"].partition("Reply 1:")[2].partition("Reply 2:")[0]
        for request in server.requests
        if request["model"] == "the comparison"
    ]
    assert 3 <= sum(firsts) <= 15  # of 18: which reply comes first is drawn
    with ScriptedServer(players=PLAYERS) as server:
        held(server, tmp_path / "without", talk=replace(TALK, compare=False))
    assert "the comparison" not in {request["model"] for request in server.requests}


def test_a_failing_turn_is_tried_three_times_and_then_set_aside_with_its_reason_and_turns(tmp_path: Path) -> None:
    def silent_later(request: dict[str, Any], chance: random.Random) -> Any:
        later = "assistant:" in request["messages"][-1]["content"]
        return (
            {"message": "*shrugs*"}
            if later and "The facts of your life" in request["messages"][0]["content"]
            else (PLAYERS["Utterance"](request, chance))
        )

    with ScriptedServer(players={**PLAYERS, "Utterance": silent_later}) as server:
        made, outcome = held(server, tmp_path, 2, attempts=1)
    assert outcome.unfilled == (0, 1)
    assert [rejection.reason for rejection in outcome.rejections] == ["empty", "empty"]
    assert "turn 2 of 3: user" in outcome.rejections[0].detail
    assert [len(row["conversation"]["turns"]) for row in made.aside] == [1, 1]
    # each turn asks all five; the second asks the user alone, three times
    assert Counter(r["model"] for r in server.requests) == {f"the {n}": 2 if n != "user" else 8 for n in NAMES}
    assert '"reason": "empty"' in (tmp_path / "c.aside.jsonl").read_text(encoding="utf-8")
    assert (tmp_path / "c.jsonl").read_text(encoding="utf-8") == ""


def test_instead_of_one_set_aside_another_is_held(tmp_path: Path) -> None:
    with ScriptedServer(Script(refusing=0.12), PLAYERS) as server:
        made, outcome = held(server, tmp_path, 5, replace(TALK, tries=1), attempts=20)
    assert outcome.complete
    assert len(made.aside) == len(outcome.rejections) > 1
    assert {rejection.reason for rejection in outcome.rejections} == {"refused"}
    ids = [talk.id for talk in load_conversations(tmp_path / "c.jsonl")]
    assert len(set(ids) | {row["conversation"]["id"] for row in made.aside}) == 5 + len(made.aside)


def test_equal_replies_teach_nothing_and_fail_the_turn(tmp_path: Path) -> None:
    def same(request: dict[str, Any], chance: random.Random) -> Any:
        if "The facts of your life" in request["messages"][0]["content"]:
            return PLAYERS["Utterance"](request, chance)
        return {"message": "Fine."}

    with ScriptedServer(players={**PLAYERS, "Utterance": same}) as server:
        _, outcome = held(server, tmp_path, 2)
    assert {rejection.reason for rejection in outcome.rejections} == {"replies alike"}
    assert len(outcome.rejections) == 4


def test_a_run_that_was_stopped_goes_on_to_the_same_rows_and_pays_nothing_twice(tmp_path: Path) -> None:
    script = Script(malformed=0.3, refusing=0.02)
    with ScriptedServer(script, PLAYERS) as server:
        held(server, tmp_path / "whole", 5)
        calls = server.stats.calls
    with ScriptedServer(script, PLAYERS) as server:
        stopped = [held(server, tmp_path / "parts", 5, cap=cap)[1].stopped for cap in (0.02, None)]
        assert server.stats.calls == calls
        assert server.stats.paid_twice == 0
    assert [bool(why) for why in stopped] == [True, False]
    for name in ("c.jsonl", "c.aside.jsonl"):
        whole, parts = ((tmp_path / part / name).read_text(encoding="utf-8") for part in ("whole", "parts"))
        assert whole == parts
        assert whole or "aside" in name
    for turn in (t for talk in load_conversations(tmp_path / "whole" / "c.jsonl") for t in talk.turns):
        for text in (turn.user, turn.preferred, turn.rejected):
            assert text.startswith(("I was thinking", "tell me"))  # nothing malformed came through


def test_provenance_names_models_prompts_temperatures_and_failed_tries(tmp_path: Path) -> None:
    with ScriptedServer(Script(refusing=0.1), PLAYERS) as server:
        _, outcome = held(server, tmp_path, 6, warm={"user": 1.2})
    drafts = [draft for _, _, draft in outcome.rows]
    assert any(draft.checks["failed_tries"] for draft in drafts)
    for draft in drafts:
        assert draft.checks["temperatures"] == {**{n: SAMPLING[n].temperature for n in NAMES}, "user": 1.2}
        assert draft.checks["unfounded"] == 3  # dragon eggs at every turn
        assert {answer.model for answer in draft.answers} == {f"the {name}" for name in NAMES}
        assert all(answer.prompt.startswith("conversations.") for answer in draft.answers)
    assert {r["temperature"] for r in server.requests if r["model"] == "the user"} == {1.2}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("*waves* Hello *smiles*", "Hello"),
        ("**bows** Good day", "Good day"),
        ("2 * 3 is 6", "2 * 3 is 6"),
        ("* one\n* two", "* one\n* two"),
        ("User: hello", "hello"),
        ('"Hello there"', "Hello there"),
        ('"Yes" and "no"', '"Yes" and "no"'),
        ("<think>\nhm *x*\n</think>\n\nHello", "Hello"),
        ("*only a gesture*", ""),
        ("so   much \n\n\n\n space", "so much\n\nspace"),
        ("nul\0 and \ud800 half", "nul and half"),
    ],
)
def test_what_is_taken_out_of_a_message(text: str, left: str) -> None:
    assert said(text) == left


def test_revealed_parts_must_stand_in_the_description_and_none_is_nothing() -> None:
    profile = "A 40-year-old welder who keeps goats; lives by the harbour."
    assert grounded_parts("None", profile) == ("", 0)
    assert grounded_parts("none; Nothing.", profile) == ("", 0)
    assert grounded_parts("keeps goats; owns a yacht; lives by the harbour.", profile) == (
        "keeps goats; lives by the harbour",
        1,
    )
    assert grounded_parts("is 40", profile) == ("is 40", 0)


def test_ordinary_talk_is_no_refusal() -> None:
    assert not declines("Sorry I'm late, I can't find my keys.")
    assert not declines("I'm sorry to hear that.")
    assert declines("I'm sorry, but I can't help with that.")
    assert declines("As an AI, I have no goats.")


def test_the_price_by_hand() -> None:
    free = Endpoint("m", "http://x", price_in=0, price_out=1e6)
    plan = price(10, Talk(turns=2), dict.fromkeys(NAMES, free))
    assert plan.calls == 10 * 2 * 5
    assert plan.tokens_out == 10 * 2 * (35 + 60 + 70 + 70 + 10)
    assert plan.expected == plan.tokens_out
    # 2 attempts, 3 tries, an answer and 2 repairs, of the most tokens each role may write
    assert plan.at_most == 10 * 2 * 2 * 3 * 3 * (256 + 512 + 512 + 512 + 64)
    assert price(10, Talk(turns=2, compare=False), dict.fromkeys(NAMES, free)).calls == 80


def test_settings_that_cannot_work_are_refused() -> None:
    with pytest.raises(BadInputError, match="turns must be at least 1"):
        Talk(turns=0)
    with pytest.raises(BadInputError, match="tries must be at least 1"):
        Talk(tries=0)
