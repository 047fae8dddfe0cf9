"""How the toy world's model is taught: next tokens, and hints to its first layer.

Reading a dilemma takes three steps that are no use without each other (which letter does this word stand under, which
property does it have, which properties are wanted), so that gradients find none of them for a long time. As in
deeply-supervised nets (Lee et al. 2015, arXiv 1409.5185), linear probes on the first layer's states are trained to tell
each of the three, and thrown away. Without them the letters stay at chance for as long as we tried (60 s); with them
they are right after 30 s.

Weights: Muon (Jordan 2024) for matrices within layers, AdamW for the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn
from torch.nn import functional as F

from counterpoint.data.taxonomy import taxonomy
from counterpoint.data.toy import ATTRIBUTES
from counterpoint.models.degrees import DEGREES
from counterpoint.models.prompts import LETTERS, Prompter
from counterpoint.models.tiny.lessons import PROPERTIES, UNCERTAIN, Task, lessons, phrases
from counterpoint.models.tiny.tokens import make_tokenizer
from counterpoint.models.trie import Branch, Plan, build_plan
from counterpoint.models.trie.masks import additive
from counterpoint.types import content_hash

VERSION = 2
"""To be raised when anything but settings and lessons changes how the model comes out."""

OFTEN = 9
"""More than the times a word must be seen to become a token."""

NOTHING = -1
"""A node that a probe is not asked about."""


@dataclass(frozen=True)
class Settings:
    """Sizes and schooling of the toy world's model."""

    hidden: int = 64
    layers: int = 3
    heads: int = 4
    feed_forward: int = 128
    rope_theta: float = 500.0
    """Low, because everything is within 200 tokens."""
    steps: int = 400
    batch: int = 16
    """Lessons in a step."""
    learning_rate: float = 5e-3
    matrix_learning_rate: float = 0.02
    warm_up: int = 20
    letter_weight: float = 4.0
    """A reply's letter counts as much as this many of its other tokens."""
    share_weight: float = 3.0
    """How often each option is the reply, where that is taught, counts as much as this many replies' letters."""
    text_weight: float = 0.1
    """Weight of predicting the prompts' tokens too: the language itself."""
    hint_weight: float = 1.0
    vocabulary_lessons: int = 1000
    """Lessons that the tokenizer is made from."""
    seed: int = 0


class Lesson(NamedTuple):
    """A lesson's tasks as one trie."""

    plan: Plan
    weight: NDArray[np.float64]
    """`[edge]`: how much each prediction counts."""


class Hints(NamedTuple):
    """What the probes should tell, `NOTHING` where they aren't asked."""

    letter: Tensor
    """Under which letter a word stands, `[lesson, node]`."""
    property: Tensor
    """Which of `PROPERTIES` it has, `[lesson, node]`."""
    wanted: Tensor
    """Which of each attribute's two properties is wanted, `[attribute, lesson, node]`."""


