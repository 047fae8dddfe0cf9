"""A step's gradient against losses written by hand on transformers' ordinary forward, in double precision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from counterpoint.data import shuffle_options
from counterpoint.models.language_model import LanguageModel
from counterpoint.models.prompts import Layout, PromptConfig, Prompter
from counterpoint.training.lm import LmTraining, train_lm
from counterpoint.training.lm.batches import micro_batch
from counterpoint.training.lm.module import TrieModule
from counterpoint.training.lm.rows import build_rows
from counterpoint.training.lm.trainer import TrieTrainer
from counterpoint.training.objective import OBJECTIVES, Side
from counterpoint.types import Dilemma

from .small import NO_DROPOUT, ONE_STEP, QUICK, VCD, dilemmas, language, shaken, weights

LN2 = 0.6931471805599453


def one_step(data: Sequence[Dilemma], objective: str, out: Path, **changes: object) -> tuple[dict[str, Tensor], float]:
    """The gradient of the first step, by name, and its loss."""
    made, settings = shaken(), replace(ONE_STEP, **changes)
    reports: list[float] = []
    with torch.random.fork_rng():
        train_lm(
            made,
            data,
            VCD,
            OBJECTIVES.get(objective),
            settings,
            seed=0,
            out=out,
            report=lambda p, _: reports.append(p.loss),
        )
    after = weights(made)
    made.add_adapter(settings.lora)
    return {name: before - after[name] for name, before in weights(made).items()}, reports[0]


def by_hand(
    data: Sequence[Dilemma], loss: Callable[[LanguageModel, Dilemma], Tensor]
) -> tuple[dict[str, Tensor], float]:
    """The same of the mean over dilemmas of a loss on the model as it starts."""
    made = shaken()
    made.add_adapter(NO_DROPOUT)
    total = torch.stack([loss(made, shuffle_options(dilemma, 0)) for dilemma in data]).mean()
    total.backward()
    gradient = {name: p.grad for name, p in made.model.named_parameters() if p.grad is not None}
    return gradient, float(total.detach())


def spoken(made: LanguageModel, dilemma: Dilemma, pole: str, option: int) -> Tensor:
    """Log-probability of every response token: the whole sequence alone, logits of all positions."""
    pair = VCD.by_name[dilemma.value_pair]
    prompter = Prompter(made.tokenizer, PromptConfig())
    prompt, response = prompter.prompt(dilemma, pair.pole(pole)), prompter.response(dilemma, option)
    logits = made.model(torch.tensor([prompt + response])).logits[0].log_softmax(-1)
    places = range(len(prompt), len(prompt) + len(response))
    return torch.stack([logits[i - 1, (prompt + response)[i]] for i in places])


def poles_of(dilemma: Dilemma) -> list[Side]:
    pair = VCD.by_name[dilemma.value_pair]
    every = range(len(dilemma.options))
    return [Side(p.name, gold := dilemma.gold(p.name), tuple(i for i in every if i not in gold)) for p in pair.poles]


def pft(made: LanguageModel, dilemma: Dilemma) -> Tensor:
    """Sum over poles of the mean over right options of the mean over response tokens."""
    return sum(
        torch.stack([-spoken(made, dilemma, side.pole, option).mean() for option in side.chosen]).mean()
        for side in poles_of(dilemma)
    )


def preference(made: LanguageModel, dilemma: Dilemma, rule: Callable[[Tensor], Tensor]) -> Tensor:
    """Mean over both poles, as examples of their own, of a rule on the log-ratio of right over wrong options."""
    losses = []
    for side in poles_of(dilemma):
        margins = []
        for right in side.chosen:
            for wrong in side.rejected:
                ratio = spoken(made, dilemma, side.pole, right).sum() - spoken(made, dilemma, side.pole, wrong).sum()
                with torch.no_grad(), made.model.disable_adapter():
                    base = spoken(made, dilemma, side.pole, right).sum() - spoken(made, dilemma, side.pole, wrong).sum()
                margins.append(ratio - base)
        losses.append(rule(torch.stack(margins)).mean())
    return torch.stack(losses).mean()


def assert_same(found: tuple[dict[str, Tensor], float], expected: tuple[dict[str, Tensor], float]) -> None:
    assert found[1] == pytest.approx(expected[1], rel=1e-6)
    assert found[0].keys() == expected[0].keys()
    for name, gradient in expected[0].items():
        difference = float((found[0][name] - gradient).norm() / gradient.norm())
        assert difference < 1e-6, f"{name}: {difference}"  # llamas normalise in single precision


WHOLE, IN_PIECES = 4096, 90
"""Budgets of nodes: all trees of a micro-batch at once, and less than any tree of these tests."""


@pytest.mark.parametrize("budget", [WHOLE, IN_PIECES])
def test_a_step_of_pft_has_the_gradient_of_separate_passes(budget: int, tmp_path: Path) -> None:
    data = dilemmas(3)  # batch 2, accumulate 2: micro-batches of 2 and 1, in which every example must weigh a third
    assert_same(one_step(data, "pft", tmp_path, max_nodes=budget), by_hand(data, pft))


@pytest.mark.parametrize("budget", [WHOLE, IN_PIECES])
@pytest.mark.parametrize(
    ("name", "rule"), [("dpo_mixed", lambda h: -F.logsigmoid(0.1 * h)), ("ipo_mixed", lambda h: (h - 5) ** 2)]
)
def test_a_step_of_dpo_and_ipo_has_the_gradient_of_separate_passes(
    name: str, rule: Callable[[Tensor], Tensor], budget: int, tmp_path: Path
) -> None:
    data = dilemmas(2)
    found = one_step(data, name, tmp_path, max_nodes=budget)
    assert_same(found, by_hand(data, lambda made, dilemma: preference(made, dilemma, rule)))


def test_micro_batches_of_any_size_give_the_same_step(tmp_path: Path) -> None:
    data, expected = dilemmas(5), by_hand(dilemmas(5), pft)
    for batch, accumulate in ((5, 1), (1, 5), (2, 3)):
        found = one_step(data, "pft", tmp_path / f"{batch}", batch=batch, accumulate=accumulate)
        assert_same(found, expected)


def test_checkpointing_changes_no_gradient(tmp_path: Path) -> None:
    data = dilemmas(2)
    plain, again = (one_step(data, "dpo_mixed", tmp_path / f"{on}", checkpointing=on) for on in (False, True))
    assert_same(again, plain)


def test_the_papers_prompt_order_is_trained_as_itself(tmp_path: Path) -> None:
    data = dilemmas(2)
    first, last = (
        one_step(data, "pft", tmp_path / layout, layout=layout) for layout in ("pole_first", "scenario_first")
    )
    assert first[1] != pytest.approx(last[1], rel=1e-3)


def test_a_tree_in_pieces_is_computed_again_with_the_dropout_of_its_rehearsal() -> None:
    made, objective = shaken(), OBJECTIVES.get("dpo_positive")
    made.add_adapter(replace(NO_DROPOUT, dropout=0.5))
    rows = build_rows(dilemmas(1), VCD, objective, Prompter(made.tokenizer), QUICK, seed=0).rows
    ((work,), module) = micro_batch(rows, max_nodes=IN_PIECES).works, TrieModule(made).train()
    assert len(work.plans) > 1
    trainer = SimpleNamespace(objective=objective, args=SimpleNamespace(device=torch.device("cpu")))

    def gradient(seed: int, backward: Callable[[], object]) -> Tensor:
        torch.manual_seed(seed)
        module.zero_grad()
        backward()
        return torch.cat([p.grad.flatten() for p in module.parameters() if p.grad is not None])

    def in_one_graph() -> None:
        reference = torch.cat([module(plan, reference=True) for plan in work.plans])
        objective.loss(work.scores(torch.cat([module(plan) for plan in work.plans]), reference)).backward()

    def in_passes() -> None:
        for compute, _ in TrieTrainer._passes(trainer, module, work, 1.0):
            compute().backward()

    with torch.random.fork_rng():
        expected = gradient(5, in_one_graph)
        torch.testing.assert_close(gradient(5, in_passes), expected, rtol=1e-6, atol=1e-12)
        assert not torch.allclose(gradient(6, in_passes), expected, rtol=0.1)


def test_a_first_step_of_dpo_is_ln_2_to_the_last_bit(tmp_path: Path) -> None:
    for name in ("dpo_positive", "dpo_negative", "dpo_mixed"):
        settings: LmTraining = replace(QUICK, steps=1, batch=2, accumulate=1, lora=replace(NO_DROPOUT, dropout=0.3))
        curve = train_lm(language(), dilemmas(2), VCD, OBJECTIVES.get(name), settings, seed=0, out=tmp_path / name)
        assert curve[0].loss == torch.tensor(2.0).log().item() == pytest.approx(LN2, rel=1e-7)


@pytest.mark.parametrize("layout", ["scenario_first", "pole_first"])
def test_under_every_pole_the_loss_is_transformers_own_with_the_prompt_masked_out(layout: Layout) -> None:
    made = shaken()
    made.add_adapter(NO_DROPOUT)
    module, prompter = TrieModule(made), Prompter(made.tokenizer, PromptConfig(layout))
    for pair in VCD:
        gold = [pole.name for pole in pair.poles]
        plain = dilemmas(1, options=2)[0]
        options = tuple(replace(option, pole=pole) for option, pole in zip(plain.options, gold, strict=True))
        dilemma = shuffle_options(replace(plain, value_pair=pair.name, options=options), 0)
        for pole, kind in zip(pair.poles, ("sft_positive", "sft_negative"), strict=True):
            objective = OBJECTIVES.get(kind)
            rows = build_rows([dilemma], VCD, objective, prompter, QUICK, seed=0).rows
            (work,) = micro_batch(rows, max_nodes=WHOLE).works
            loss = float(objective.loss(work.scores(module(work.plans[0]), None)).detach())

            (option,) = dilemma.gold(pole.name)
            prompt, response = prompter.prompt(dilemma, pole), prompter.response(dilemma, option)
            tokens, hidden = torch.tensor([prompt + response]), torch.tensor([[-100] * len(prompt) + list(response)])
            with torch.no_grad():
                masked, unmasked = (float(made.model(tokens, labels=labels).loss) for labels in (hidden, tokens))
            assert loss == pytest.approx(masked, rel=1e-6), pole.name
            assert abs(loss - unmasked) > 1e-3, pole.name
            # and what is learnt reads as the reply, all of it and nothing else
            (branch,) = rows[0].branches
            said = made.tokenizer.decode(branch.tokens[branch.start :])
            assert said == made.tokenizer.decode(made.tokenizer(prompter.reply(dilemma, option))["input_ids"] + [2])
