"""Training on conversations, one tree each: what was said is its trunk, both replies of every turn its branches.

ALOE (Wu et al. 2024, arXiv 2410.03642): supervised fine-tuning on the preferred replies, mixed with general chat data,
then direct preference optimisation (Rafailov et al. 2023, arXiv 2305.18290) of preferred against rejected at every
turn, beta 0.9, from the fine-tuned model, which is also the reference. No prompt says anything of the persona. Where we
depart from the paper: an adapter is trained (its change is added into the weights between the two stages), and turns
weigh the same instead of tokens.

A loss is the mean over turns, whatever conversations they are in, of the mean over examples that the engine computes:
each turn is a side of weight 1 / (turns a conversation on average).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal, NamedTuple

from torch import Tensor

from counterpoint.data.conversations import Conversation, Said, Turn
from counterpoint.errors import BadInputError
from counterpoint.models.language_model import PREFIX, LanguageModel, LoraSettings
from counterpoint.models.prompts import Prompter
from counterpoint.models.trie import Branch, Shape, build_plan, saving
from counterpoint.models.trie.anatomy import anatomy
from counterpoint.training.lm.checkpoints import open_folder
from counterpoint.training.lm.plan import TrainingPlan, steps_of
from counterpoint.training.lm.rows import Lengths, Row, Rows
from counterpoint.training.lm.settings import TINY, LmTraining, check, is_tiny, warm_up
from counterpoint.training.lm.train import run_plan
from counterpoint.training.losses import mean_over_examples, side_dpo, side_nll
from counterpoint.training.objective import BranchScores, Example
from counterpoint.training.settings import Point, Report
from counterpoint.types import Dilemma, ValuePair, content_hash

BETA = 0.9
"""Weight of the reference in ALOE's DPO."""

Stage = Literal["sft", "dpo"]
StageReport = Callable[[Stage, Point, int], None]
"""Told of every step: stage, loss so far, steps in all."""

Chat = Sequence[Said]
"""General chat data: messages in turns, of which the assistant's are learned."""


@dataclass(frozen=True)
class AloeTraining:
    """Both stages. Defaults are ALOE's where an adapter leaves room for them."""

    sft: LmTraining = field(
        default_factory=lambda: LmTraining(epochs=1, batch=1, accumulate=48, learning_rate=1e-5, max_tokens=8192)
    )
    """On preferred replies: learning rate 1e-5, 1 epoch, 48 sequences a step (ALOE packs them to 8,192 tokens; a tree
    needs no packing)."""
    dpo: LmTraining = field(
        default_factory=lambda: LmTraining(epochs=1, batch=4, accumulate=12, learning_rate=1e-5, max_tokens=8192)
    )
    """Preferred against rejected: learning rate 1e-5, 1 epoch, 4 x 12 a step. ALOE counts turns where this counts
    conversations: divide by the turns of one for its number of updates."""
    beta: float = BETA
    """Weight of the reference."""


