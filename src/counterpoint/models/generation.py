"""Replies to many prompts at once, prefixes that prompts share computed once, rows decoded together.

    generator = Generator(model, tokenizer)
    replies = generator.generate([prompt_ids, ...], Decoding(temperature=0))
    replies[0].text

A row's reply doesn't depend on the rows beside it, to the rounding of the model's arithmetic: it has its own positions,
mask and random numbers. The first batch, the first of several rows and the first longer than a sliding window are
checked against the model's own reading of one prompt; if they differ by more than rounding explains, that is logged and
every reply is generated on its own from then on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from counterpoint.errors import BadInputError
from counterpoint.models.row_cache import AroundPass, OneRow, Prompt, Rows, SeparateRows, SharedRows, untouched
from counterpoint.models.sampling import Decoding, Draws, pick, prompt_seed
from counterpoint.models.trie.anatomy import Anatomy, anatomy
from counterpoint.models.trie.check import TOLERANCES, evaluating

logger = logging.getLogger(__name__)

Finish = Literal["stop", "length"]
OnText = Callable[[int, str], None]
"""Told of every row's new text as it comes: index of the prompt, text. A row's pieces joined are its reply."""

AroundStep = Callable[[Sequence[int]], AbstractContextManager[None]]
"""Opened around every pass with the indices of the prompts in it, one token each: where steering is switched on. Before
that the prompts are read, but for their last tokens."""

UNFINISHED = "\N{REPLACEMENT CHARACTER}"
"""What tokenizers write for bytes that don't make a character yet."""


class Decoder(Protocol):
    """What generation needs of a tokenizer."""

    def decode(self, token_ids: Any, **kwargs: Any) -> Any:
        """Text of token ids."""
        ...


@dataclass(frozen=True)
class Generated:
    """One reply."""

    tokens: tuple[int, ...]
    """Without the token that ended it; with a stop string's, if one did."""
    text: str
    """Without special tokens and stop string."""
    finish: Finish
    """Whether it ended itself or was cut."""


class Generator:
    """Generates with one model, which is afterwards as it was.

    Args:
        model: a causal language model of transformers, perhaps wrapped by peft.
        tokenizer: its tokenizer.
        stop_tokens: tokens that end a reply beside those that model and tokenizer name.
        sharing: "trie" shares prefixes (families of the trie engine); "none" generates every reply on its own.
        max_rows: replies generated together at most.
        max_tokens: tokens, new ones included, kept together at most (at least one reply).

    Raises:
        UnsupportedModelError: from `generate`, for a model whose rows can't share prefixes exactly.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Decoder,
        *,
        stop_tokens: Iterable[int] = (),
        sharing: Literal["trie", "none"] = "trie",
        max_rows: int = 64,
        max_tokens: int = 1 << 16,
    ) -> None:
        self.parts: Anatomy = anatomy(model)
        self.tokenizer = tokenizer
        self.stop_tokens = frozenset(stop_tokens) | ending_tokens(model, tokenizer)
        self.sharing, self.max_rows, self.max_tokens = sharing, max_rows, max_tokens
        self._checked: set[str] = set()

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        decoding: Decoding | None = None,
        *,
        seeds: Sequence[int] | None = None,
        on_text: OnText | None = None,
        around_step: AroundStep | None = None,
    ) -> list[Generated]:
        """A reply to every prompt, in the order given.

        Args:
            prompts: token ids.
            decoding: how tokens are drawn; by default the paper's temperature and top-p.
            seeds: one for each prompt; otherwise made from the decoding's seed and the prompt, so that equal prompts
                get equal replies.
            on_text: told of new text as it comes.
            around_step: a context for every pass.

        Raises:
            BadInputError: a prompt is empty or too long for the model, or seeds don't match prompts.
        """
        decoding = decoding or Decoding()
        ids = [tuple(int(token) for token in prompt) for prompt in prompts]
        if seeds is None:
            seeds = [prompt_seed(decoding.seed, prompt) for prompt in ids]
        if len(seeds) != len(ids):
            raise BadInputError(f"{len(seeds)} seeds for {len(ids)} prompts; expected one each")
        limits = [self.limit(prompt, decoding) for prompt in ids]
        replies: dict[int, Generated] = {}
        with torch.no_grad(), evaluating(self.parts.model):
            for batch in self._batches(ids, limits):
                rows = [ReplyRow(i, limits[i], Draws(seeds[i]), decoding, self.tokenizer, on_text) for i in batch]
                state, last = self.start([ids[i] for i in batch]), torch.tensor([ids[i][-1] for i in batch])
                self._decode(state, last, rows, decoding, around_step)
                replies.update((row.index, row.reply()) for row in rows)
        return [replies[i] for i in range(len(ids))]

    def limit(self, prompt: Prompt, decoding: Decoding) -> int:
        """New tokens at most, so that the model's positions are enough."""
        positions = getattr(self.parts.config, "max_position_embeddings", None) or len(prompt) + decoding.max_new_tokens
        if not 0 < len(prompt) < positions:
            raise BadInputError(f"a prompt has {len(prompt)} tokens; expected 1 to {positions - 1}")
        return min(decoding.max_new_tokens, positions - len(prompt))

    def _batches(self, prompts: Sequence[Prompt], limits: Sequence[int]) -> Iterator[list[int]]:
        """Indices of prompts generated together: neighbours in the order of their tokens share the longest prefixes."""
        batch: list[int] = []
        longest = 0
        for i in sorted(range(len(prompts)), key=lambda i: prompts[i]):
            length = max(longest, len(prompts[i]) + limits[i])
            full = len(batch) >= self.max_rows or (len(batch) + 1) * length > self.max_tokens
            if batch and full:
                yield batch
                batch, length = [], len(prompts[i]) + limits[i]
            batch.append(i)
            longest = length
        if batch:
            yield batch

    def start(self, prompts: Sequence[Prompt]) -> SharedRows | SeparateRows:
        """The prompts read but for their last tokens. No gradient and evaluation mode are the caller's to see to."""
        if self.sharing == "trie" and (untried := self._tries(prompts) - self._checked):
            self._checked |= untried
            if problem := check(self.parts, prompts):
                logger.warning("shared prefixes %s; generating every reply on its own from here on", problem)
                self.sharing = "none"
        return SharedRows(self.parts, prompts) if self.sharing == "trie" else SeparateRows(self.parts, prompts)

    def _tries(self, prompts: Sequence[Prompt]) -> set[str]:
        """What reading these together would try."""
        window = self.parts.window
        beyond = window is not None and max(map(len, prompts)) > window
        return {"reading"} | ({"rows"} if len(prompts) > 1 else set()) | ({"window"} if beyond else set())

    def _decode(
        self, state: Rows, tokens: Tensor, rows: Sequence[ReplyRow], decoding: Decoding, around_step: AroundStep | None
    ) -> None:
        """Continue all rows until each has ended; `tokens`: the prompts' last, `[row]`."""

        def around(rows: Sequence[ReplyRow]) -> AroundPass:
            return (lambda places: around_step([rows[i].index for i in places])) if around_step else untouched

        while rows:
            logits = state.step(tokens, around(rows))
            draws = torch.tensor([row.draws() for row in rows], dtype=torch.float64)
            tokens = pick(logits, draws, decoding).cpu()
            for row, token in zip(rows, tokens.tolist(), strict=True):
                row.take(token, ends=token in self.stop_tokens)
            alive = [i for i, row in enumerate(rows) if row.finish is None]
            if len(alive) < len(rows):
                rows, tokens = [rows[i] for i in alive], tokens[alive]
                if rows:
                    state.keep(alive)


