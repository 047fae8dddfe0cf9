"""From a request and a person to a reply: what is believed of them, what is done about it, and why.

A person nobody has met, or who was deleted, gets the base's answer, and the answer says so. Only this person's belief
enters: their texts shaped it as evidence when they came, and no text of one person is ever put into another's prompt.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from starlette.concurrency import run_in_threadpool

from counterpoint.models.decoding import Decoding
from counterpoint.serving.chat.backend import Backend, Order, Piece
from counterpoint.serving.doors.errors import ApiError
from counterpoint.serving.metrics import Metrics
from counterpoint.serving.people import People, Reason
from counterpoint.serving.settings import Settings
from counterpoint.serving.store.records import PersonDeletedError, Principal, UnknownPersonError
from counterpoint.steering.asking import BASE, Message
from counterpoint.steering.method import METHODS
from counterpoint.steering.steering import Policy, Steering, from_belief, nothing
from counterpoint.users.belief import Belief


@dataclass(frozen=True)
class Wish:
    """What a request asks of steering."""

    method: str | None = None
    """A method's name, several joined by `+`, or `base`; None: the service's default."""
    strength: float = 1.0
    """Times what is believed: 0 nobody in particular, -1 the opposite person."""
    both_sides: bool = False
    """Whether the reply shows both sides where the person's own evidence speaks for both."""
    explain: bool = False
    """Whether the answer says what was applied, and what that rests on."""


@dataclass(frozen=True)
class Fitted:
    """What will be done about a person in one reply."""

    steering: Steering
    method: str
    """What is applied; `base` where nothing is."""
    known: bool | None
    """Whether the person is known; None: none was named."""
    observations: int = 0
    """How many observations the belief counts."""
    reasons: Mapping[str, Sequence[Reason]] | None = None
    """What each leaning applied rests on; None: not asked for."""


class Chat:
    """Replies for people.

    Args:
        backends: one or more; every model belongs to one of them, the first one's first is the default.
        people: what is believed of whom.
    """

    def __init__(self, backends: Sequence[Backend], people: People, settings: Settings, metrics: Metrics) -> None:
        self.people, self.settings, self.metrics = people, settings, metrics
        self.backends = tuple(backends)
        self.by_model = {name: backend for backend in backends for name in backend.models}
        self.started = int(time.time())

    @property
    def default_model(self) -> str:
        """Who answers where nobody else is asked for."""
        return next(iter(self.by_model))

    def backend(self, model: str) -> Backend:
        """What serves a model. Raises `ApiError` 404."""
        if model not in self.by_model:
            known = ", ".join(self.by_model)
            raise ApiError(404, "model_not_found", f"there is no model {model!r}; there are: {known}", param="model")
        return self.by_model[model]

    def fit(self, who: Principal, person: str | None, model: str, wish: Wish) -> Fitted:
        """What to do about a person; waits for the database.

        Raises:
            ApiError: the model or the method is unknown, or the method doesn't work with the model.
        """
        method = self._method(model, wish.method)
        if person is None:
            return Fitted(nothing(self.people.bank.taxonomy, "no person was named"), BASE, None)
        belief = self._belief(who, person)
        steering = self._steering(belief, wish)
        method = method if steering.active else BASE
        reasons = None
        if wish.explain:
            applied = {leaning.value_pair for leaning in steering.leanings}
            reasons = self.people.explain(who, person) if applied and belief is not None else {}
            reasons = {pair: found for pair, found in reasons.items() if pair in applied}
        return Fitted(steering, method, belief is not None, belief.count if belief else 0, reasons)

    async def reply(
        self, who: Principal, person: str | None, text: str, *, strength: float = 1.0, max_new_tokens: int = 128
    ) -> str:
        """One reply to one question by the default model, likeliest tokens; for the pages."""
        model = self.default_model
        fitted = await run_in_threadpool(self.fit, who, person, model, Wish(strength=strength))
        decoding = Decoding(temperature=0, max_new_tokens=min(max_new_tokens, self.settings.max_new_tokens))
        order = Order(model, (Message("user", text),), fitted.steering, fitted.method, decoding, seed=0)
        async with aclosing(self.write(order)) as pieces:
            return "".join([piece.text async for piece in pieces])

    async def write(self, order: Order) -> AsyncGenerator[Piece, None]:
        """The back end's pieces, counted."""
        since, first = time.perf_counter(), True
        async with aclosing(self.backend(order.model).write(order)) as pieces:
            async for piece in pieces:
                if first and piece.text:
                    first = False
                    self.metrics.first_text(time.perf_counter() - since)
                if piece.finish is not None:
                    self.metrics.replied(order.method, piece.finish, read=piece.read, written=piece.written)
                yield piece

    def _method(self, model: str, wanted: str | None) -> str:
        backend = self.backend(model)
        method = wanted or self.settings.method or next(iter(backend.methods), BASE)
        names = [name.strip() for name in method.split("+")]
        for name in names:
            if name not in (*backend.methods, BASE) or (name == BASE and len(names) > 1):
                known = ", ".join((BASE, *backend.methods))
                raise ApiError(
                    400, "unknown_method", f"method {name!r} doesn't work with {model!r}; these do: {known}",
                    param="counterpoint.method",
                )  # fmt: skip
            others = {other for other in names if other != name}
            if len(names) > 1 and not others <= METHODS.get(name).composes_with:
                raise ApiError(
                    400, "methods_conflict", f"methods {method!r} can't be applied together",
                    param="counterpoint.method",
                )  # fmt: skip
        return "+".join(names)

    def _belief(self, who: Principal, person: str) -> Belief | None:
        """What is believed; None for somebody unknown or deleted."""
        try:
            with self.people.store.begin(who) as transaction:
                transaction.find(person)
            return self.people.belief(who, person)
        except (UnknownPersonError, PersonDeletedError):
            return None

    def _steering(self, belief: Belief | None, wish: Wish) -> Steering:
        taxonomy = self.people.bank.taxonomy
        if wish.strength == 0:
            return nothing(taxonomy, "strength 0 was asked for")
        if belief is not None and wish.strength < 0:
            belief = replace(belief, mean=-belief.mean)
        policy = Policy(both_sides=wish.both_sides)
        steering = from_belief(belief, taxonomy, prior=self.people.beliefs.start, policy=policy)
        return steering.scaled(abs(wish.strength)) if any(steering.vector) else steering


def extension(fitted: Fitted, wish: Wish) -> dict[str, Any]:
    """What an answer says beside OpenAI's fields, as `counterpoint`."""
    steering = fitted.steering
    told: dict[str, Any] = {
        "method": fitted.method,
        "strength": wish.strength,
        "person_known": fitted.known,
        "steered": steering.active,
        "abstained": steering.abstained or None,
    }
    if wish.explain:
        told["explanation"] = {
            "observations": fitted.observations,
            "leanings": [
                {
                    "value_pair": leaning.value_pair,
                    "pole": leaning.pole,
                    "strength": leaning.strength,
                    "sd": leaning.sd,
                    "evidence": leaning.evidence,
                    "reasons": [
                        {"event": r.event, "kind": r.kind, "time": r.time, "words": r.words, "push": r.push}
                        for r in (fitted.reasons or {}).get(leaning.value_pair, ())
                    ],
                }
                for leaning in steering.leanings
            ],
            "uncertain": list(steering.uncertain),
            "conflicts": list(steering.conflicts),
        }
    return told
