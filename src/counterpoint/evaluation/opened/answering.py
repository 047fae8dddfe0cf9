"""Answers in words to dilemmas, for either pole: by a language model, an endpoint, or a scorer's stand-in.

A pole is told in the question's last line, worded as training words it ("Who answers: ..."), so that what was learnt of
poles applies. Fluency is how likely the model without its adapter finds the reply, nobody in particular answering.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from counterpoint.authoring.calls import Call, Sampling
from counterpoint.authoring.calls import Message as Said
from counterpoint.authoring.llm import Client, Endpoint
from counterpoint.errors import BadInputError
from counterpoint.evaluation.answers import order_of
from counterpoint.evaluation.harm.measures import words
from counterpoint.evaluation.judging.pole_judge import asked_of
from counterpoint.evaluation.judging.together import together
from counterpoint.models.answer_parser import parse_answer
from counterpoint.models.decoding import Decoding
from counterpoint.models.scorer import Scorer
from counterpoint.steering.asking import BASE, Ask, Asked, Conversation, Request, note, text_of
from counterpoint.steering.steering import nothing
from counterpoint.types import Dilemma, Pole, Taxonomy, content_hash

if TYPE_CHECKING:
    from counterpoint.models.lm_scorer import LmScorer

Shown = Literal["question", "options"]
"""What is put: scenario and open question, or scenario, question and options, to be answered in words."""


@dataclass(frozen=True)
class Question:
    """One dilemma put to one pole."""

    dilemma: Dilemma
    pole: Pole
    seed: int
    """Of the draw, and of the options' order where they are shown."""


@dataclass(frozen=True)
class Written:
    """What came of a question."""

    text: str
    """What is judged: the reply; of one that names an option that was shown, that option's text and what else it says.
    Empty where nothing was said."""
    words: int
    log_perplexity: float | None
    """Of the reply under the model without adapter, nats a token; None where tokens aren't known."""


class Answerer(Protocol):
    """Somebody who answers."""

    @property
    def stand_in(self) -> str:
        """Empty, or why these are no answers of the model's own."""
        ...

    def answer(self, questions: Sequence[Question]) -> list[Written]:
        """`[question]`."""
        ...


class LmAnswerer:
    """A language model in process, with its adapter if it has one."""

    stand_in = ""

    def __init__(self, scorer: LmScorer, taxonomy: Taxonomy, *, shown: Shown, decoding: Decoding) -> None:
        from counterpoint.models.lm_scorer import LmScorer as Plain
        from counterpoint.steering.engine import Engine

        if type(scorer) is not Plain:
            raise BadInputError(f"{type(scorer).__name__}: examples and vectors answer by options alone; leave out it")
        self._language, self._nothing = scorer.language, nothing(taxonomy)
        self._shown, self._decoding = shown, decoding
        self._engine = Engine(scorer.language, taxonomy, prompts=scorer.prompter.config)

    def answer(self, questions: Sequence[Question]) -> list[Written]:
        """See `Answerer.answer`."""
        from counterpoint.steering.likelihood import log_probs

        asks = [_put(question, self._shown) for question in questions]
        requests = [
            Request(ask, self._nothing, BASE, self._decoding, seed=_seed(question))
            for ask, question in zip(asks, questions, strict=True)
        ]
        replies = self._engine.answer(requests)
        plain = [Request(_put(question, self._shown, who=None), self._nothing, BASE) for question in questions]
        with self._language.without_adapter():
            rows = log_probs(self._engine, plain, [reply.tokens for reply in replies])
        return [
            Written(_judged(ask, reply.text), words(reply.text), -math.fsum(row) / len(row) if row else None)
            for ask, reply, row in zip(asks, replies, rows, strict=True)
        ]


class EndpointAnswerer:
    """An OpenAI-compatible endpoint; answers are kept and paid for once."""

    stand_in = ""

    def __init__(
        self, endpoint: Endpoint, *, cache: Path, max_cost: float | None, shown: Shown, decoding: Decoding
    ) -> None:
        self._endpoint, self._cache, self._max_cost, self._shown = endpoint, cache, max_cost, shown
        self._sampling = Sampling(decoding.temperature, decoding.top_p, decoding.max_new_tokens)

    def answer(self, questions: Sequence[Question]) -> list[Written]:
        """See `Answerer.answer`; raises as `ModelJudge.grade`."""

        async def one(question: Question, client: Client) -> Written:
            ask = _put(question, self._shown)
            call = Call((Said("user", _in_words(ask)),), self._sampling, seed=question.seed, step="answer")
            text = (await client.ask(call)).text.strip()
            return Written(_judged(ask, text), words(text), None)

        return together(self._endpoint, questions, one, cache=self._cache, max_cost=self._max_cost, run="answers")


class StandIn:
    """A scorer that has no words: the text of the option that it puts first is taken for its answer."""

    stand_in = "it has no words: the text of the option that it puts first is taken for its answer"

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer

    def answer(self, questions: Sequence[Question]) -> list[Written]:
        """See `Answerer.answer`.

        Raises:
            BadInputError: a question has no options.
        """
        if not all(question.dilemma.options for question in questions):
            raise BadInputError("a scorer has no words, and these questions no options that could stand in for them")
        rows = self._scorer.score([q.dilemma for q in questions], [[q.pole] for q in questions])
        texts = [q.dilemma.options[int(row[0].argmax())].text for q, row in zip(questions, rows, strict=True)]
        return [Written(text, words(text), None) for text in texts]


def answerer_of(scorer: Scorer, taxonomy: Taxonomy, *, shown: Shown, decoding: Decoding) -> Answerer:
    """Whoever can answer with this scorer's model."""
    if hasattr(scorer, "language"):
        return LmAnswerer(scorer, taxonomy, shown=shown, decoding=decoding)  # type: ignore[arg-type]
    return StandIn(scorer)


def _put(question: Question, shown: Shown, *, who: Pole | Literal["the pole"] | None = "the pole") -> Ask:
    """The question as it is put, to its pole or to somebody else."""
    pole = question.pole if who == "the pole" else who
    if shown == "options":
        return Asked(question.dilemma.reordered(order_of(question.dilemma, question.seed)), pole)
    conversation = Conversation.said(asked_of(question.dilemma))
    return Conversation(conversation.messages, pole)


def _in_words(ask: Ask) -> str:
    """The user's turn for an endpoint."""
    shown = isinstance(ask, Asked)
    parts = [text_of(ask), "Say in one or two sentences what you do and why." if shown else ""]
    return "\n\n".join([*filter(None, parts), *([note(ask.who)] if ask.who else [])])


def _judged(ask: Ask, reply: str) -> str:
    """The reply; where options were shown and one is named, its text and the reason given for it."""
    if isinstance(ask, Conversation):
        return reply.strip()
    options = ask.dilemma.options
    parsed = parse_answer(reply, len(options), texts=[option.text for option in options])
    if parsed.choice is None:
        return reply.strip()
    return f"{options[parsed.choice].text} {parsed.explanation or ''}".strip()


def _seed(question: Question) -> int:
    """Its own for every dilemma, pole and draw."""
    return int(content_hash(question.dilemma.digest, question.pole.name, question.seed)[:8], 16)