@dataclass
class ReplyRow:
    """One reply on its way."""

    index: int
    limit: int
    draws: Draws
    decoding: Decoding
    tokenizer: Decoder
    on_text: OnText | None
    tokens: list[int] = field(default_factory=list)
    finish: Finish | None = None
    told: int = 0
    _stopped: str | None = None

    def take(self, token: int, *, ends: bool) -> None:
        """The next token; tells what can be told and finds out whether this was the last."""
        if ends:
            self.finish = "stop"
        else:
            self.tokens.append(token)
            self._look_for_stop_string()
            if self.finish is None and len(self.tokens) >= self.limit:
                self.finish = "length"
        if self.on_text:
            self._tell(self.on_text)

    def reply(self) -> Generated:
        """What came of it."""
        return Generated(tuple(self.tokens), self._text(), self.finish or "length")

    def _text(self) -> str:
        if self._stopped is not None:
            return self._stopped
        return str(self.tokenizer.decode(self.tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def _look_for_stop_string(self) -> None:
        if self.decoding.stop_strings:
            text = self._text()
            found = [at for stop in self.decoding.stop_strings if (at := text.find(stop)) >= 0]
            if found:
                self._stopped, self.finish = text[: min(found)], "stop"

    def _tell(self, on_text: OnText) -> None:
        """All text that no later token can change: no half characters, nothing that may become a stop string."""
        text = self._text()
        sure = len(text)
        if self.finish is None:
            sure = len(text.rstrip(UNFINISHED))
            longest = max(map(len, self.decoding.stop_strings), default=1) - 1
            for n in range(min(longest, sure), 0, -1):
                if any(stop.startswith(text[sure - n : sure]) for stop in self.decoding.stop_strings):
                    sure -= n
                    break
        if sure > self.told:
            on_text(self.index, text[self.told : sure])
            self.told = sure


def check(parts: Anatomy, prompts: Sequence[Prompt]) -> str:
    """What is wrong with the longest prompt's next-token log-probabilities when read beside the others, or nothing."""
    longest = max(range(len(prompts)), key=lambda i: len(prompts[i]))
    shared = SharedRows(parts, prompts).step(torch.tensor([prompt[-1] for prompt in prompts]))[longest]
    alone = OneRow(parts, prompts[longest]).step(torch.tensor(prompts[longest][-1:]))[0]
    likely = alone.double().log_softmax(-1).topk(min(10, len(alone)))
    difference = float((shared.double().log_softmax(-1)[likely.indices] - likely.values).abs().max())
    tolerance = TOLERANCES.get(parts.dtype, TOLERANCES[torch.bfloat16]).token
    if difference <= tolerance:  # a NaN is not
        return ""
    return f"differ from the model's own reading by {difference:.2g} nats (rounding explains {tolerance:.2g})"


def ending_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Tokens that end a reply, as the model's generation settings, its config and the tokenizer name them."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    named = [
        getattr(getattr(base, "generation_config", None), "eos_token_id", None),
        getattr(base.config, "eos_token_id", None),
        getattr(tokenizer, "eos_token_id", None),
    ]
    lists = [ids if isinstance(ids, list | tuple) else [ids] for ids in named]
    return frozenset(int(token) for ids in lists for token in ids if token is not None)
