"""Replies of an `lm:` model in process: many requests together, each steered in its own way.

    engine = Engine(LanguageModel.load("lm:tiny"), taxonomy("toy"))
    steering = from_leans({"Hare": 1.5}, engine.taxonomy)
    replies = engine.answer([Request(Asked(dilemma), steering, "mixture")], on_text=print)

A reply doesn't depend on those beside it: at temperature 0 its tokens are those it gets alone. The model is changed
within a step only and is bit-identical between steps, whatever is raised inside one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from counterpoint.models.language_model import LanguageModel
from counterpoint.steering.asking import OnText, Reply, Request
from counterpoint.steering.method import Choosing, Dial, Drafting
from counterpoint.types import Taxonomy


class Engine:
    """One model, its methods and their materials.

    Args:
        language: the model, with its adapter if it has one. Nobody else may use it while a step is running.
        taxonomy: whose pairs are steered.
        materials: method's name to what it was given or trained, an object or a folder; see each method's `open`.
        dials: method's name to its calibration; strengths go to the method as they are where it has none.
        max_rows: rows of the model in one step at most (a reply takes one or more).
        exact: whether a reply that is nearly tied between two tokens is computed alone for that step, so that its
            tokens never depend on the batch. None: yes in float32 and float64; in lower precision ties are so
            frequent that it costs about what answering one at a time does.
    """

    def __init__(
        self,
        language: LanguageModel,
        taxonomy: Taxonomy,
        *,
        materials: Mapping[str, Any] | None = None,
        dials: Mapping[str, Dial] | None = None,
        max_rows: int = 192,
        exact: bool | None = None,
    ) -> None:
        self.language, self.taxonomy = language, taxonomy
        self.materials, self.dials = dict(materials or {}), dict(dials or {})
        self.max_rows, self.exact = max_rows, exact

    def method(self, name: str) -> Drafting | Choosing:
        """The method opened on this engine; opened once.

        Raises:
            UnknownNameError: there is no such method.
            BadInputError, NoEffectError: it can't be opened here.
        """
        raise NotImplementedError

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
        raise NotImplementedError

    def session(self) -> Session:
        """A batch that requests can join and leave between steps: what a serving process runs in a thread."""
        raise NotImplementedError


class Session:
    """Requests on their way. Not for several threads at once; sessions of one engine take turns by its lock.

    session = engine.session()
    while serving:
        for request in arrived(wait=not session.active):
            session.add(request, on_text=..., on_done=...)
        session.step()
    """

    @property
    def active(self) -> int:
        """Requests that are not done."""
        raise NotImplementedError

    def add(self, request: Request, *, on_text: Any = None, on_done: Any = None) -> int:
        """Let one more join before the next step; returns its number.

        Args:
            request: what is wanted.
            on_text: called with new text as it comes, from within `step`.
            on_done: called with the `Reply`, or with the exception that ended this request.

        Raises:
            UnknownNameError, BadInputError: as `Engine.answer`; nothing joined then.
        """
        raise NotImplementedError

    def cancel(self, number: int) -> None:
        """Forget a request; nothing more is called for it."""
        raise NotImplementedError

    def step(self) -> int:
        """One more token for every request on its way; returns how many are left. An exception leaves the others."""
        raise NotImplementedError
