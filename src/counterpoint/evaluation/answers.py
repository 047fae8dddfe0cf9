"""Ask a scorer every test dilemma under both poles, in shuffled orders, and note what it said in the file's order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from counterpoint.data.order import shuffle_options
from counterpoint.evaluation.metrics import Answer, Row, choose, confidence, select
from counterpoint.evaluation.rules import RULES
from counterpoint.models.scorer import LogProbs, Scorer
from counterpoint.types import Dilemma, Taxonomy

Progress = Callable[[int], None]
CHUNK = 32
"""Dilemmas between two reports of progress."""


def order_of(dilemma: Dilemma, seed: int) -> tuple[int, ...]:
    """The order in which `shuffle_options(dilemma, seed)` shows the options: `[place] -> index in the file`."""
    place = {option.text: i for i, option in enumerate(dilemma.options)}
    return tuple(place[option.text] for option in shuffle_options(dilemma, seed).options)


def ask(
    scorer: Scorer,
    dilemmas: Sequence[Dilemma],
    taxonomy: Taxonomy,
    *,
    order_seed: int,
    progress: Progress | None = None,
) -> list[Answer]:
    """Both poles' answers to every dilemma with its options in the order drawn by `order_seed`."""
    answers: list[Answer] = []
    for start in range(0, len(dilemmas), CHUNK):
        chunk = dilemmas[start : start + CHUNK]
        orders = [order_of(dilemma, order_seed) for dilemma in chunk]
        shown = [dilemma.reordered(order) for dilemma, order in zip(chunk, orders, strict=True)]
        rows = scorer.score(shown, [taxonomy.by_name[dilemma.value_pair].poles for dilemma in chunk])
        for dilemma, order, row in zip(chunk, orders, rows, strict=True):
            answers += _both_sides(dilemma, taxonomy, order, row)
        if progress:
            progress(len(chunk))
    return answers


def _both_sides(dilemma: Dilemma, taxonomy: Taxonomy, order: tuple[int, ...], rows: LogProbs) -> list[Answer]:
    """Answers under the poles that have an option; indices go back to the file's order."""
    poles = taxonomy.by_name[dilemma.value_pair].poles
    return [
        _answer(dilemma, pole.name, order, rows[i], rows[1 - i])
        for i, pole in enumerate(poles)
        if dilemma.gold(pole.name)
    ]


def _answer(dilemma: Dilemma, pole: str, order: tuple[int, ...], target: Row, opposite: Row) -> Answer:
    in_file = np.empty(len(order))
    in_file[list(order)] = target
    return Answer(
        dilemma=dilemma.id,
        value_pair=dilemma.value_pair,
        pole=pole,
        gold=dilemma.gold(pole),
        log_probs=tuple(round(float(value), 6) for value in in_file),
        chosen=order[choose(target)],
        selected=tuple(sorted(order[i] for i in select(target, opposite))),
        confidence=round(confidence(target, opposite), 6),
    )


def ask_rule(
    rules: dict[str, str], dilemmas: Sequence[Dilemma], taxonomy: Taxonomy, *, order_seed: int | None
) -> list[Answer]:
    """Answers of the rule chosen for each pole; `order_seed` None keeps the file's order. Rules have no confidence."""
    answers = []
    for dilemma in dilemmas:
        order = tuple(range(len(dilemma.options))) if order_seed is None else order_of(dilemma, order_seed)
        shown = dilemma.reordered(order)
        for pole in taxonomy.by_name[dilemma.value_pair].poles:
            if dilemma.gold(pole.name) and pole.name in rules:
                picked = order[RULES[rules[pole.name]](shown)]
                gold = dilemma.gold(pole.name)
                answers.append(Answer(dilemma.id, dilemma.value_pair, pole.name, gold, (), picked, (picked,), None))
    return answers


def order_effect(first: Sequence[Answer], second: Sequence[Answer]) -> list[float]:
    """For each answer, 1 if another order of the options changed the choice: `[answer]`."""
    return [float(a.chosen != b.chosen) for a, b in zip(first, second, strict=True)]
