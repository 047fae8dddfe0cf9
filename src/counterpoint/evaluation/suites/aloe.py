"""The suite `aloe`: talks of simulated people with a model, every reply graded, alignment turn by turn.

Method: ALOE's benchmark (Wu et al. 2024, arXiv 2410.03642): 100 cases, 10 turns, grades from 1 to 5. Ours beyond it:
any number of turns, intervals and paired differences by case, failures counted, and a grader that is proved first.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np

from counterpoint import __version__
from counterpoint.data.conversations import Persona
from counterpoint.errors import BadInputError
from counterpoint.evaluation.aloe.counting import PAPER, Grades, tables
from counterpoint.evaluation.aloe.grading import Grade, Grader, Item
from counterpoint.evaluation.aloe.proof import Proof
from counterpoint.evaluation.aloe.talks import Exchange, Model, Talk, User, hold_all
from counterpoint.evaluation.foresight import foresee_cases, told
from counterpoint.evaluation.judging.opening import JudgeConfig
from counterpoint.evaluation.power import Plan
from counterpoint.evaluation.progress import Report, Stage
from counterpoint.runlog import Parts, RunFolder
from counterpoint.types import content_hash

BASE = "base"
"""The method that the others' gains are over."""


CHUNK = 64
"""Replies graded together."""

Run = Callable[[Coroutine[Any, Any, list[Talk]]], list[Talk]]


@dataclass(frozen=True)
class AloeConfig:
    """The suite's settings. Who is asked is named `lm:...` (in this process) or URL#MODEL (an endpoint)."""

    turns: int = 10
    """Of a talk (ALOE)."""
    cases: int = 100
    """People of a file at most, drawn by the seed; so many in the toy world (ALOE)."""
    profiles: int = 20
    """Drawn from a folder of descriptions, each met with all personalities (ALOE)."""
    personalities: int = 5
    """Likewise (ALOE)."""
    seed: int = 0
    """Of the people drawn and of every draw in a talk."""
    user: str = ""
    """Who plays the people. The toy world plays its own."""
    judge: JudgeConfig = field(default_factory=lambda: JudgeConfig(who=""))
    """Who grades, and how often. The toy world grades its own."""
    proof: int = 10
    """Pairs of replies, for somebody and for somebody else, on which the judge is proved first; 0: not at all."""
    temperature: float = 0.0
    """Of the replies; 0 takes the likeliest token."""
    max_tokens: int = 512
    """Of a reply."""
    tries: int = 3
    """How often a failing turn is tried (ALOE)."""
    concurrency: int = 16
    """Calls in flight at an endpoint."""
    timeout: float = 120.0
    """Seconds to wait for an answer."""
    api_key_env: str = "OPENAI_API_KEY"
    """Environment variable with the endpoints' key."""
    price_in: float = 1.0
    """US dollars for a million tokens read at an endpoint."""
    price_out: float = 4.0
    """US dollars for a million tokens written."""
    max_cost: float | None = None
    """US dollars that talks may cost, over all restarts; `judge.max_cost` is for grading."""
    resamples: int = 10_000
    """Bootstrap samples."""


FREE = ("judge", "proof", "concurrency", "timeout", "api_key_env", "price_in", "price_out", "max_cost", "resamples")
"""Settings that decide no reply: a run may be gone on with under others."""


def check(config: AloeConfig) -> None:
    """Refuse settings that can't work, before anybody is asked.

    Raises:
        BadInputError: which setting, its value, and what it must be.
    """
    least = {"turns": 1, "cases": 1, "profiles": 1, "personalities": 1, "proof": 0, "temperature": 0}
    least |= {"max_tokens": 1, "tries": 1, "concurrency": 1, "resamples": 100}
    for name, bound in least.items():
        if not getattr(config, name) >= bound:
            raise BadInputError(f"{name} must be at least {bound} (got {getattr(config, name)})")


class Contender(NamedTuple):
    """Somebody to talk with."""

    method: str
    seed: int
    """Of its training."""
    fingerprint: str
    """Tells its weights from any others'."""
    open: Callable[[], AbstractAsyncContextManager[Model]]
    """Called only where a talk is missing."""


