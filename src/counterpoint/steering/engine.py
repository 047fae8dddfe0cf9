"""Replies of an `lm:` model in process: many requests together, each steered in its own way.

    engine = Engine(LanguageModel.load("lm:tiny"), taxonomy("toy"))
    steering = from_leans({"Hare": 1.5}, engine.taxonomy)
    replies = engine.answer([Request(Asked(dilemma), steering, "mixture")], on_text=print)

A reply doesn't depend on those beside it: at temperature 0 its tokens are those it gets alone. The model is changed
within a pass only and is bit-identical between passes, whatever is raised inside one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from counterpoint.models.generation import Generator, ReplyRow
from counterpoint.models.language_model import LanguageModel
from counterpoint.models.prompts import PromptConfig
from counterpoint.models.sampling import Draws, prompt_seed
from counterpoint.models.trie.anatomy import anatomy, refusal
from counterpoint.models.trie.check import evaluating
from counterpoint.steering.asking import OnText, Reply, Request, to_show_both
from counterpoint.steering.block import Flight, OnDone
from counterpoint.steering.composing import turned_by
from counterpoint.steering.levers import Levers
from counterpoint.steering.method import METHODS, Choosing, Dial, Draft, Drafting, Voice
from counterpoint.steering.probe import check_effect
from counterpoint.steering.prompting import Prompting
from counterpoint.steering.session import OnPiece, Session
from counterpoint.types import Taxonomy

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """What is computed together at most; one reply always is."""

    rows: int = 192
    """Rows of the model; a reply takes one or more."""
    tokens: int = 1 << 17
    """Tokens kept in caches: rows times the longest reply with its prompt."""


@dataclass
class Counts:
    """What an engine has done so far."""

    tokens: int = 0
    """Tokens of replies."""
    alone: int = 0
    """Those of them that were decided alone, because they were nearly tied."""


class Engine:
    """One model, its methods and their materials.

    Args:
        language: the model, with its adapter if it has one. Nobody else may use it while a step is running.
        taxonomy: whose pairs are steered.
        materials: method's name to what it was given or trained; see each method's file.
        dials: method's name to its calibration; strengths go to the method as they are where it has none.
        prompts: how dilemmas are put.
        limits: what is computed together at most.
        exact: whether a token that is nearly tied with another is decided alone, so that no reply depends on its
            batch. None: in float32 and float64. In lower precision ties are so frequent that it costs about what
            answering one at a time does.
    """

    def __init__(
        self,
        language: LanguageModel,
        taxonomy: Taxonomy,
        *,
        materials: Mapping[str, Any] | None = None,
        dials: Mapping[str, Dial] | None = None,
        prompts: PromptConfig | None = None,
        limits: Limits | None = None,
        exact: bool | None = None,
    ) -> None:
        self.language, self.taxonomy = language, taxonomy
        self.materials, self.dials = dict(materials or {}), dict(dials or {})
        self.limits, self.counts, self.lock = limits or Limits(), Counts(), threading.RLock()
        self.prompting = Prompting(language.tokenizer, prompts)
        self.levers = Levers(language.model)
        parts = anatomy(language.model)
        self.dtype = parts.dtype
        self.exact = self.dtype in (torch.float32, torch.float64) if exact is None else exact
        end = self.prompting.end
        why = refusal(parts)
        if why:
            logger.warning("%s: %s. Every row is computed on its own", language.name, why)
        self.generator = Generator(
            language.model,
            language.tokenizer,
            stop_tokens=end if len(end) == 1 else (),
            sharing="none" if why else "trie",
        )
        self._modules = tuple(language.model.modules())
        self._opened: dict[str, Drafting | Choosing] = {}

    def method(self, name: str) -> Drafting | Choosing:
        """The method opened on this engine; opened, and checked to change something, once.

        Raises:
            UnknownNameError: there is no such method.
            BadInputError: it lacks its material.
            NoEffectError: it changes nothing on this model.
        """
        with self.lock:
            if name not in self._opened:
                plugin = METHODS.get(name)
                opened = plugin.open(self, self.materials.get(name))
                if plugin.needs == "model":
                    assert isinstance(opened, Drafting)
                    check_effect(self, name, opened)
                self._opened[name] = opened
            return self._opened[name]

    def answer(self, requests: Sequence[Request], *, on_text: OnText | None = None) -> list[Reply]:
        """A reply to every request, in the order given.

        Args:
            requests: what is asked, with which steering, by which method, drawn how.
            on_text: told of new text as it comes. Of a request whose method keeps one of several candidates, it is told
                once, when one is kept.

        Raises:
            UnknownNameError: there is no such method.
            BadInputError: methods that don't compose; a prompt too long for the model; steering of another taxonomy.
        """
        session, done = self.session(), dict[int, Reply | Exception]()
        numbers = [
            session.add(
                request,
                on_done=partial(done.__setitem__, number),
                on_text=partial(on_text, number) if on_text else None,
            )
            for number, request in enumerate(requests)
        ]
        while session.step():
            if error := next((one for one in done.values() if isinstance(one, Exception)), None):
                raise error
        found = [done[number] for number in numbers]
        for one in found:
            if isinstance(one, Exception):
                raise one
        return [one for one in found if isinstance(one, Reply)]

    def evaluation(self) -> AbstractContextManager[None]:
        """Within it the model is in evaluation mode; costs nothing where it is."""
        training = any(module.training for module in self._modules)
        return evaluating(self.language.model) if training else nullcontext()

    def session(self) -> Session:
        """A batch that requests can join and leave between steps: what a serving process runs in a thread."""
        return Session(self)

    # What a session asks for

    def draft(self, request: Request) -> Draft:
        """What the request's methods make of the base's draft: those that change the prompt first."""
        steering = request.steering
        draft = Draft(to_show_both(request.ask, steering, self.taxonomy))
        if any(steering.vector):
            names = sorted(request.methods, key=lambda name: METHODS.get(name).needs != "prompt")
            share = steering.scaled(1 / len(names)) if len(names) > 1 else steering
            for name in names:
                method = self.method(name)
                assert isinstance(method, Drafting)
                draft = method.draft(draft, turned_by(self, request, name, share))
        return draft if draft.voices else replace(draft, voices=(Voice(draft.ask.who, 1.0),))

    def flight(
        self, request: Request, draft: Draft, number: int, on_done: OnDone, on_text: OnPiece | None = None
    ) -> Flight:
        """The request ready to take off, in the way that was drafted.

        Raises:
            BadInputError: a prompt is too long for the model.
        """
        prompts = tuple(self.prompting.ids(draft.ask, voice.who) for voice in draft.voices)
        decoding = self.prompting.decoding(draft.ask, request.decoding)
        limit = min(self.generator.limit(prompt, decoding) for prompt in prompts)
        base = self.prompting.ids(request.ask, request.ask.who)
        seed = prompt_seed(decoding.seed, base) if request.seed is None else request.seed
        told = (lambda _, text: on_text(text)) if on_text else None
        row = ReplyRow(number, limit, Draws(seed), decoding, self.language.tokenizer, told)
        return Flight(number, request, draft, prompts, row, on_done)
