"""Grow a pool of texts by asking for more until there are enough or hardly anything new comes.

ALOE (Wu et al. 2024, arXiv 2410.03642): five random members are shown, twenty new ones asked for, and a candidate stays
if its similarity with everything kept is at most 0.6. Ours: many calls in flight, and a stated rule of when to stop.

Answers are decided on in the order in which they were asked for, whatever order they come in, and a call is made when
those so many before it have been decided on. So everything that is asked follows from the seed and from what was
answered before, and a run that was killed asks the same again and finds the answers in the client's cache.
"""

from __future__ import annotations

import asyncio
import math
import random
import re
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Annotated, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from counterpoint.authoring.calls import Answer, Call, CallFailedError, RunStoppedError, Sampling
from counterpoint.authoring.llm import Client
from counterpoint.authoring.personas.prompts import PERSONALITY, PROFILE
from counterpoint.authoring.personas.seeds import PERSONALITIES, PROFILES
from counterpoint.authoring.personas.similarity import THRESHOLD, SimilarityFilter
from counterpoint.authoring.prompts import Prompt
from counterpoint.authoring.run import Rejection
from counterpoint.errors import BadInputError
from counterpoint.types import content_hash

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts to vectors `[text, dimension]`: handed in, because authoring imports no model."""

SHORTEST, LONGEST = 5, 250
"""Words of a text that may be kept; ours. ALOE's published profiles have 31 to 92."""

_NUMBERING = re.compile(r"^\s*(?:\(?\d{1,3}[.):]|[-*•])\s+")
_REFUSAL = re.compile(r"\b(as an ai\b|language model|i (?:cannot|can't|can not|won't|am unable to) )", re.IGNORECASE)


class Texts(BaseModel):
    """What the model answers with."""

    texts: Annotated[list[str], Field(min_length=1, description="One paragraph each, without numbering.")]


@dataclass(frozen=True)
class Kind:
    """What a pool holds."""

    name: str
    """`profile` or `personality`."""
    seeds: tuple[str, ...]
    """What it begins with."""
    prompt: Prompt
    """How more are asked for."""


KINDS = (Kind("profile", PROFILES, PROFILE), Kind("personality", PERSONALITIES, PERSONALITY))


@dataclass(frozen=True)
class Growth:
    """How a pool grows."""

    wanted: int
    """New texts wanted beside the seeds."""
    threshold: float = THRESHOLD
    """Largest cosine with anything kept (ALOE). It means what the encoder makes of it: with all-MiniLM-L6-v2 two of
    ALOE's own published profiles have 0.53 in the mean, so that 0.6 lets much less through than with ALOE's encoder."""
    shown: int = 5
    """Members shown in a call (ALOE)."""
    asked: int = 20
    """New texts asked for in a call (ALOE)."""
    temperature: float = 0.8
    """ALOE's."""
    max_tokens: int = 4096
    """Of an answer; twenty paragraphs take about 2,000."""
    calls: int = 64
    """Most calls on their way at once. They are fewer while there are not members enough to show each call others, and
    where fewer will do for what is missing."""
    window: int = 100
    """Texts asked for over which survival is measured; what a call failed to bring counts as not surviving."""
    saturation: float = 0.05
    """The pool is full when a smaller share of the last `window` survived."""
    seed: int = 0
    """Of which members are shown."""

    def __post_init__(self) -> None:
        for name in ("wanted", "shown", "asked", "calls", "window", "max_tokens"):
            if getattr(self, name) < 1:
                raise BadInputError(f"{name} must be at least 1 (got {getattr(self, name)})")
        if not 0 <= self.saturation <= 1:
            raise BadInputError(f"saturation must be between 0 and 1 (got {self.saturation})")


class Member(NamedTuple):
    """A text in the pool and the answer it came in; None for a seed."""

    text: str
    answer: Answer | None


class Step(NamedTuple):
    """How far a pool was after a call: texts asked for so far, new members so far."""

    asked: int
    kept: int


@dataclass(frozen=True)
class Pool:
    """What a pool has become."""

    kind: str
    members: tuple[Member, ...]
    """Seeds first, then in the order in which they were kept."""
    vectors: NDArray[np.float32]
    """`[member, dimension]`."""
    rejections: tuple[Rejection, ...]
    """Candidates and calls of which nothing came: number of the call, place in its answer, reason, text."""
    steps: tuple[Step, ...]
    """After each call."""
    saturated: bool
    """Whether it stopped because hardly anything new came."""
    stopped: str = ""
    """Why nothing more could be asked; empty if that wasn't so."""

    @property
    def new(self) -> tuple[Member, ...]:
        """Members that were written for this pool."""
        return tuple(member for member in self.members if member.answer is not None)


Report = Callable[[str, Step, Mapping[str, int]], None]
"""Told after each call: kind, how far, rejections by reason so far."""


async def grow(
    kind: Kind,
    client: Client,
    embed: Embed,
    growth: Growth,
    *,
    thread: Executor | None = None,
    report: Report | None = None,
) -> Pool:
    """The pool, grown until it has what is wanted, is full, or nothing more can be asked.

    Args:
        kind: what it holds.
        client: who is asked.
        embed: texts to vectors; takes long, and is called in a thread, for an answer as soon as it comes.
        growth: how it grows.
        thread: where `embed` is called, for one answer at a time; a thread of its own where not given.
        report: told after each call.
    """
    with ThreadPoolExecutor(1) as own:
        pool = await asyncio.get_running_loop().run_in_executor(thread or own, _Growing, kind, embed, growth)
        async with _Asking(pool, client, thread or own) as asking:
            while (answer := await asking.next()) is not None:
                pool.take(answer)
                if report:
                    report(kind.name, pool.steps[-1], Counter(rejection.reason for rejection in pool.rejections))
    return Pool(
        kind=kind.name,
        members=tuple(pool.members),
        vectors=pool.filter.vectors.copy(),
        rejections=tuple(pool.rejections),
        steps=tuple(pool.steps),
        saturated=pool.saturated and not pool.enough,
        stopped=asking.stopped,
    )


