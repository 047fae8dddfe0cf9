"""Conversations to rows: one tree each, what was said its trunk, the replies of every turn its branches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from counterpoint.data.conversations import Conversation, Said, Turn
from counterpoint.errors import BadInputError
from counterpoint.models.prompts import Prompter
from counterpoint.models.trie import Branch, Shape, build_plan, saving
from counterpoint.training.lm.conversation_settings import Stage
from counterpoint.training.lm.plan import TrainingPlan, steps_of
from counterpoint.training.lm.rows import Lengths, Row, Rows
from counterpoint.training.lm.settings import LmTraining, check, warm_up

Chat = Sequence[Said]
"""General chat data: messages in turns, of which the assistant's are learned."""


class _Turn(NamedTuple):
    """What a reply answers, and the replies, the one to be learned first, as token ids."""

    prompt: tuple[int, ...]
    replies: tuple[tuple[int, ...], ...]


def conversation_rows(
    conversations: Sequence[Conversation],
    prompter: Prompter,
    settings: LmTraining,
    *,
    stage: Stage,
    chats: Sequence[Chat] = (),
) -> Rows:
    """A row a conversation: for `sft` the preferred reply of every turn, for `dpo` the rejected one too.

    A turn too long for `settings.max_tokens` is kept, cut at the end of its replies or left out as `too_long` says.

    Args:
        conversations: whose replies are learned.
        prompter: of the model's tokenizer.
        settings: `max_tokens` and `too_long` are read.
        stage: which replies.
        chats: general chat data, in `sft` only.

    Raises:
        BadInputError: there is nothing to train on, or chats are given to `dpo`.
    """
    if stage == "dpo" and chats:
        raise BadInputError("general chat data has no rejected replies; give it to the stage 'sft' only")
    every = [[_turn(prompter, c.before(i), _texts(t, stage)) for i, t in enumerate(c.turns)] for c in conversations]
    every += [
        [_turn(prompter, chat[:i], (said.text,)) for i, said in enumerate(chat) if i and said.role == "assistant"]
        for chat in chats
    ]
    sizes = [len(turn.prompt) + len(reply) for turns in every for turn in turns for reply in turn.replies]
    kept = [[short for turn in turns if (short := _within(turn, settings))] for turns in every]
    full = [turns for turns in kept if turns]
    if not full:
        raise BadInputError(f"nothing to train on: {len(every)} conversations, of which no turn is left")
    after = [len(turn.prompt) + len(reply) for turns in full for turn in turns for reply in turn.replies]
    lengths = Lengths(
        branches=len(sizes),
        longest=max(sizes),
        too_long=sum(size > settings.max_tokens for size in sizes),
        cut=sum(size == settings.max_tokens for size in after) if settings.too_long == "cut" else 0,
        dropped_examples=len(every) - len(full),
    )
    weight = len(full) / sum(len(turns) for turns in full)
    return Rows(tuple(_row(turns, weight) for turns in full), lengths, 1.0)


def plan_conversations(rows: Rows, shape: Shape, settings: LmTraining, *, processes: int = 1) -> TrainingPlan:
    """What `run_plan` needs of rows already made. A micro-batch is in conversations."""
    check(settings)
    steps = settings.steps or steps_of(len(rows.rows), settings.batch * processes, settings)
    return TrainingPlan(rows, saving(rows.plans(), shape), settings.batch, steps, warm_up(settings, steps))


def packed(settings: LmTraining, rows: Rows, tokens: int) -> LmTraining:
    """The settings with as many conversations in a micro-batch as make a packed sequence of so many tokens, on average.

    What packing decides is how much a step holds; that no conversation sees another is the trees' own.
    """
    if not tokens:
        return settings
    mean = sum(row.nodes for row in rows.rows) / len(rows.rows)
    return replace(settings, batch=max(1, round(tokens / mean)))


def _texts(turn: Turn, stage: Stage) -> tuple[str, ...]:
    return (turn.preferred,) if stage == "sft" else (turn.preferred, turn.rejected)


def _turn(prompter: Prompter, chat: Chat, texts: Sequence[str]) -> _Turn:
    prompt = prompter.turns([(said.role, said.text) for said in chat])
    return _Turn(prompt, tuple(reply_ids(prompter, text) for text in texts))


def reply_ids(prompter: Prompter, text: str) -> tuple[int, ...]:
    """A reply with its end of turn; special tokens that the text spells are broken apart, so that it can't end a turn.

    Between the special tokens of a chat template texts are tokenised each by itself, so that a reply's ids are those
    that the next turn's prompt has in its place, and the tree shares them.
    """
    for token in prompter.tokenizer.all_special_tokens:
        if len(token) > 1:
            text = text.replace(token, f"{token[0]} {token[1:]}")
    ids = prompter.tokenizer(text, add_special_tokens=False)["input_ids"]
    return tuple(ids) + prompter.end


def _within(turn: _Turn, settings: LmTraining) -> _Turn | None:
    """The turn within the limit on tokens, or None where it is left out."""
    room = settings.max_tokens - len(turn.prompt)
    if settings.too_long == "keep" or all(len(reply) <= room for reply in turn.replies):
        return turn
    if settings.too_long == "drop" or room < 1:
        return None
    return _Turn(turn.prompt, tuple(reply[:room] for reply in turn.replies))


def _row(turns: Sequence[_Turn], weight: float) -> Row:
    branches = tuple(Branch(turn.prompt + reply, len(turn.prompt)) for turn in turns for reply in turn.replies)
    return Row(
        branches=branches,
        chosen=tuple(place == 0 for turn in turns for place in range(len(turn.replies))),
        side=tuple(side for side, turn in enumerate(turns) for _ in turn.replies),
        weight=(weight,) * len(turns),
        nodes=len(build_plan(branches)),
    )
