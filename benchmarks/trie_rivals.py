"""What the trie is measured on and against: trees of dilemmas as token ids, and other ways to the same numbers."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from counterpoint.data.loading import load
from counterpoint.data.taxonomy import taxonomy
from counterpoint.models.trie import Branch, build_plan, log_probs
from counterpoint.models.trie.anatomy import anatomy
from counterpoint.models.trie.backends.separate import branch_log_probs
from counterpoint.types import Dilemma, Pole

PADDED = 512
END, START = "<end>", "<start>"
Scores = list[Tensor]
"""Response tokens' log-probabilities `[token]` of every branch."""
Method = Callable[[Any, Sequence[Branch]], Scores]


class Texts:
    """Dilemmas with at least two options as token ids, scenario first, pole after it."""

    def __init__(self, path: str, vocabulary: int, seed: int = 0) -> None:
        everything = [d for d in load(path).dilemmas if len(d.options) >= 2]
        self.tokenizer = _tokenizer(everything, vocabulary)
        self.poles = taxonomy("vcd").poles
        self.dilemmas = list(everything)
        random.Random(seed).shuffle(self.dilemmas)

    def ids(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer.encode(text).ids)

    def question(self, dilemma: Dilemma) -> tuple[int, ...]:
        options = "\n".join(f"{i}. {option.text}" for i, option in enumerate(dilemma.options, 1))
        return self.ids(f"{START}{dilemma.scenario}\nWhat should be done? Reply with JSON on one line.\n{options}\n")

    def condition(self, pole: Pole) -> tuple[int, ...]:
        """What differs from pole to pole, as `models/prompts.py` words it."""
        return self.ids(f"Who answers: {pole.name}. {pole.description}\n")

    def answer(self, dilemma: Dilemma, option: int) -> tuple[int, ...]:
        said = dilemma.options[option % len(dilemma.options)].text
        return self.ids(json.dumps({"choice": option + 1, "answer": said}, ensure_ascii=False) + END)

    def option(self, dilemma: Dilemma, option: int) -> tuple[int, ...]:
        return self.ids(dilemma.options[option].text + END)

    def asked(self, dilemma: Dilemma, poles: Sequence[Pole], options: Callable[[int], Sequence[int]]) -> list[Branch]:
        """Branches of one dilemma: under pole i the answers that choose `options(i)`."""
        question, branches = self.question(dilemma), []
        for i, pole in enumerate(poles):
            prompt = question + self.condition(pole)
            branches += [Branch(prompt + self.answer(dilemma, o), len(prompt)) for o in options(i)]
        return branches

    def scored(self, dilemma: Dilemma, continuations: Sequence[tuple[int, ...]]) -> list[Branch]:
        """The same continuations under every pole."""
        question = self.question(dilemma)
        prompts = [question + self.condition(pole) for pole in self.poles]
        return [Branch(prompt + said, len(prompt)) for prompt in prompts for said in continuations]

    def conversation(self, dilemmas: Sequence[Dilemma], turns: int = 10) -> list[Branch]:
        """At every turn a chosen and a rejected reply; the chosen one is continued."""
        said, branches = self.ids(START), []
        for i in range(turns):
            dilemma = dilemmas[i % len(dilemmas)]
            said += self.ids(f"User: {dilemma.scenario[:240]}\nAssistant: ")
            chosen, rejected = (self.ids(option.text + "\n") for option in dilemma.options[:2])
            branches += [Branch(said + reply, len(said)) for reply in (chosen, rejected)]
            said += chosen
        return branches


def _tokenizer(dilemmas: Sequence[Dilemma], vocabulary: int) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=[START, END], initial_alphabet=alphabet, show_progress=False
    )
    texts = [text for d in dilemmas for text in (d.scenario, *(option.text for option in d.options))]
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def trie(model: Any, branches: Sequence[Branch], *, backend: str) -> Scores:
    plan = build_plan(branches)  # planning is part of the time
    return list(log_probs(model, plan, backend=backend).tokens.split(plan.response_tokens.tolist()))