class _Candidates(NamedTuple):
    """One answer, made ready to be decided on."""

    texts: list[str]
    faults: list[str]
    """Why a text is none to keep; empty where it may be."""
    vectors: NDArray[np.float32]
    """Of the others."""
    answers: tuple[Answer, ...]


class _Asking:
    """The calls of a pool that are on their way, and their answers in the order of asking."""

    def __init__(self, pool: _Growing, client: Client, thread: Executor) -> None:
        self._pool, self._client, self._thread = pool, client, thread
        self._tasks: deque[asyncio.Task[_Candidates | CallFailedError]] = deque()
        self.stopped = ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """What is in flight when nothing more can be asked is paid for, and waited for."""
        for task in self._tasks:
            if kind is not None:
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def next(self) -> _Candidates | CallFailedError | None:
        """The answer whose turn it is; None when there are no more."""
        for _ in range(self._pool.at_once - len(self._tasks)):
            self._tasks.append(asyncio.create_task(self._ask(self._pool.call())))
        if not self._tasks:
            return None
        try:
            return await self._tasks.popleft()
        except RunStoppedError as error:
            self.stopped = str(error)
            return None

    async def _ask(self, call: Call) -> _Candidates | CallFailedError:
        try:
            read = await self._client.ask_for(call, Texts)
        except CallFailedError as error:
            return error
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, self._pool.ready, read.value.texts, read.answers
        )


@dataclass
class _Growing:
    """A pool while it grows."""

    kind: Kind
    embed: Embed
    growth: Growth
    members: list[Member] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    _asked: int = 0

    def __post_init__(self) -> None:
        self.members = [Member(text, None) for text in self.kind.seeds]
        vectors = self.embed(self.kind.seeds)
        self.filter = SimilarityFilter(vectors.shape[1], threshold=self.growth.threshold)
        self.filter.keep_all(vectors)
        self._last: deque[bool] = deque(maxlen=self.growth.window)

    @property
    def new(self) -> int:
        return len(self.members) - len(self.kind.seeds)

    @property
    def enough(self) -> bool:
        return self.new >= self.growth.wanted

    @property
    def saturated(self) -> bool:
        full = len(self._last) == self.growth.window
        return full and sum(self._last) < self.growth.saturation * self.growth.window

    @property
    def at_once(self) -> int:
        """How many calls may be on their way: each can be shown members of its own, and none is more than is needed."""
        if self.enough or self.saturated:
            return 0
        full = len(self._last) == self.growth.window
        survive = max(sum(self._last), 1) / self.growth.window if full else 1.0
        needed = math.ceil((self.growth.wanted - self.new) / (self.growth.asked * survive))
        return min(self.growth.calls, needed, max(1, len(self.members) // self.growth.shown))

    def call(self) -> Call:
        """The next call."""
        draw = random.Random(content_hash("persona pool", self.growth.seed, self.kind.name, self._asked))
        texts = [member.text for member in self.members]
        shown = draw.sample(texts, min(self.growth.shown, len(texts)))
        self._asked += 1
        return Call(
            self.kind.prompt.render(shown=shown, count=self.growth.asked),
            Sampling(self.growth.temperature, max_tokens=self.growth.max_tokens),
            seed=self._asked - 1,
            step=self.kind.name,
            prompt=self.kind.prompt.reference,
        )

    def ready(self, texts: Sequence[str], answers: tuple[Answer, ...]) -> _Candidates:
        """An answer's texts, cleaned, looked at and embedded: all that can be done before its turn."""
        cleaned = [_cleaned(text) for text in texts]
        faults = [_fault(text) for text in cleaned]
        sound = [text for text, fault in zip(cleaned, faults, strict=True) if not fault]
        vectors = self.embed(sound) if sound else np.empty((0, self.filter.dimension), np.float32)
        return _Candidates(cleaned, faults, vectors, answers)

    def take(self, came: _Candidates | CallFailedError) -> None:
        """Decide on what came of one call: its candidates in order, or nothing."""
        if isinstance(came, CallFailedError):
            self.rejections.append(Rejection(len(self.steps), 0, came.reason, came.detail, came.answers))
            self._last.extend([False] * self.growth.asked)
            self._step(self.growth.asked)
            return
        kept = iter(self.filter.add(came.vectors).tolist())
        for place, (text, fault) in enumerate(zip(came.texts, came.faults, strict=True)):
            reason = fault or ("" if next(kept) else "too similar")
            if reason:
                self.rejections.append(Rejection(len(self.steps), place, reason, text[:300], came.answers))
            else:
                self.members.append(Member(text, came.answers[-1]))
            self._last.append(not reason)
        self._last.extend([False] * (self.growth.asked - len(came.texts)))
        self._step(max(self.growth.asked, len(came.texts)))

    def _step(self, asked: int) -> None:
        before = self.steps[-1].asked if self.steps else 0
        self.steps.append(Step(before + asked, self.new))


def _cleaned(text: str) -> str:
    """On one line, without numbering and without what UTF-8 can't hold."""
    whole = text.encode("utf-8", "ignore").decode("utf-8").replace("\0", "")
    return " ".join(_NUMBERING.sub("", whole).split())


def _fault(text: str) -> str:
    """Why a candidate is no description of anybody, or nothing."""
    words = len(text.split())
    if words < SHORTEST:
        return "too short"
    if words > LONGEST:
        return "too long"
    return "refusal" if _REFUSAL.search(text) else ""