_WHOLE_LAYERS = LoraSettings(
    rank=32,
    alpha=64,
    dropout=0.0,
    modules=("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
)
TINY_ALOE = AloeTraining(
    sft=replace(TINY, lora=_WHOLE_LAYERS, epochs=3, batch=8, learning_rate=3e-3, max_tokens=4096),
    dpo=replace(TINY, lora=_WHOLE_LAYERS, epochs=1, batch=8, learning_rate=5e-4, max_tokens=4096),
)
"""For `lm:tiny`, which learns nothing at ALOE's learning rate and has never had to look back beyond a turn."""


def defaults_for(model: str) -> AloeTraining:
    """The settings for a model's name: `TINY_ALOE` for `lm:tiny`, otherwise ALOE's."""
    return TINY_ALOE if is_tiny(model) else AloeTraining()


@dataclass(frozen=True)
class PreferredReplies:
    """Negative log-likelihood of preferred replies, mean over a reply's tokens: nats."""

    needs_reference = False
    needs_rejected = False

    def examples(self, dilemma: Dilemma, pair: ValuePair) -> tuple[Example, ...]:  # noqa: ARG002
        """None: this is for conversations."""
        return ()

    def loss(self, scores: BranchScores) -> Tensor:
        """Weighted sum over turns, mean over conversations: a scalar, nats."""
        return mean_over_examples(side_nll(scores), scores)


@dataclass(frozen=True)
class PreferredOverRejected:
    """DPO at every turn. Worked example: the preferred reply gained 1 nat over the reference, the rejected one lost 1;
    with beta 0.9, L = -ln sigmoid(0.9 * 2) = 0.153 nats."""

    beta: float = BETA
    needs_reference = True
    needs_rejected = True

    def examples(self, dilemma: Dilemma, pair: ValuePair) -> tuple[Example, ...]:  # noqa: ARG002
        """None: this is for conversations."""
        return ()

    def loss(self, scores: BranchScores) -> Tensor:
        """Weighted sum over turns, mean over conversations: a scalar, nats."""
        return mean_over_examples(side_dpo(scores, beta=self.beta), scores)


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


def train_aloe(
    language: LanguageModel,
    conversations: Sequence[Conversation],
    training: AloeTraining | None = None,
    *,
    seed: int,
    out: Path,
    chats: Sequence[Chat] = (),
    stages: Sequence[Stage] = ("sft", "dpo"),
    report: StageReport | None = None,
) -> LanguageModel:
    """Both stages; returns the trained model. The same call with the same `out` goes on where a killed one was.

    `out` gets `sft/` and `dpo/` (checkpoints), `sft_model/` (the model after the first stage, whole) and, after the
    second, `adapter/`, which is loaded as `lm:<out>/adapter` and belongs to `sft_model/`.

    Raises:
        BadInputError: nothing to train on, settings are wrong, or `out` holds another training.
        TrainingDivergedError: a loss became infinite or NaN.
    """
    training = training or defaults_for(language.name)
    data = [[conversation.digest for conversation in conversations], [list(map(list, chat)) for chat in chats]]
    settings = [asdict(replace(part, save_steps=1, report_to=())) for part in (training.sft, training.dpo)]
    open_folder(out, content_hash("aloe", language.identity, data, settings, training.beta, seed, list(stages)))
    if "sft" in stages:
        where = out / "sft_model"
        if not where.is_dir():
            prompter = Prompter(language.tokenizer)
            rows = conversation_rows(conversations, prompter, training.sft, stage="sft", chats=chats)
            _run(language, rows, PreferredReplies(), training.sft, seed, out / "sft", _told("sft", report))
            _write_whole(language, where)
        language = LanguageModel.load(f"{PREFIX}{where}", dtype=language.model.dtype, device=str(language.device))
    if "dpo" in stages:
        rows = conversation_rows(conversations, Prompter(language.tokenizer), training.dpo, stage="dpo")
        objective = PreferredOverRejected(training.beta)
        folder = out / "dpo"
        _run(language, rows, objective, training.dpo, seed, folder, _told("dpo", report))
        language.save(out / "adapter")
    return language


def plan_conversations(rows: Rows, shape: Shape, settings: LmTraining) -> TrainingPlan:
    """What `run_plan` needs of rows already made."""
    check(settings)
    steps = settings.steps or steps_of(len(rows.rows), settings.batch, settings)
    return TrainingPlan(rows, saving(rows.plans(), shape), settings.batch, steps, warm_up(settings, steps))


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


def _run(
    language: LanguageModel,
    rows: Rows,
    objective: PreferredReplies | PreferredOverRejected,
    settings: LmTraining,
    seed: int,
    out: Path,
    report: Report | None,
) -> None:
    plan = plan_conversations(rows, Shape.of(anatomy(language.model).config), settings)
    run_plan(language, plan, objective, settings, seed=seed, out=out, report=report)


def _write_whole(language: LanguageModel, where: Path) -> None:
    """The model with its adapter's change in its weights, as a folder of its own: whole or not at all."""
    if getattr(language.model, "is_loaded_in_4bit", False):
        raise BadInputError("an adapter can't be added into 4-bit weights exactly; load the model without quantisation")
    merged = language.model.merge_and_unload()
    with tempfile.TemporaryDirectory(dir=where.parent, prefix="sft-model-") as temporary:
        folder = Path(temporary) / "model"
        merged.save_pretrained(folder, safe_serialization=True)
        language.tokenizer.save_pretrained(folder)
        folder.rename(where)


def _told(stage: Stage, report: StageReport | None) -> Report | None:
    return None if report is None else lambda point, steps: report(stage, point, steps)
