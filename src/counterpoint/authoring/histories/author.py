"""Histories from dilemmas to files: what people did, what was true, and perhaps their own words, a file each."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from counterpoint.authoring.calls import Answer, CallFailedError, Sampling
from counterpoint.authoring.histories.living import History, Life, live
from counterpoint.authoring.histories.people import KINDS, Kind, draw_person
from counterpoint.authoring.histories.phrasing import PROMPT, phrase
from counterpoint.authoring.journal import Draft, Journal
from counterpoint.authoring.llm import Client, Endpoint
from counterpoint.authoring.provenance import About, write_records
from counterpoint.authoring.run import Outcome, Tally, run
from counterpoint.data.conversations import Persona
from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.runlog import write_text
from counterpoint.types import Choice, ChoiceKind, DataSet, content_hash

TRIES = 3
"""How often the phrasing of a choice is tried."""

AsLine = Callable[[Choice], str]
"""A choice as a line of the event log: handed in, because authoring comes before the module that reads events."""


@dataclass(frozen=True)
class HistorySettings:
    """Who lives how."""

    life: Life = field(default_factory=Life)
    """When things happen."""
    kinds: tuple[Kind, ...] = KINDS
    """Kinds of people, which take turns."""
    lapse: float = 0.02
    """Probability of a choice whatever the vector."""
    temperature: float = 0.9
    """Of the phrasing."""
    max_tokens: int = 200
    """Of one phrasing."""
    seed: int = 0
    """Of people, times, dilemmas and choices."""

    def __post_init__(self) -> None:
        if not self.kinds:
            raise BadInputError(f"at least one kind of people is needed: {', '.join(KINDS)}")
        for kind in self.kinds:
            if kind not in KINDS:
                raise UnknownNameError("kind of people", kind, KINDS)


@dataclass(frozen=True)
class Histories:
    """Writes histories, a slot a person.

    Args:
        settings: who lives how.
        data: the dilemmas they meet.
        client: who phrases; None: nobody does.
        personas: who the people are, for phrasing; nobody in particular where empty.
    """

    settings: HistorySettings
    data: DataSet
    client: Client | None = None
    personas: Sequence[Persona] = ()

    def __post_init__(self) -> None:
        if not self.data.dilemmas:
            raise BadInputError(f"{self.data.name}: holds no dilemmas to choose in")

    def history(self, slot: int) -> History:
        """What the person of a slot did; the same whatever the other slots."""
        settings, taxonomy = self.settings, self.data.taxonomy
        rng = np.random.default_rng(int(content_hash("history", settings.seed, slot)[:15], 16))
        kind = settings.kinds[slot % len(settings.kinds)]
        scenes = sorted({dilemma.scene for dilemma in self.data.dilemmas if dilemma.scene})
        person = draw_person(kind, f"person-{slot + 1:04d}", taxonomy, rng, scenes=scenes, lapse=settings.lapse)
        return live(person, self.data.dilemmas, taxonomy, rng, settings.life)

    async def write(self, slot: int, attempt: int) -> Draft:
        """One history, phrased if there is somebody to phrase it. See `run.run`."""
        del attempt  # a history can't fail
        found = self.history(slot)
        phrased = await self._phrased(slot, found) if self.client is not None else []
        row = {
            "person": found.truth["name"],
            "choices": [asdict(choice) for choice in found.choices],
            "truth": found.truth,
            "words": [
                {"id": choice.id, "person": choice.person, "dilemma": choice.dilemma, "words": words}
                for choice, (words, _) in zip(found.choices, phrased, strict=False)
                if words
            ],
        }
        checks = {"unphrased": sum(not words for words, _ in phrased), "temperature": self.settings.temperature}
        return Draft(row, tuple(answer for _, answers in phrased for answer in answers), checks)

    async def _phrased(self, slot: int, found: History) -> list[tuple[str, tuple[Answer, ...]]]:
        """Words and answers of every choice; what can't be phrased in so many tries has none."""
        told = self.personas[slot % len(self.personas)] if self.personas else None
        by_id = {dilemma.id: dilemma for dilemma in self.data.dilemmas}
        sampling = Sampling(self.settings.temperature, max_tokens=self.settings.max_tokens)

        async def one(step: int, choice: Choice) -> tuple[str, tuple[Answer, ...]]:
            assert self.client is not None
            dilemma = by_id[choice.dilemma]
            pair = self.data.taxonomy.by_name[dilemma.value_pair]
            spent: tuple[Answer, ...] = ()
            for attempt in range(TRIES):
                seed = int(content_hash("words", self.settings.seed, slot, step, attempt)[:7], 16)
                try:
                    words, answers = await phrase(
                        self.client, dilemma, choice.groups[0][0], pair, persona=told, sampling=sampling, seed=seed
                    )
                except CallFailedError as error:
                    spent += error.answers
                else:
                    return words, (*spent, *answers)
            return "", spent

        work = (one(step, choice) for step, choice in enumerate(found.choices))
        results = await asyncio.gather(*work, return_exceptions=True)  # none is cancelled: what is asked is paid for
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result for result in results if not isinstance(result, BaseException)]

    async def author(
        self,
        count: int,
        *,
        journal: Journal,
        parallel: int = 16,
        report: Callable[[Tally], None] | None = None,
    ) -> Outcome:
        """So many people's histories, resuming what the journal holds."""
        return await run(
            count, self.write, lambda draft: draft, journal=journal, attempts=1, parallel=parallel, report=report
        )


