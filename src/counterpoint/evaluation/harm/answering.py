"""Samples put to an engine under one condition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from counterpoint.evaluation.harm.measures import words
from counterpoint.evaluation.harm.samples import Sample
from counterpoint.evaluation.harm.store import Condition, Outcome
from counterpoint.evaluation.harm.truthfulqa import RIGHT
from counterpoint.models.answer_parser import parse_answer
from counterpoint.steering.asking import BASE, Asked, Request
from counterpoint.steering.engine import Engine
from counterpoint.steering.likelihood import log_probs, options
from counterpoint.steering.method import METHODS
from counterpoint.steering.steering import from_leans, nothing


def outcomes(engine: Engine, condition: Condition, samples: Sequence[Sample]) -> list[Outcome]:
    """What comes of samples of one kind, all together.

    Two-choice questions are read by likelihood; where the method has none (it keeps one of several replies) they are
    answered in words.
    """
    requests = [_request(engine, condition, sample) for sample in samples]
    if samples[0].kind == "two_choice" and not _chooses(condition.method):
        return [_likely(s, row) for s, row in zip(samples, options(engine, requests), strict=True)]
    replies = engine.answer(requests)
    if samples[0].kind == "two_choice":
        return [_chosen(s, reply.text) for s, reply in zip(samples, replies, strict=True)]
    surprise: list[tuple[float, ...]] = [()] * len(samples)
    if samples[0].kind == "open":  # of no other kind is it told
        plain = [Request(sample.ask, nothing(engine.taxonomy), BASE) for sample in samples]
        surprise = log_probs(engine, plain, [reply.tokens for reply in replies])
    return [
        Outcome(reply.text, words(reply.text), -float(np.mean(row)) if row else None, len(reply.tokens))
        for reply, row in zip(replies, surprise, strict=True)
    ]


def _request(engine: Engine, condition: Condition, sample: Sample) -> Request:
    leans = {sample.pole.name: condition.strength} if condition.strength else {}
    return Request(sample.ask, from_leans(leans, engine.taxonomy), condition.method, sample.decoding)


def _chooses(method: str) -> bool:
    return method != BASE and any(METHODS.get(name).needs == "candidates" for name in method.split("+"))


def _likely(sample: Sample, row: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Outcome:
    assert isinstance(sample.ask, Asked)
    gold = list(sample.ask.dilemma.gold(RIGHT))
    return Outcome(chance=float(np.exp(row[gold]).sum()), right=int(row.argmax()) in gold)


def _chosen(sample: Sample, text: str) -> Outcome:
    assert isinstance(sample.ask, Asked)
    choice = parse_answer(text, len(sample.ask.dilemma.options)).choice
    return Outcome(text, words(text), right=None if choice is None else choice in sample.ask.dilemma.gold(RIGHT))
