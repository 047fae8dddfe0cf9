"""The service with the demo's model and a few simulated people: `counterpoint serve --demo`, `make serve-demo`.

Who writes replies is the encoder that `counterpoint demo` trains. It can't write: it answers the dilemmas it was
taught, by taking the option that suits the person best. Everything else is the real service. People are simulated
(`users/simulate.py`), and every name and every page says so.

    demo = open_demo(demo_settings(settings))
    print(demo.welcome("http://127.0.0.1:8000"))
    uvicorn.run(create_app(demo.service.settings, demo.service))
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from counterpoint.data import load
from counterpoint.serving.chat.backend import Order, Piece
from counterpoint.serving.chat.chat import Chat
from counterpoint.serving.desk import Desk
from counterpoint.serving.doors.sessions import Sessions, Visitor
from counterpoint.serving.metrics import Metrics
from counterpoint.serving.opening import open_scorer
from counterpoint.serving.pages.visitors import link_address
from counterpoint.serving.people import People
from counterpoint.serving.service import Service
from counterpoint.serving.settings import Settings
from counterpoint.serving.storage import open_store
from counterpoint.serving.store import keys
from counterpoint.serving.store.bank import Bank
from counterpoint.serving.store.beliefs import Beliefs
from counterpoint.serving.store.records import NewEvent, Principal, Scope
from counterpoint.types import ChoiceKind, Dilemma, Option
from counterpoint.users.simulate import DAY, KINDS, live, make_person

TENANT = "demo"
NOTICE = "A demonstration: these people are simulated, and their choices were drawn by a program."
NAMES = ("Ada", "Ben", "Chioma", "Dov", "Elif")
"""One of each of `simulate.KINDS`."""
ANSWERS = 36
"""Dilemmas that each of them has answered, one every other day."""
GAP = 2 * DAY
SESSION = 12 * 3600.0
"""Seconds that the links printed at the start work."""

REFUSAL = (
    "This is the demonstration's model. It takes sides in the situations it was taught and can't write of its own: "
    "put one of those to it, word for word."
)


@dataclass(frozen=True)
class Demo:
    """A service ready to be served, and how to come in."""

    service: Service
    key: str = field(repr=False)
    """Secret of an API key with every right."""
    operator: Visitor
    person: Visitor

    def welcome(self, address: str) -> str:
        """What to print once it listens at `address`, such as http://127.0.0.1:8000."""
        lines = [NOTICE]
        for visitor in (self.operator, self.person):
            token = self.service.sessions.link(visitor, lasts=SESSION)
            lines += ["", f"Look around as {visitor.person or 'the operator'}:", f"  {link_address(address, token)}"]
        return "\n".join([*lines, "", f"API key, good for {SESSION / 3600:.0f} hours:", f"  {self.key}", ""])


def demo_settings(settings: Settings) -> Settings:
    """The same, with the demo's data, and a notice on every page."""
    return replace(settings, data="crossroads", user_model="drifting", notice=NOTICE)


def open_demo(settings: Settings) -> Demo:
    """Everything opened, people in it. A store that has them already is left as it is.

    Args:
        settings: made by `demo_settings`.
    """
    metrics, store = Metrics(), open_store(settings.store, settings.secrets)
    data = load(settings.data_name)
    bank = Bank.open(store, data, lambda: open_scorer(settings.scorer, data))
    people = People(store, bank, beliefs=Beliefs(bank, model=settings.user_model))
    secret = bytes.fromhex(store.vault.keyed_hash("sessions of the pages"))
    sessions = Sessions(secret, secure=settings.secure_cookies)
    chat = Chat([Chooser(bank)], people, settings, metrics)
    service = Service(settings, store, people, Desk(store), chat, sessions, metrics)
    new = TENANT not in keys.tenants(store)
    if new:
        keys.create_tenant(store, TENANT)
    issued = keys.issue(store, TENANT, "demo", set(Scope), lasts=SESSION)
    who = Principal(TENANT, issued.key.id, frozenset(Scope))
    if new:
        simulate(people, who, now=time.time())
    return Demo(service, issued.secret, Visitor(TENANT, who.key), Visitor(TENANT, who.key, names()[0]))


def names() -> tuple[str, ...]:
    """What the simulated people are called; what they are is in it."""
    return tuple(f"{name} (simulated, {kind})" for name, kind in zip(NAMES, KINDS, strict=True))


def simulate(people: People, who: Principal, *, now: float) -> None:
    """One person of each kind lives through some dilemmas, the last of them a day before `now`."""
    bank, rng = people.bank, np.random.default_rng(7)
    dilemmas = [question.dilemma for question in bank.questions if question.dilemma is not None]
    scenes = sorted({dilemma.scene for dilemma in dilemmas})
    for name, kind in zip(names(), KINDS, strict=True):
        person = make_person(kind, name, bank.taxonomy, rng, scenes=scenes)
        met = [dilemmas[i] for i in rng.permutation(len(dilemmas))[:ANSWERS]]
        begun = now - DAY - GAP * len(met)
        lived = live(person, met, bank.taxonomy, rng, gap=GAP)
        events = [NewEvent(ChoiceKind(c.kind), c.id, begun + c.time, c.dilemma, c.groups, c.scene) for c in lived]
        people.record(who, name, events)
    said = bank.taxonomy.pairs[1]
    people.correct(who, names()[0], said.name, -2.0)


class Chooser:
    """The encoder behind the contract of back ends: replies by choosing among a known dilemma's options."""

    models: Sequence[str] = ("crossroads-encoder",)
    methods: Sequence[str] = ("choose",)

    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        self._known = [(_plain(q.dilemma.scenario), q.dilemma) for q in bank.questions if q.dilemma is not None]

    async def write(self, order: Order) -> AsyncGenerator[Piece, None]:
        """The option that suits the steering best, word by word."""
        prompt = order.messages[-1].content
        dilemma = self.asked(prompt)
        text = REFUSAL
        if dilemma is not None:
            option = self.choose(dilemma, order.steering.array)
            text = f"{option.text}\n\n{option.explanation}".strip()
        words = re.findall(r"\S+\s*", text)[: order.decoding.max_new_tokens]
        for index in range(order.choices):
            for word in words:
                yield Piece(index, word)
            yield Piece(index, finish="stop", read=len(prompt.split()), written=len(words))

    def asked(self, prompt: str) -> Dilemma | None:
        """The dilemma whose scenario the prompt holds."""
        plain = _plain(prompt)
        return next((dilemma for scenario, dilemma in self._known if scenario in plain), None)

    def choose(self, dilemma: Dilemma, vector: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Option:
        """What somebody with this preference vector would most likely choose; for nobody, what takes sides least."""
        features = self.bank.by_digest[dilemma.digest].features
        utility = features @ vector if vector.any() else -np.abs(features).sum(axis=1)
        return dilemma.options[int(np.argmax(utility))]

    async def ready(self) -> None:
        """Always."""

    async def close(self) -> None:
        """Nothing to stop."""


def _plain(text: str) -> str:
    """Without differences of space and case."""
    return " ".join(text.split()).casefold()
