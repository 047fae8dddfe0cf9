"""Ask a model every test dilemma under both poles and read what it says, as the PFT paper does (arXiv 2604.12479).

Every pole is asked twice: for one option (Acc_one) and for all that fit (Acc_all). A reply that can't be read, or one
that names several options where one was asked for, is kept as an answer that is wrong and counted as `unreadable`.
Replies have no probabilities, so calibration is undefined.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from counterpoint.evaluation.answers import CHUNK, Progress, order_of
from counterpoint.evaluation.metrics import Answer
from counterpoint.models.answer_parser import ParsedAnswer, parse_answer
from counterpoint.types import Dilemma, Pole, Taxonomy

if TYPE_CHECKING:
    from counterpoint.models.lm_speaker import Question


class Speaker(Protocol):
    """What answers in words; `models.lm_speaker.LmSpeaker` is one."""

    def reply(self, questions: Sequence[Question]) -> list[str]:
        """The reply to every question, `[question]`."""
        ...


def ask_in_words(
    speaker: Speaker,
    dilemmas: Sequence[Dilemma],
    taxonomy: Taxonomy,
    *,
    order_seed: int,
    progress: Progress | None = None,
) -> list[Answer]:
    """Both poles' answers to every dilemma with its options in the order drawn by `order_seed`, as `answers.ask`."""
    answers: list[Answer] = []
    for start in range(0, len(dilemmas), CHUNK):
        chunk = dilemmas[start : start + CHUNK]
        answers += _ask_chunk(speaker, chunk, taxonomy, order_seed)
        if progress:
            progress(len(chunk))
    return answers


def _ask_chunk(speaker: Speaker, dilemmas: Sequence[Dilemma], taxonomy: Taxonomy, order_seed: int) -> list[Answer]:
    from counterpoint.models.lm_speaker import Question

    orders = [order_of(dilemma, order_seed) for dilemma in dilemmas]
    asked = [
        (dilemma, pole, order)
        for dilemma, order in zip(dilemmas, orders, strict=True)
        for pole in taxonomy.by_name[dilemma.value_pair].poles
        if dilemma.gold(pole.name)
    ]
    questions = [
        Question(dilemma.reordered(order), pole, several) for dilemma, pole, order in asked for several in (False, True)
    ]
    replies = speaker.reply(questions)
    return [_answer(*what, replies[2 * i], replies[2 * i + 1]) for i, what in enumerate(asked)]


def _answer(dilemma: Dilemma, pole: Pole, order: tuple[int, ...], one: str, several: str) -> Answer:
    """The answer two replies make; indices go back to the file's order."""
    texts = [dilemma.options[i].text for i in order]
    chosen, selected = (parse_answer(reply, len(order), texts=texts) for reply in (one, several))
    return Answer(
        dilemma=dilemma.id,
        value_pair=dilemma.value_pair,
        pole=pole.name,
        gold=dilemma.gold(pole.name),
        log_probs=(),
        chosen=None if chosen.choice is None else order[chosen.choice],
        selected=_selected(selected, order),
        confidence=None,
        replies=(one, several),
    )


def _selected(parsed: ParsedAnswer, order: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(order[i] for i in parsed.choices or ()))