def identity(config: AloeConfig, people: Sequence[Persona]) -> str:
    """What must be the same for a run's talks to be taken over; methods may be added."""
    told = {name: value for name, value in asdict(config).items() if name not in FREE}
    return content_hash("aloe/1", told, [[p.id, p.profile, p.personality] for p in people])


def run_aloe(
    people: Sequence[Persona],
    user: User,
    grader: Grader,
    contenders: Sequence[Contender],
    config: AloeConfig,
    *,
    folder: RunFolder,
    run: Run = asyncio.run,
    guard: Callable[[], AbstractContextManager[None]] = nullcontext,
    proof: Proof | None,
    announce: Callable[[Plan], None] | None = None,
    report: Report | None = None,
) -> dict[str, Any]:
    """Talk, grade, count; writes and returns `results.json`.

    Args:
        people: the cases.
        user: plays them.
        grader: grades replies; proved by the caller.
        contenders: who is talked with; one that is named `base` is what gains are over.
        config: the settings.
        folder: keeps talks, so that a run that was stopped goes on.
        run: runs a coroutine in the loop that the clients live in.
        guard: a context that is entered for every so many grades, and not broken off.
        proof: what the grader made of known replies, for the record.
        announce: told, before anybody is talked with, what the run can show.
        report: told of progress.

    Raises:
        BadInputError: settings can't work, or somebody has no graded reply at all.
        RunStoppedError: nothing more can be asked (the cap, the endpoint); the same run goes on later.
    """
    began = time.perf_counter()
    check(config)
    tell = report or (lambda _: None)
    power = foresee_cases(len(people), len({contender.method for contender in contenders}))
    if power and announce:
        announce(power)
    grades: dict[tuple[str, int], Any] = {}
    lines: list[dict[str, Any]] = []
    failures: list[dict[str, Any]] = []
    for number, contender in enumerate(contenders):

        def within(what: str, share: float, number: int = number, who: Contender = contender) -> None:
            tell(Stage(f"{who.method}, seed {who.seed}: {what}", (number + share) / (len(contenders) + 0.1)))

        measured = measure(people, user, grader, contender, config, folder=folder, run=run, guard=guard, within=within)
        who = {"method": contender.method, "seed": contender.seed}
        grades[contender.method, contender.seed] = measured.table
        failures += [who | failure for failure in measured.lost]
        lines += [who | line for line in measured.lines]
    tell(Stage("resampling for intervals and p-values", 0.97))
    results = {
        "schema": "counterpoint.results/1",
        "command": "evaluate",
        "version": __version__,
        "suite": "aloe",
        "config": asdict(config),
        "data": {"train": 0, "test": len(people), "sha256": content_hash([[p.profile, p.personality] for p in people])},
        "power": told(power),
        **tables(grades, [p.id for p in people], base=BASE, resamples=config.resamples),
        "paper": {**PAPER, "differences": differences(grader, config, people, grades)},
        "grader": grader.describe() | {"proof": proof._asdict() if proof else None},
        "failures": failures,
        "seconds": {"total": round(time.perf_counter() - began, 1)},
    }
    folder.write_lines("predictions.jsonl", lines)
    folder.write_json("results.json", results)
    folder.log("finished", results["seconds"])
    tell(Stage("done", 1.0))
    return results


class Measured(NamedTuple):
    """What came of one contender's talks."""

    table: Any
    """Grades `[case, turn]`, NaN where there is none."""
    lost: list[dict[str, Any]]
    """Why there is none."""
    lines: list[dict[str, Any]]
    """Every reply with its grade."""