def identity(work: Histories, endpoint: Endpoint | None) -> list[object]:
    """All that decides the rows but their number: a longer run of the same identity goes on from a shorter one."""
    asked = [endpoint.model, endpoint.name, PROMPT.reference] if endpoint else []
    dilemmas = [[dilemma.id, dilemma.digest, dilemma.scene] for dilemma in work.data.dilemmas]
    people = [[persona.profile, persona.personality] for persona in work.personas]
    return ["histories/1", asdict(work.settings), asdict(work.data.taxonomy), dilemmas, people, asked]


class Files(NamedTuple):
    """Where a run of histories writes."""

    events: Path
    """What people did, for `counterpoint infer`: all that a model may read."""
    truth: Path
    """The vectors behind it, a line a person: for scoring only."""
    words: Path
    """What people said about their choices, a line a choice; a model may read it."""


def files_of(out: Path) -> Files:
    """The files beside `out`."""
    return Files(out, out.with_suffix(f".truth{out.suffix}"), out.with_suffix(f".words{out.suffix}"))


def finish(
    work: Histories,
    outcome: Outcome,
    out: Path,
    as_line: AsLine,
    *,
    folder: Path,
    planned: int,
    licence: str,
    endpoint: Endpoint | None,
) -> dict[str, Any]:
    """Write events in the order of time, truth, words, provenance and card, each file whole; returns the card."""
    rows = [draft.row for _, _, draft in outcome.rows]
    choices = sorted((_choice(c) for row in rows for c in row["choices"]), key=lambda c: (c.time, c.person, c.id))
    kinds = Counter(row["truth"]["kind"] for row in rows)
    about = About(
        name=out.stem,
        kind="histories",
        licence=licence,
        planned=planned,
        settings={
            **asdict(work.settings),
            "data": work.data.name,
            "data_sha256": work.data.digest,
            "phrased_by": {"model": endpoint.model, "endpoint": endpoint.name} if endpoint else None,
        },
        counts={
            "choices": len(choices),
            "phrased": sum(len(row["words"]) for row in rows),
            "people_by_kind": dict(sorted(kinds.items())),
        },
        sha256=content_hash([as_line(choice) for choice in choices]),
    )
    card = write_records(folder, outcome, about, lambda draft: str(draft.row["person"]))
    files = files_of(out)
    write_text(files.events, "".join(as_line(choice) + "\n" for choice in choices))
    write_text(files.truth, _lines(row["truth"] for row in rows))
    if endpoint:
        write_text(files.words, _lines(words for row in rows for words in row["words"]))
    return card


class Price(NamedTuple):
    """What a run will ask and cost."""

    calls: int
    tokens_in: int
    tokens_out: int
    expected: float
    at_most: float


def price(count: int, work: Histories, endpoint: Endpoint | None) -> Price:
    """The price of a run, before it; a token is taken as four bytes. Nothing where nobody phrases."""
    if endpoint is None:
        return Price(0, 0, 0, 0.0, 0.0)
    lengths = [len(d.scenario) + len(d.question) + sum(len(o.text) for o in d.options) for d in work.data.dilemmas]
    asked = sum(lengths) // (4 * len(lengths)) + (len(PROMPT.system) + len(PROMPT.user)) // 4 + 230
    calls = count * work.settings.life.events
    longest = work.settings.max_tokens
    once = endpoint.cost(max(lengths) // 4 + 500, longest)
    return Price(calls, calls * asked, calls * 45, calls * endpoint.cost(asked, 45), calls * TRIES * 3 * once)


def _choice(fields: Mapping[str, Any]) -> Choice:
    groups = tuple(tuple(group) for group in fields["groups"])
    return Choice(**{**fields, "kind": ChoiceKind(fields["kind"]), "groups": groups, "texts": tuple(fields["texts"])})


def _lines(rows: Iterable[Any]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
