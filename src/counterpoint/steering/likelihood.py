"""How likely a steered model finds what somebody else wrote: the engine's own steps, told which tokens to take.

For methods that generate. One that keeps one of several candidates has no likelihood; what it answers can be counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax
from torch import Tensor

from counterpoint.errors import BadInputError
from counterpoint.models.prompts import Prompter
from counterpoint.models.trie.check import evaluating
from counterpoint.steering.asking import Asked, Request
from counterpoint.steering.block import Block, Flight, groups
from counterpoint.steering.engine import Engine
from counterpoint.steering.method import METHODS


def log_probs(
    engine: Engine, requests: Sequence[Request], continuations: Sequence[Sequence[int]]
) -> list[tuple[float, ...]]:
    """Log-probability of each token of a given reply, nats, as generation at temperature 1 would draw it.

    Args:
        engine: whose model, methods and dials are used.
        requests: question and steering; decoding and seed are ignored.
        continuations: token ids of a reply to each.

    Raises:
        BadInputError: a method keeps one of several candidates, or a reply doesn't fit into the model's positions.
    """
    found: list[list[float]] = [[] for _ in requests]
    for number, place, row in _walk(engine, requests, continuations):
        found[number].append(float(row[continuations[number][place]]))
    return [tuple(row) for row in found]


class Scored(NamedTuple):
    """How likely a reply is, nats, and whether each of its tokens is the likeliest at its place."""

    log_prob: float
    likeliest: bool


def scored(engine: Engine, requests: Sequence[Request], continuations: Sequence[Sequence[int]]) -> list[Scored]:
    """`log_probs`, summed over each reply; same arguments and errors."""
    found = [Scored(0.0, True) for _ in requests]
    for number, place, row in _walk(engine, requests, continuations):
        token, before = continuations[number][place], found[number]
        found[number] = Scored(before.log_prob + float(row[token]), before.likeliest and int(row.argmax()) == token)
    return found


def options(engine: Engine, requests: Sequence[Request]) -> list[NDArray[np.float64]]:
    """Log-probability of each option of a dilemma as the letter of the reply, `[request]` of `[option]`, nats.

    Read where the reply has it and normalised over the options, as `LmScorer` reads letters; raises as `log_probs`.
    """
    prompter = Prompter(engine.language.tokenizer)
    leads, ends = [], []
    for request in requests:
        if not isinstance(request.ask, Asked) or request.ask.several:
            raise BadInputError("options are read of dilemmas that ask for one option")
        lead, letters = prompter.letters(request.ask.dilemma, form=request.ask.form)
        leads.append(lead)
        ends.append(letters)
    # the letter's place is one past the lead: any token may stand there, since only what is before it is read
    told = [(*lead, letters[0][0]) for lead, letters in zip(leads, ends, strict=True)]
    rows: dict[int, Tensor] = {n: row for n, place, row in _walk(engine, requests, told) if place == len(leads[n])}
    first = [[float(rows[n][letter[0]]) for letter in letters] for n, letters in enumerate(ends)]
    more = [(n, i) for n, letters in enumerate(ends) for i, letter in enumerate(letters) if len(letter) > 1]
    if more:  # a tokenizer whose letters aren't one token each
        whole = log_probs(engine, [requests[n] for n, _ in more], [(*leads[n], *ends[n][i]) for n, i in more])
        for (n, i), row in zip(more, whole, strict=True):
            first[n][i] = sum(row[len(leads[n]) :])
    return [np.asarray(log_softmax(row), np.float64) for row in first]


def _walk(
    engine: Engine, requests: Sequence[Request], told: Sequence[Sequence[int]]
) -> Iterator[tuple[int, int, Tensor]]:
    """(request, place, log-probabilities of the token of that place `[vocabulary]`) for every token told."""
    waiting = [_flight(engine, request, number, told[number]) for number, request in enumerate(requests)]
    while waiting:
        batch = [waiting.pop(0)]
        rows, longest = len(batch[0].prompts), batch[0].length
        while waiting:
            rows, longest = rows + len(waiting[0].prompts), max(longest, waiting[0].length)
            if rows > engine.limits.rows or rows * longest > engine.limits.tokens:
                break
            batch.append(waiting.pop(0))
        for group in groups(batch):
            yield from _walk_together(engine, [flight for flight in group if told[flight.number]], told)


def _walk_together(
    engine: Engine, flights: list[Flight], told: Sequence[Sequence[int]]
) -> Iterator[tuple[int, int, Tensor]]:
    if not flights:
        return
    with engine.lock, torch.no_grad(), evaluating(engine.language.model):
        block = Block(engine.generator, engine.levers, flights)
        while block.flights:
            _, found = block.step([len(flight.row.tokens) for flight in block.flights])
            logp = found.double().log_softmax(-1).cpu()
            for flight, row in zip(block.flights, logp, strict=True):
                place = len(flight.row.tokens)
                yield flight.number, place, row
                flight.row.tokens.append(int(told[flight.number][place]))
            block.keep([f for f in block.flights if len(f.row.tokens) < len(told[f.number])])


def _flight(engine: Engine, request: Request, number: int, told: Sequence[int]) -> Flight:
    for name in request.methods:
        if METHODS.get(name).needs == "candidates":
            raise BadInputError(f"{name} keeps one of several replies; how likely it finds one isn't defined")
    flight = engine.flight(request, engine.draft(request), number, _ignore)
    positions = getattr(engine.generator.parts.config, "max_position_embeddings", None)
    if positions is not None and flight.length - flight.row.limit + len(told) > positions:
        raise BadInputError(f"a prompt and {len(told)} tokens of its reply are longer than {positions} positions")
    return flight


def _ignore(_: object) -> None:
    """Nobody waits for these flights."""