def measure(
    people: Sequence[Persona],
    user: User,
    grader: Grader,
    contender: Contender,
    config: AloeConfig,
    *,
    folder: Parts,
    run: Run = asyncio.run,
    guard: Callable[[], AbstractContextManager[None]] = nullcontext,
    within: Callable[[str, float], None],
) -> Measured:
    """Talk with one contender and grade every reply; see `run_aloe`.

    Raises:
        BadInputError: no reply at all could be graded.
        RunStoppedError: nothing more can be asked.
    """
    talks = _talks(people, user, contender, config, folder, run, within)
    items = _items(people, talks)
    graded: list[Grade] = []
    for start in range(0, len(items), CHUNK):
        within(f"grading {start} of {len(items)}", 0.9 + 0.1 * start / len(items))
        with guard():
            graded += grader.grade(items[start : start + CHUNK])
    table, lost = _table(people, talks, items, graded, config.turns)
    if np.isnan(table).all():
        raise BadInputError(f"{contender.method}: no reply was graded. The first failure: {lost[0]['error']}")
    return Measured(table, lost, [_line(item, grade) for item, grade in zip(items, graded, strict=True)])


def differences(grader: Grader, config: AloeConfig, people: Sequence[Persona], grades: Grades) -> list[str]:
    """What differs from the set-up behind the paper's figures."""
    told = [f"graded by {grader.describe()['name']} by our own rubric; the paper's grader was a larger model"]
    told.append(f"people played by {config.user or 'the toy world'}, from {len(people)} cases (100 in the paper)")
    told.append(f"{config.turns} turns (10 in the paper); models of other sizes and other training data")
    seeds = len({seed for _, seed in grades})
    told.append(f"{seeds} training seed{'s' if seeds > 1 else ''}; the paper gives no intervals")
    return told


def _talks(
    people: Sequence[Persona],
    user: User,
    contender: Contender,
    config: AloeConfig,
    folder: Parts,
    run: Run,
    within: Callable[[str, float], None],
) -> list[Talk]:
    """One contender's talks, those of an earlier run taken over unless something failed in them."""
    name = f"talks-{contender.method}-seed{contender.seed}-{contender.fingerprint[:12]}"
    part = folder.part(name)
    if part is not None and not any(talk["failure"] for talk in part):
        return [_talk_from(talk) for talk in part]
    total = len(people) * config.turns

    async def work() -> list[Talk]:
        async with contender.open() as model:
            return await hold_all(
                people,
                user,
                model,
                turns=config.turns,
                tries=config.tries,
                seed=config.seed,
                parallel=2 * config.concurrency,
                report=lambda done: within(f"turn {done} of {total}", 0.9 * done / total),
            )

    within("beginning", 0.0)
    talks = run(work())
    folder.save_part(name, [asdict(talk) for talk in talks])
    return talks


def _talk_from(record: Mapping[str, Any]) -> Talk:
    return Talk(record["case"], tuple(Exchange(*turn) for turn in record["exchanges"]), record["failure"])


def _items(people: Sequence[Persona], talks: Sequence[Talk]) -> list[Item]:
    return [
        Item(persona, talk.before(turn), exchange.reply, turn)
        for persona, talk in zip(people, talks, strict=True)
        for turn, exchange in enumerate(talk.exchanges)
    ]


def _table(
    people: Sequence[Persona], talks: Sequence[Talk], items: Sequence[Item], grades: Sequence[Grade], turns: int
) -> tuple[Any, list[dict[str, Any]]]:
    """Grades `[case, turn]`, NaN where there is none, and why there is none."""
    row = {persona.id: i for i, persona in enumerate(people)}
    table = np.full((len(people), turns), np.nan)
    lost = [{"case": t.case, "turn": len(t.exchanges) + 1, "error": t.failure} for t in talks if t.failure]
    for item, grade in zip(items, grades, strict=True):
        if grade.score is None:
            lost.append({"case": item.persona.id, "turn": item.turn + 1, "error": f"not graded: {grade.why}"})
        else:
            table[row[item.persona.id], item.turn] = grade.score
    return table, lost


def _line(item: Item, grade: Grade) -> dict[str, Any]:
    said = {"case": item.persona.id, "turn": item.turn + 1, "user": item.chat[-1].text, "reply": item.reply}
    return said | {"score": grade.score, "why": grade.why}