def reference(model: Any, branches: Sequence[Branch]) -> Scores:
    """A pass a branch, padded to 512 (a longer one to its length), logits everywhere: the papers' code."""
    scores = []
    for branch in branches:
        ids, mask = _padded([branch], max(PADDED, len(branch.tokens)), model.device)
        logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        scores += _chosen(log_softmax(logits), [branch])
    return scores


def exact(model: Any, branches: Sequence[Branch]) -> Scores:
    """A pass a branch at its exact length, logits at the answer only: the best without sharing."""
    parts = anatomy(model)
    return [branch_log_probs(parts, branch) for branch in branches]


def longest(model: Any, branches: Sequence[Branch], *, rows: int = 12) -> Scores:
    """Batches padded to their longest, logits from the first answer on."""
    scores: Scores = []
    for i in range(0, len(branches), rows):
        batch = branches[i : i + rows]
        ids, mask = _padded(batch, max(len(branch.tokens) for branch in batch), model.device)
        keep = ids.shape[1] - min(branch.start for branch in batch) + 1
        logits = model(input_ids=ids, attention_mask=mask, use_cache=False, logits_to_keep=keep).logits
        scores += _chosen(log_softmax(logits), batch, ids.shape[1] - keep)
    return scores


def prompt_once(model: Any, branches: Sequence[Branch]) -> Scores:
    """For one-token answers: one exact pass a prompt gives all its letters."""
    scores: Scores = []
    prompts: dict[tuple[int, ...], Tensor] = {}
    for branch in branches:
        prompt = branch.tokens[:-1]
        if prompt not in prompts:
            ids = torch.tensor([prompt], device=model.device)
            logits = model(input_ids=ids, use_cache=False, logits_to_keep=1).logits
            prompts[prompt] = log_softmax(logits[0, -1])
        scores.append(prompts[prompt][list(branch.tokens[-1:])])
    return scores


RIVALS: dict[str, Method] = {  # those that run anywhere; trie_trl.py and trie_gpu.py hold the others
    "a pass a branch, padded to 512": reference,
    "exact lengths, answer logits": exact,
    "padded to the longest": longest,
    "exact lengths, one pass a prompt": prompt_once,
}


def log_softmax(logits: Tensor) -> Tensor:
    """Over the last axis, in float32 or wider."""
    return (logits if logits.dtype == torch.float64 else logits.float()).log_softmax(-1)


def _padded(branches: Sequence[Branch], length: int, device: torch.device) -> tuple[Tensor, Tensor]:
    ids, mask = torch.zeros(2, len(branches), length, dtype=torch.long, device=device)
    for row, branch in enumerate(branches):
        ids[row, : len(branch.tokens)] = torch.tensor(branch.tokens, device=device)
        mask[row, : len(branch.tokens)] = 1
    return ids, mask


def _chosen(table: Tensor, branches: Sequence[Branch], first: int = 0) -> Scores:
    """Rows of log-probabilities `[branch, position, vocabulary]`, positions counted from `first`, at the responses."""
    scores = []
    for row, branch in enumerate(branches):
        said = torch.tensor(branch.tokens[branch.start :], device=table.device)
        at = table[row, branch.start - 1 - first : len(branch.tokens) - 1 - first]
        scores.append(at.gather(1, said[:, None])[:, 0])
    return scores


def rival_lengths(rival: str, branches: Sequence[Branch]) -> tuple[list[int], int]:
    """Sequence lengths a rival computes, padding included, and how many of its positions it projects."""
    exact_lengths = [len(branch.tokens) - 1 for branch in branches]
    if RIVALS[rival] is reference:
        lengths = [max(PADDED, n + 1) for n in exact_lengths]
        return lengths, sum(lengths)
    if RIVALS[rival] is longest:
        top = max(exact_lengths) + 1
        return [top] * len(branches), len(branches) * (top - min(branch.start for branch in branches) + 1)
    if RIVALS[rival] is prompt_once:
        prompts = {branch.tokens[:-1] for branch in branches}
        return [len(prompt) for prompt in prompts], len(prompts)
    return exact_lengths, sum(branch.response for branch in branches)
