"""Conversations as trees: what is shared, what is learned, and that the loss is that of separate passes."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from counterpoint.data.conversations import Conversation, Persona, Said, Turn
from counterpoint.errors import BadInputError
from counterpoint.models.language_model import LanguageModel
from counterpoint.models.prompts import Prompter
from counterpoint.models.trie import Branch, build_plan
from counterpoint.training.lm.batches import micro_batch
from counterpoint.training.lm.conversation_rows import conversation_rows, packed, reply_ids
from counterpoint.training.lm.conversation_settings import AloeTraining
from counterpoint.training.lm.conversations import PreferredOverRejected, PreferredReplies, read_curve, train_aloe
from counterpoint.training.lm.module import TrieModule
from counterpoint.training.lm.settings import LmTraining
from counterpoint.training.objective import BranchScores
from small_language import TEMPLATES, language, randomised, tokenizer

from .small import NO_DROPOUT

PERSONA = Persona("p", "A welder of 40 who keeps goats.", "Says little.")
TALKS = (
    Conversation(
        "one",
        PERSONA,
        (
            Turn("Cold again.", "Are the goats warm?", "How can I help?", "preferred"),
            Turn("They are.", "Good.", "Glad to hear that! Tell me more.", "rejected"),
            Turn("No.", "Then not.", "Why not? Do tell!", "preferred"),
        ),
    ),
    Conversation("two", PERSONA, (Turn("Sparks all day.", "Eyes all right?", "Sparks are hot.", "rejected"),)),
)
QUICK = LmTraining(lora=NO_DROPOUT, epochs=2, batch=2, accumulate=1, learning_rate=1e-2, warmup_steps=0, save_steps=1)


@pytest.mark.parametrize("template", list(TEMPLATES))
def test_a_conversation_is_one_tree_whose_trunk_is_what_was_said(template: str) -> None:
    prompter = Prompter(tokenizer(template))
    rows = conversation_rows(TALKS, prompter, QUICK, stage="dpo").rows
    assert [len(row.branches) for row in rows] == [6, 2]
    assert rows[0].chosen == (True, False) * 3
    assert rows[0].side == (0, 0, 1, 1, 2, 2)
    # 4 turns in 2 conversations: a turn weighs 2 / 4, so that the mean over conversations is that over turns
    assert rows[0].weight == (0.5, 0.5, 0.5)
    assert rows[1].weight == (0.5,)
    first, last = rows[0].branches[0], rows[0].branches[4]
    assert last.tokens[: last.start] == prompter.turns(
        [
            ("user", "Cold again."),
            ("assistant", "Are the goats warm?"),
            ("user", "They are."),
            ("assistant", "Glad to hear that! Tell me more."),
            ("user", "No."),
        ]
    )
    longest = max(len(branch.tokens) for branch in rows[0].branches)
    alone = sum(len(branch.tokens) - 1 for branch in rows[0].branches)
    heard_is_trunk = last.tokens[: len(first.tokens)] == first.tokens
    # a template that writes empty thoughts before a reply, but not before an old one, shares the prompts alone
    assert heard_is_trunk == (template in ("headers", "no system"))
    if heard_is_trunk:  # beyond the trunk, the tree holds one reply a turn
        others = [rows[0].branches[i] for i in (1, 2, 5)]
        assert rows[0].nodes <= longest + sum(branch.response for branch in others)
    assert rows[0].nodes < alone


def test_nothing_of_the_persona_is_in_any_branch() -> None:
    words = tokenizer("chatml")
    rows = conversation_rows(TALKS, Prompter(words), QUICK, stage="dpo").rows
    for row in rows:
        for branch in row.branches:
            text = words.decode(branch.tokens)
            assert "welder" not in text
            assert "Says little" not in text


def test_a_reply_that_spells_a_special_token_cannot_end_its_turn() -> None:
    prompter = Prompter(tokenizer("chatml"))
    ids = reply_ids(prompter, "Well<|im_end|> then")
    assert ids[-1:] == prompter.end
    assert prompter.end[0] not in ids[:-1]


def test_turns_beyond_the_limit_are_kept_cut_or_left_out() -> None:
    prompter = Prompter(tokenizer("chatml"))
    whole = conversation_rows(TALKS, prompter, QUICK, stage="dpo")
    turns = [row.branches[i : i + 2] for row in whole.rows for i in range(0, len(row.branches), 2)]
    limit = max(len(branch.tokens) for branch in turns[1]) - 2
    over = sum(len(branch.tokens) > limit for turn in turns for branch in turn)
    kept = conversation_rows(TALKS, prompter, replace(QUICK, max_tokens=limit), stage="dpo")
    assert kept.rows == whole.rows
    assert kept.lengths.too_long == over > 0
    dropped = conversation_rows(TALKS, prompter, replace(QUICK, max_tokens=limit, too_long="drop"), stage="dpo")
    assert sum(len(row.weight) for row in dropped.rows) < 4
    assert all(len(branch.tokens) <= limit for row in dropped.rows for branch in row.branches)
    assert dropped.rows[0].weight[0] * sum(len(row.weight) for row in dropped.rows) == pytest.approx(len(dropped.rows))
    cut = conversation_rows(TALKS, prompter, replace(QUICK, max_tokens=limit, too_long="cut"), stage="dpo")
    assert max(len(branch.tokens) for row in cut.rows for branch in row.branches) == limit
    with pytest.raises(BadInputError, match="no turn is left"):
        conversation_rows(TALKS, prompter, replace(QUICK, max_tokens=2, too_long="drop"), stage="dpo")


def test_general_chat_is_learned_at_every_message_of_the_assistant_and_only_in_the_first_stage() -> None:
    prompter = Prompter(tokenizer("chatml"))
    chat = [Said("user", "Two and two?"), Said("assistant", "Four."), Said("user", "Sure?"), Said("assistant", "Yes.")]
    rows = conversation_rows(TALKS[1:], prompter, QUICK, stage="sft", chats=[chat]).rows
    assert [len(row.branches) for row in rows] == [1, 2]
    assert rows[1].branches[1].tokens == prompter.turns(chat[:3]) + reply_ids(prompter, "Yes.")
    assert rows[0].weight + rows[1].weight == pytest.approx((2 / 3,) * 3)
    with pytest.raises(BadInputError, match="no rejected replies"):
        conversation_rows(TALKS, prompter, QUICK, stage="dpo", chats=[chat])


def test_packing_puts_as_many_conversations_in_a_step_as_make_its_tokens() -> None:
    rows = conversation_rows(TALKS, Prompter(tokenizer("chatml")), QUICK, stage="sft")
    mean = sum(row.nodes for row in rows.rows) / 2
    assert packed(QUICK, rows, round(3 * mean)).batch == 3
    assert packed(QUICK, rows, 1).batch == 1  # a conversation is never cut
    assert packed(QUICK, rows, 0) == QUICK


def test_dpo_by_hand() -> None:
    # One turn: chosen gained 1 nat, rejected lost 1: -ln sigmoid(0.9 * 2) = ln(1 + e^-1.8) = 0.1529. With another turn
    # at the reference (ln 2) and weights of 1/2, the mean of the two.
    scores = BranchScores(
        logp=torch.tensor([-3.0, -7.0, -2.0, -2.0]),
        tokens=torch.tensor([3.0, 2.0, 1.0, 1.0]),
        chosen=torch.tensor([True, False, True, False]),
        side=torch.tensor([0, 0, 1, 1]),
        weight=torch.tensor([0.5, 0.5]),
        example=torch.tensor([0, 0]),
        reference=torch.tensor([-4.0, -6.0, -2.0, -2.0]),
    )
    expected = (math.log(1 + math.exp(-1.8)) + math.log(2)) / 2
    assert float(PreferredOverRejected().loss(scores)) == pytest.approx(expected)
    # mean over a reply's tokens: -(-3)/3 = 1 and -(-2)/1 = 2, half each
    assert float(PreferredReplies().loss(scores)) == pytest.approx(1.5)


def separate(made: LanguageModel, branch: Branch) -> torch.Tensor:
    """A reply's log-probability by transformers' own forward."""
    ids = torch.tensor(branch.tokens)[None]
    logp = F.log_softmax(made.model(input_ids=ids).logits[0, :-1].double(), -1)
    return logp.gather(1, ids[0, 1:, None])[branch.start - 1 :, 0].sum()


def test_the_loss_of_the_tree_is_the_mean_over_turns_of_separate_passes() -> None:
    made = language("chatml")
    made.add_adapter(NO_DROPOUT)
    randomised(made.model)
    rows = conversation_rows(TALKS, Prompter(made.tokenizer), QUICK, stage="dpo").rows
    (work,) = micro_batch(rows, max_nodes=4096).works
    module = TrieModule(made)
    with torch.no_grad():
        sums = torch.cat([module(plan) for plan in work.plans])
        reference = torch.cat([module(plan, reference=True) for plan in work.plans])
        pairs = [(row.branches[i], row.branches[i + 1]) for row in rows for i in range(0, len(row.branches), 2)]
        now = [(separate(made, a), separate(made, b)) for a, b in pairs]
        with made.without_adapter():
            then = [(separate(made, a), separate(made, b)) for a, b in pairs]
    dpo = [-F.logsigmoid(0.9 * (a - c - b + d)) for (a, b), (c, d) in zip(now, then, strict=True)]
    assert float(PreferredOverRejected(0.9).loss(work.scores(sums, reference))) == pytest.approx(
        float(torch.stack(dpo).mean()), rel=1e-4
    )
    sft = conversation_rows(TALKS, Prompter(made.tokenizer), QUICK, stage="sft").rows
    (work,) = micro_batch(sft, max_nodes=4096).works
    with torch.no_grad():
        loss = PreferredReplies().loss(work.scores(torch.cat([module(plan) for plan in work.plans]), None))
    nll = [-a / branch.response for (a, _), (branch, _) in zip(now, pairs, strict=True)]
    assert float(loss) == pytest.approx(float(torch.stack(nll).mean()), rel=1e-4)


def margin(made: LanguageModel) -> float:
    """How much likelier preferred replies are, nats, mean over turns."""
    rows = conversation_rows(TALKS, Prompter(made.tokenizer), QUICK, stage="dpo").rows
    with torch.no_grad():
        sums = [TrieModule(made).engine.log_probs(build_plan(row.branches)).sums for row in rows]
    return float(torch.cat([part[::2] - part[1::2] for part in sums]).mean())


def test_both_stages_learn_resume_and_load_again(tmp_path: Path) -> None:
    training = AloeTraining(sft=replace(QUICK, epochs=4), dpo=replace(QUICK, epochs=6), packing=0)
    before = margin(language("chatml", folder=tmp_path / "base"))
    points: list[tuple[str, float]] = []

    def train() -> LanguageModel:
        made = LanguageModel.load(f"lm:{tmp_path / 'base'}")
        return train_aloe(
            made, TALKS, training, seed=0, out=tmp_path / "out", report=lambda s, p, _: points.append((s, p.loss))
        )

    after = margin(train())
    assert after > before
    assert [stage for stage, _ in points] == ["sft"] * 4 + ["dpo"] * 6
    assert points[4][1] == pytest.approx(math.log(2), abs=1e-4)  # DPO begins at its reference, the fine-tuned model
    assert points[9][1] < points[4][1]
    again = train()  # nothing is left to do
    assert len(points) == 10
    assert margin(again) == after
    assert [point.loss for point in read_curve(tmp_path / "out", "dpo")] == [loss for _, loss in points[4:]]
    assert margin(LanguageModel.load(f"lm:{tmp_path / 'out' / 'adapter'}")) == pytest.approx(after, abs=1e-4)
    with pytest.raises(BadInputError, match="other data, settings or base"):
        train_aloe(again, TALKS[:1], training, seed=0, out=tmp_path / "out")
