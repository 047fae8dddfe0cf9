"""Histories: the law by which people choose, what changes and when, and what may be read where."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chisquare

from counterpoint.authoring.budget import Budget
from counterpoint.authoring.cache import AnswerCache
from counterpoint.authoring.histories.author import Histories, HistorySettings, files_of, finish, identity, price
from counterpoint.authoring.histories.living import DAY, Life, live
from counterpoint.authoring.histories.people import KINDS, Person, draw_person
from counterpoint.authoring.histories.phrasing import giveaways
from counterpoint.authoring.llm import LLM, Endpoint
from counterpoint.authoring.run import Journal, Outcome
from counterpoint.data import load
from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.types import DataSet, Dilemma, Option
from counterpoint.users.events import as_line, by_id_and_digest, load_events

from ..people_player import PLAYERS
from ..scripted import Script, ScriptedServer

DATA = load("crossroads")
RISK = DATA.taxonomy.by_name["Risk Orientation"]
ODDS = Dilemma(
    "d",
    RISK.name,
    "Tea?",
    (Option("yes", RISK.positive.name), Option("no", RISK.negative.name), Option("never", RISK.negative.name)),
    scene="home",
)
NOBODY = (0.0,) * 6


def test_probabilities_by_hand() -> None:
    # v_risk = ln 2, x = +1, -1, -1: weights 2, 1/2, 1/2, so 2/3, 1/6, 1/6. Half of the time anything: 1/3 each, so
    # 1/2, 1/4, 1/4. At home ln 2 is taken away: 0, so 1/3 each.
    vector = (float(np.log(2)), 5.0, -5.0, 1.0, 0.0, 2.0)
    person = Person("ann", "steady", vector, vector)
    assert person.probabilities(ODDS, DATA.taxonomy, 0.5) == pytest.approx([2 / 3, 1 / 6, 1 / 6])
    absent = Person("ann", "steady", vector, vector, lapse=0.5)
    assert absent.probabilities(ODDS, DATA.taxonomy, 0.5) == pytest.approx([1 / 2, 1 / 4, 1 / 4])
    at_home = Person("ann", "divided", vector, vector, in_scene={"home": (-float(np.log(2)), 0, 0, 0, 0, 0)})
    assert at_home.probabilities(ODDS, DATA.taxonomy, 0.5) == pytest.approx([1 / 3] * 3)


def test_vectors_change_when_they_should() -> None:
    before, after = (1.0, *NOBODY[1:]), (3.0, *NOBODY[1:])
    drifting = Person("ann", "drifting", before, after, moments=(0.25, 0.75))
    assert [drifting.vector(share)[0] for share in (0, 0.25, 0.5, 0.75, 1)] == [1, 1, 2, 3, 3]
    turning = Person("ann", "turning", before, after, moments=(0.5, 0.5))
    assert [turning.vector(share)[0] for share in (0, 0.49, 0.5, 1)] == [1, 1, 3, 3]


@pytest.mark.parametrize("kind", KINDS)
def test_people_of_a_kind_are_what_the_kind_says(kind: str) -> None:
    rng = np.random.default_rng(0)
    people = [draw_person(kind, str(i), DATA.taxonomy, rng, scenes=("home", "work")) for i in range(200)]  # type: ignore[arg-type]
    begin, end = (np.array([p.vector(share) for p in people]) for share in (0.0, 1.0))
    low, high = (0.15, 0.45) if kind == "undecided" else (0.6, 1.8)
    assert ((np.abs(begin) >= low) & (np.abs(begin) <= high)).all()
    assert abs((begin > 0).mean() - 0.5) < 0.05
    assert (begin == end).all() == (kind not in ("drifting", "turning"))
    assert (begin == -end).all() == (kind == "turning")
    assert any(person.in_scene for person in people) == (kind == "divided")


def test_choices_follow_the_law_on_the_dilemmas_and_the_moments_told() -> None:
    """Options of a probability of about p are chosen in a share of about p of the cases, over many people."""
    hits, expected = np.zeros(10), np.zeros(10)
    for slot in range(60):
        history = Histories(HistorySettings(Life(events=60)), DATA).history(slot)
        for moment in history.truth["choices"]:
            place = min(int(moment["probability"] * 10), 9)
            hits[place] += 1
        person = Person(
            **{k: v for k, v in history.truth.items() if k not in ("value_pairs", "choices", "before", "after")},
            before=tuple(history.truth["before"]),
            after=tuple(history.truth["after"]),
        )
        times = np.array([choice.time for choice in history.choices])
        shares = (times - times[0]) / (times[-1] - times[0])
        by_id = {dilemma.id: dilemma for dilemma in DATA.dilemmas}
        for choice, share in zip(history.choices, shares, strict=True):
            for chance in person.probabilities(by_id[choice.dilemma], DATA.taxonomy, float(share)):
                expected[min(int(chance * 10), 9)] += chance
    kept = expected > 5
    assert chisquare(hits[kept], expected[kept] * hits[kept].sum() / expected[kept].sum()).pvalue > 1e-3


def test_times_go_up_and_no_dilemma_comes_twice_before_all_were_seen() -> None:
    rng = np.random.default_rng(0)
    person = draw_person("steady", "ann", DATA.taxonomy, rng)
    few = DATA.dilemmas[:7]
    choices, truth = live(person, few, DATA.taxonomy, rng, Life(events=400, gap=2.0))
    times = [choice.time for choice in choices]
    assert times == sorted(times)
    assert 1.6 * DAY < np.diff(times).mean() < 2.4 * DAY
    for start in range(0, 399, 7):
        seen = [choice.dilemma for choice in choices[start : start + 7]]
        assert len(set(seen)) == len(seen)
    assert len(truth["choices"]) == 400


def lived(folder: Path, count: int, settings: HistorySettings, server: ScriptedServer | None = None) -> Outcome:
    async def work() -> Outcome:
        endpoint = Endpoint("m", server.url, label="scripted", back_off=0.01) if server else None
        with AnswerCache(folder / "cache", run="r") as cache:
            client = LLM(endpoint, cache=cache, budget=Budget()) if endpoint else None
            made = Histories(settings, DATA, client)
            with Journal(folder / "run", identity=identity(made, endpoint)) as journal:
                outcome = await made.author(count, journal=journal)
            out, run = folder / "e.jsonl", folder / "run"
            finish(made, outcome, out, as_line, folder=run, planned=count, licence="CC0", endpoint=endpoint)
            if client:
                await client.__aexit__()
        return outcome

    folder.mkdir(exist_ok=True)
    return asyncio.run(work())


def test_events_are_read_by_infer_and_the_truth_is_in_a_file_apart(tmp_path: Path) -> None:
    settings = HistorySettings(Life(events=12))
    assert lived(tmp_path, 7, settings).complete
    events = load_events(tmp_path / "e.jsonl", by_id_and_digest(DATA.dilemmas), DATA.taxonomy)
    assert len(events) == 84
    assert list(events) == sorted(events, key=lambda event: event.time)
    assert {event.person for event in events} == {f"person-000{i}" for i in range(1, 8)}
    files = files_of(tmp_path / "e.jsonl")
    truth = [json.loads(line) for line in files.truth.read_text(encoding="utf-8").splitlines()]
    assert [row["kind"] for row in truth] == [KINDS[i % 5] for i in range(7)]
    by_event = {moment["event"]: moment for row in truth for moment in row["choices"]}
    assert set(by_event) == {event.id for event in events}
    told = files.events.read_text(encoding="utf-8")
    for word in ("vector", "probability", 'kind": "steady', "before"):
        assert word not in told
    assert not files.words.exists()


def test_a_person_is_the_same_however_many_others_there_are(tmp_path: Path) -> None:
    settings = HistorySettings(Life(events=5))
    few, many = (Histories(settings, DATA).history(3) for _ in range(2))
    assert few == many
    lived(tmp_path / "few", 3, settings)
    lived(tmp_path / "many", 6, settings)
    truths = [files_of(tmp_path / part / "e.jsonl").truth.read_text(encoding="utf-8") for part in ("few", "many")]
    assert truths[1].startswith(truths[0])
    other = Histories(HistorySettings(Life(events=5), seed=1), DATA).history(3)
    assert other.choices != few.choices


def test_words_are_asked_without_the_vector_and_give_no_pole_away(tmp_path: Path) -> None:
    with ScriptedServer(Script(malformed=0.2), PLAYERS) as server:
        lived(tmp_path, 3, HistorySettings(Life(events=10)), server)
        lived(tmp_path, 3, HistorySettings(Life(events=10)), server)
        assert server.stats.paid_twice == 0
    words = [json.loads(line) for line in files_of(tmp_path / "e.jsonl").words.read_text(encoding="utf-8").splitlines()]
    pair_of = {dilemma.id: DATA.taxonomy.by_name[dilemma.value_pair] for dilemma in DATA.dilemmas}
    assert 25 <= len(words) <= 30
    assert not any(giveaways(row["words"], pair_of[row["dilemma"]]) for row in words)
    assert all(row["words"].startswith("It had to be") for row in words)
    for request in server.requests:
        asked = request["messages"][1]["content"]
        assert "They chose:" in asked
        assert not any(pole.name in asked for pole in DATA.taxonomy.poles)


def test_words_that_name_a_pole_give_it_away() -> None:
    assert giveaways("I am risk-averse, you know", RISK) == ["risk-averse", *giveaways("risk-averse", RISK)[1:]]
    assert giveaways("The tea was cold", RISK) == []


def test_the_price_is_nothing_where_nobody_phrases() -> None:
    work = Histories(HistorySettings(Life(events=10)), DATA)
    assert price(5, work, None).at_most == 0
    found = price(5, work, Endpoint("m", "http://x", price_in=0, price_out=1e6))
    assert (found.calls, found.tokens_out, found.at_most) == (50, 50 * 45, 50 * 9 * 200)


def test_what_cannot_work_is_refused() -> None:
    with pytest.raises(BadInputError, match="events and a gap"):
        Life(events=0)
    with pytest.raises(UnknownNameError, match=r"kind of people .stedy."):
        HistorySettings(kinds=("stedy",))  # type: ignore[arg-type]
    with pytest.raises(BadInputError, match="no dilemmas"):
        Histories(HistorySettings(), DataSet("empty", DATA.taxonomy, ()))
    with pytest.raises(BadInputError, match="lapse"):
        draw_person("steady", "ann", DATA.taxonomy, np.random.default_rng(0), lapse=2.0)
