"""TRL's own DPO step as a rival: its collator, its trainer's `training_step`, its reference with the adapter off.

Written against TRL 1.16. The trainer gets a copy of the base weights and makes the adapter itself, so that its
reference is the base model (given a model that has an adapter, it would keep a copy of that as reference); then the
adapter's weights are copied in. What its data preparation would do to texts is left out: the collator gets the very
token ids that the trie gets. Its defaults that change speed but not the loss are kept (fused log-probabilities, its
metrics) but for two: gradient checkpointing and bfloat16 are off, as they are for the trie.
"""

from __future__ import annotations

import copy
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from trie_rivals import END, Scores

from counterpoint.models.trie import Branch

NAME = "trl"


class TrlStep:
    """One training step on the pairs `chosen, rejected, chosen, rejected, ...` with the same prompt in each pair."""

    def __init__(self, model: Any, tokenizer: Any, *, beta: float) -> None:
        self.trainer = _trainer(model, tokenizer, beta)
        self.model = self.trainer.model
        self._scored: list[Tensor] = []
        self.model.register_forward_hook(lambda *call: self._scored.append(call[-1].log_probs))

    def __call__(self, branches: Sequence[Branch]) -> tuple[float, Scores]:
        """Forward and backward; the step's loss (nats) and every branch's log-probabilities."""
        self._scored.clear()
        inputs = self.trainer.data_collator([*_pairs(branches)])
        answers = inputs["completion_mask"][:, 1:].bool()
        loss = self.trainer.training_step(self.model, inputs)
        policy = self._scored[0].detach()  # the reference comes after it
        rows = [policy[i][answers[i]] for i in range(len(branches))]
        half = len(rows) // 2  # all chosen, then all rejected
        return float(loss), [row for pair in zip(rows[:half], rows[half:], strict=True) for row in pair]


def _pairs(branches: Sequence[Branch]) -> Iterator[dict[str, list[int]]]:
    for chosen, rejected in zip(branches[::2], branches[1::2], strict=True):
        prompt = chosen.tokens[: chosen.start]
        assert prompt == rejected.tokens[: rejected.start], "a pair's prompts differ"
        said = {"chosen_ids": chosen, "rejected_ids": rejected}
        yield {"prompt_ids": list(prompt), **{key: list(b.tokens[b.start :]) for key, b in said.items()}}


def _trainer(model: Any, tokenizer: Any, beta: float) -> Any:
    from datasets import Dataset, disable_progress_bars
    from transformers import PreTrainedTokenizerFast
    from trl import DPOConfig, DPOTrainer

    disable_progress_bars()
    # TRL and peft still use names that transformers deprecates, in every step
    warnings.filterwarnings("ignore", "`(is_)?gradient_checkpointing` is deprecated", FutureWarning)
    words = Dataset.from_list([{"prompt": "a", "chosen": " b", "rejected": " c"}])  # it must have some; not trained on
    with tempfile.TemporaryDirectory() as folder:
        settings = DPOConfig(
            output_dir=folder,
            beta=beta,
            max_length=None,
            gradient_checkpointing=False,
            bf16=False,
            use_cpu=model.device.type == "cpu",
            report_to="none",
            dataloader_pin_memory=False,
            disable_tqdm=True,
        )
        trainer = DPOTrainer(
            model=copy.deepcopy(model).unload(),
            args=settings,
            train_dataset=words,
            processing_class=PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END, pad_token=END),
            peft_config=copy.deepcopy(model.peft_config["default"]),
        )
    trainer.model.load_state_dict(model.state_dict())
    trainer.model.to(model.dtype)
    assert trainer.ref_model is None
    assert "ref" not in trainer.model.peft_config, "the reference must be the adapter switched off"
    trainer.current_gradient_accumulation_steps = 1  # what `train` sets before the first step
    return trainer


def padded_lengths(branches: Sequence[Branch], device: torch.device) -> tuple[list[int], int]:
    """Sequence lengths that its collator makes, and how many positions it projects (answers only where triton runs)."""
    longest = max(len(branch.tokens) for branch in branches)
    answers = sum(branch.response for branch in branches)
    return [longest] * len(branches), answers if device.type == "cuda" else len(branches) * (longest - 1)
