"""Personas from seeds to files: two pools grown, paired, and told about."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from counterpoint.authoring.journal import Draft
from counterpoint.authoring.llm import Client, Endpoint
from counterpoint.authoring.personas.diversity import diversity, draw
from counterpoint.authoring.personas.pairing import Paired, pair
from counterpoint.authoring.personas.pool import KINDS, Embed, Growth, Pool, Step, grow
from counterpoint.authoring.provenance import About, write_records
from counterpoint.authoring.run import Outcome, Tally
from counterpoint.runlog import write_text
from counterpoint.types import content_hash


@dataclass(frozen=True)
class Grown:
    """What a run has come to."""

    pools: tuple[Pool, ...]
    """Profiles and personalities."""
    personas: tuple[Paired, ...]
    """As in the file."""
    outcome: Outcome
    """The same as rows and rejections."""


async def author(
    count: int, client: Client, embed: Embed, growth: Growth, *, report: Callable[[Tally], None] | None = None
) -> Grown:
    """Grow both pools and make `count` personas of them. Pools grow side by side, each by itself."""
    told = _Told(len(KINDS) * growth.wanted, report)
    with ThreadPoolExecutor(1) as thread:  # shared: encoders are not made for two at once
        profiles, personalities = await asyncio.gather(
            *(grow(kind, client, embed, growth, thread=thread, report=told) for kind in KINDS)
        )
    stopped = profiles.stopped or personalities.stopped
    personas = pair(profiles, personalities, count, seed=growth.seed, seeds=not stopped)
    rows = tuple((slot, 0, _draft(paired, growth)) for slot, paired in enumerate(personas))
    rejections = (*profiles.rejections, *personalities.rejections)
    outcome = Outcome(rows, rejections, tuple(range(len(rows), count)), stopped)
    return Grown((profiles, personalities), tuple(personas), outcome)


def identity(growth: Growth, endpoint: Endpoint, encoder: str) -> list[object]:
    """All that decides the rows but their number."""
    kinds = [[kind.name, kind.prompt.reference, kind.seeds] for kind in KINDS]
    return ["personas/1", asdict(replace(growth, wanted=1)), endpoint.model, endpoint.name, encoder, kinds]


def finish(
    grown: Grown, growth: Growth, out: Path, *, folder: Path, planned: int, licence: str, endpoint: Endpoint
) -> dict[str, Any]:
    """Write personas, pools, picture, provenance, rejections and card, each file whole; returns the card.

    The run's folder gets `profile.jsonl` and `personality.jsonl` (the pools, seeds first, a JSON string a line) and
    `diversity.svg`.
    """
    rows = [draft.row for _, _, draft in grown.outcome.rows]
    about = About(
        name=out.stem,
        kind="personas",
        licence=licence,
        planned=planned,
        settings={**asdict(growth), "model": endpoint.model, "endpoint": endpoint.name},
        counts={pool.kind: figures(pool, growth) for pool in grown.pools},
        sha256=content_hash(rows),
        findings=[finding for pool in grown.pools for finding in _findings(pool, growth)],
    )
    card = write_records(folder, grown.outcome, about, lambda draft: str(draft.row["id"]))
    for pool in grown.pools:
        write_text(folder / f"{pool.kind}.jsonl", _lines(member.text for member in pool.members))
    write_text(folder / "diversity.svg", draw(grown.pools))
    write_text(out, _lines(rows))
    return card


def figures(pool: Pool, growth: Growth) -> dict[str, Any]:
    """A pool in numbers."""
    varied = diversity(pool.vectors)
    asked = pool.steps[-1].asked if pool.steps else 0
    window = [step for step in pool.steps if step.asked > asked - growth.window]
    before = next((step.kept for step in reversed(pool.steps) if step.asked <= asked - growth.window), 0)
    return {
        "members": len(pool.members),
        "new": len(pool.new),
        "asked_for": asked,
        "kept_of_the_last": {"asked_for": min(asked, growth.window), "kept": window[-1].kept - before if window else 0},
        "saturated": pool.saturated,
        "rejected": dict(Counter(rejection.reason for rejection in pool.rejections).most_common()),
        "mean_cosine": round(varied.mean_cosine, 4),
        "mean_cosine_with_the_nearest": round(float(varied.nearest.mean()), 4),
        "effective_number": round(varied.effective, 2),
    }


class Price(NamedTuple):
    """What a run will ask and cost. How many candidates survive is known only afterwards."""

    calls: int
    """If half of the candidates survive."""
    tokens_in: int
    """Read in those calls."""
    tokens_out: int
    """Written in them."""
    expected: float
    """US dollars for them."""
    at_most: float
    """US dollars if hardly more survive than let a pool go on, each answer as long as it may be and mended."""


_TEXT, _FORM = 70, 100
"""Tokens of a text and of the description of the form, about."""


def price(growth: Growth, endpoint: Endpoint) -> Price:
    """The price of a run, before it."""
    least = -(-growth.wanted // growth.asked)
    calls = 2 * len(KINDS) * least
    read = sum(len(kind.prompt.system + kind.prompt.user) for kind in KINDS) // (4 * len(KINDS))
    read += growth.shown * _TEXT + _FORM
    wrote = min(growth.asked * _TEXT, growth.max_tokens)
    window = -(-growth.window // growth.asked)
    at_once = min(growth.calls, max(len(kind.seeds) + growth.wanted for kind in KINDS) // growth.shown)
    most = len(KINDS) * (least / max(growth.saturation, 1 / growth.window) + window + at_once)
    worst = endpoint.cost(read, growth.max_tokens) + endpoint.cost(read + growth.max_tokens, growth.max_tokens)
    return Price(calls, calls * read, calls * wrote, calls * endpoint.cost(read, wrote), most * worst)


class _Told:
    """How far both pools are, as one tally."""

    def __init__(self, wanted: int, report: Callable[[Tally], None] | None) -> None:
        self._wanted, self._report = wanted, report
        self._kept: dict[str, int] = {}
        self._rejected: dict[str, Mapping[str, int]] = {}

    def __call__(self, kind: str, step: Step, rejected: Mapping[str, int]) -> None:
        self._kept[kind], self._rejected[kind] = min(step.kept, self._wanted // len(KINDS)), rejected
        together: Counter[str] = Counter()
        for reasons in self._rejected.values():
            together.update(reasons)
        if self._report:
            self._report(Tally(self._wanted, sum(self._kept.values()), dict(together)))


def _draft(paired: Paired, growth: Growth) -> Draft:
    answers = tuple(m.answer for m in (paired.profile, paired.personality) if m.answer is not None)
    checks: dict[str, Any] = {
        name: "seed" if member.answer is None else "written"
        for name, member in (("profile", paired.profile), ("personality", paired.personality))
    }
    return Draft(asdict(paired.persona), answers, checks | {"temperature": growth.temperature})


def _findings(pool: Pool, growth: Growth) -> list[str]:
    if not pool.saturated:
        return []
    share = f"fewer than {growth.saturation:.0%} of the last {growth.window} asked for"
    return [
        f"the {pool.kind} pool is full: {len(pool.new)} of {growth.wanted} wanted were kept, {share} survived at "
        f"threshold {growth.threshold:g}. A higher threshold, other seeds or a livelier model let more through"
    ]


def _lines(rows: Any) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