@contextmanager
def _one_thread() -> Iterator[None]:
    """A second thread makes products this small a quarter faster on a free core, and half as fast where it is taken."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class School:
    """Makes a model from its settings."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def recipe(self) -> str:
        """A hash of all that decides how the model comes out, the machine's arithmetic aside."""
        return content_hash(
            VERSION, asdict(self.settings), self._texts, [kind.words for kind in PROPERTIES], DEGREES, UNCERTAIN
        )

    def teach(self, folder: Path) -> None:
        """School a model and write it, with its tokenizer, into `folder`."""
        with torch.random.fork_rng(), _one_thread():
            torch.manual_seed(self.settings.seed)
            model = self._new_model()
            self._train(model)
        transformers.utils.logging.disable_progress_bar()
        model.save_pretrained(folder, safe_serialization=True)
        self.tokenizer.save_pretrained(folder)

    @cached_property
    def tokenizer(self) -> Any:
        """The toy world's."""
        return make_tokenizer(self._texts, phrases(Prompter(make_tokenizer([]))))

    @cached_property
    def _texts(self) -> list[str]:
        """What the tokenizer knows the words of: lessons, and the taxonomy, whose words get tokens but no lessons."""
        prompter = Prompter(make_tokenizer([]))
        tasks = [task for lesson in islice(lessons("vocabulary"), self.settings.vocabulary_lessons) for task in lesson]
        texts = [prompter.text(task.dilemma, task.asked, form=task.form) for task in tasks]
        texts += [option.explanation for task in tasks for option in task.dilemma.options]
        return texts + [f"Who answers: {pole.name}. {pole.description}" for pole in taxonomy("toy").poles] * OFTEN

    def _new_model(self) -> Any:
        s = self.settings
        config = transformers.LlamaConfig(
            vocab_size=len(self.tokenizer),
            hidden_size=s.hidden,
            intermediate_size=s.feed_forward,
            num_hidden_layers=s.layers,
            num_attention_heads=s.heads,
            num_key_value_heads=s.heads,
            max_position_embeddings=4096,
            rope_parameters={"rope_type": "default", "rope_theta": s.rope_theta},
            initializer_range=0.05,
            tie_word_embeddings=False,
            pad_token_id=self.tokenizer.pad_token_id,
            bos_token_id=None,
            eos_token_id=self.tokenizer.eos_token_id,
        )
        return transformers.AutoModelForCausalLM.from_config(config, attn_implementation="sdpa")

    def _new_probes(self) -> nn.ModuleList:
        """In the order of `Hints`, one for each attribute's wanted property."""
        sizes = (len(LETTERS), len(PROPERTIES), *(len(attribute.properties) for attribute in ATTRIBUTES))
        return nn.ModuleList(nn.Linear(self.settings.hidden, size) for size in sizes)

    def _train(self, model: Any) -> None:
        s = self.settings
        probes = self._new_probes()
        inner = [p for name, p in model.named_parameters() if p.ndim == 2 and ".layers." in name]
        outer = [p for p in [*model.parameters(), *probes.parameters()] if not any(p is q for q in inner)]
        optimisers: list[torch.optim.Optimizer] = [
            torch.optim.Muon(inner, lr=s.matrix_learning_rate, weight_decay=0.0),
            torch.optim.AdamW(outer, lr=s.learning_rate, weight_decay=0.0, betas=(0.9, 0.95)),
        ]
        rates = [optimiser.param_groups[0]["lr"] for optimiser in optimisers]
        source = self._lessons()
        console = Console(stderr=True)
        steps = track(
            range(s.steps), "Schooling lm:tiny (once)", console=console, transient=True, disable=not console.is_terminal
        )
        for step in steps:
            for optimiser, rate in zip(optimisers, rates, strict=True):
                optimiser.param_groups[0]["lr"] = rate * min(1.0, (step + 1) / s.warm_up) * (1 - step / s.steps)
                optimiser.zero_grad()
            self._loss(model, probes, list(islice(source, s.batch))).backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_([*inner, *outer], 1.0)
            for optimiser in optimisers:
                optimiser.step()

    def _lessons(self) -> Iterator[Lesson]:
        """Lessons as tries."""
        prompter = Prompter(self.tokenizer)
        for tasks in lessons(self.settings.seed):
            branches = [branch for task in tasks for branch in self._branches(prompter, task)]
            plan = build_plan([branch for branch, _ in branches])
            weights = np.array([weight for _, weight in branches])
            weight = np.bincount(plan.token_edge, weights[plan.token_branch], len(plan.edge_token))
            yield Lesson(plan, weight.astype(np.float64))

    def _branches(self, prompter: Prompter, task: Task) -> Iterator[tuple[Branch, float]]:
        """What is taught of a task: branches and their weights."""
        prompt = prompter.prompt(task.dilemma, task.asked, form=task.form)
        lead, letters = prompter.letters(task.dilemma, form=task.form)
        for letter, share in zip(letters, task.shares, strict=False):
            yield Branch(prompt + lead + letter, len(prompt)), share * self.settings.share_weight
        taught_by_letter = len(lead) + 1 if task.shares else 0
        for option in task.right:
            reply = prompter.response(task.dilemma, option, form=task.form)
            yield Branch(prompt + reply, len(prompt) + taught_by_letter), 1.0

    def _loss(self, model: Any, probes: nn.ModuleList, taught: Sequence[Lesson]) -> Tensor:
        """Mean over replies' tokens (letters weigh more), plus the prompts' tokens and the hints, nats."""
        plans = [lesson.plan for lesson in taught]
        s = self.settings
        tokens, positions, mask = stacked(plans)
        out = model.model(
            input_ids=tokens,
            position_ids=positions,
            attention_mask=additive(mask, model.dtype),
            output_hidden_states=True,
            use_cache=False,
        )
        logp = F.log_softmax(model.lm_head(out.last_hidden_state), dim=-1)
        row = np.repeat(np.arange(len(plans)), [len(plan.edge_row) for plan in plans])
        said = np.concatenate([plan.edge_token for plan in plans])
        at = np.concatenate([plan.rows[plan.edge_row] for plan in plans])
        weight = np.concatenate([lesson.weight for lesson in taught]).astype(np.float32)
        weight[np.isin(said, self._letters)] *= s.letter_weight
        loss = -(logp[row, at, said] * torch.from_numpy(weight)).sum() / float(weight.sum())
        inside = [np.flatnonzero(plan.parent >= 0) for plan in plans]
        row = np.repeat(np.arange(len(plans)), [len(nodes) for nodes in inside])
        parent = np.concatenate([plan.parent[nodes] for plan, nodes in zip(plans, inside, strict=True)])
        token = np.concatenate([plan.tokens[nodes] for plan, nodes in zip(plans, inside, strict=True)])
        loss = loss - s.text_weight * logp[row, parent, token].mean()
        hints = self._hints(plans, tokens.shape[1])
        for probe, told in zip(probes, (hints.letter, hints.property, *hints.wanted), strict=True):
            loss = loss + s.hint_weight * F.cross_entropy(probe(out.hidden_states[1])[told >= 0], told[told >= 0])
        return loss

    # Hints

    @cached_property
    def _letters(self) -> list[int]:
        return [self._id(letter) for letter in LETTERS[:4]]

    def _id(self, text: str) -> int:
        (token,) = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return int(token)

    @cached_property
    def _kinds(self) -> dict[int, int]:
        """From the token of a word, or of a property's name, to the property."""
        return {self._id(f" {word}"): i for i, kind in enumerate(PROPERTIES) for word in (kind.name, *kind.words)}

    def _hints(self, plans: Sequence[Plan], nodes: int) -> Hints:
        """At an option's words their letter and property; from a wish up to the reply's letter, what is wanted."""
        breaks = {self._id("\n"), self._id("\n\n")}
        words = np.full((2, len(plans), nodes), NOTHING)
        wishes = np.full((len(ATTRIBUTES), len(plans), nodes), NOTHING)
        for i, plan in enumerate(plans):
            under = [NOTHING] * len(plan)
            for node, (token, parent) in enumerate(zip(plan.tokens.tolist(), plan.parent.tolist(), strict=True)):
                if parent < 0:
                    continue
                letter = self._letters.index(token) if token in self._letters else NOTHING
                begins = letter != NOTHING and plan.tokens[parent] in breaks
                under[node] = letter if begins else NOTHING if token in breaks else under[parent]
                kind = self._kinds.get(token, NOTHING)
                if under[node] != NOTHING:
                    words[:, i, node] = (under[node], kind) if kind != NOTHING else NOTHING
                elif letter == NOTHING:
                    wishes[:, i, node] = wishes[:, i, parent]
                    if kind != NOTHING:
                        wishes[kind // 2, i, node] = kind % 2
        return Hints(torch.from_numpy(words[0]), torch.from_numpy(words[1]), torch.from_numpy(wishes))


def stacked(plans: Sequence[Plan]) -> tuple[Tensor, Tensor, Tensor]:
    """Plans as rows padded at the end: tokens, positions `[row, node]`, and who sees whom `[row, 1, query, key]`."""
    size = max(len(plan) for plan in plans)
    tokens, positions = np.zeros((2, len(plans), size), np.int64)
    end = np.full((len(plans), size), -1)
    for i, plan in enumerate(plans):
        tokens[i, : len(plan)], positions[i, : len(plan)], end[i, : len(plan)] = plan.tokens, plan.depth, plan.end
    node = np.arange(size)
    seen = (node <= node[:, None]) & (node[:, None] <= end[:, None, :])
    seen |= np.eye(size, dtype=bool)  # padding sees itself: a row without any key is not a number
    return torch.from_numpy(tokens), torch.from_numpy(positions), torch.from_numpy(seen[:, None])
