"""A language model as a scorer: how likely it finds each option as the reply, under every pole asked for.

All poles and options of a dilemma are one trie, so that its scenario is read once. With letters, a prompt differs from
the next in its pole alone and each has one token to predict.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax

from counterpoint.errors import BadInputError
from counterpoint.models.language_model import PREFIX, RECORD, LanguageModel
from counterpoint.models.prompts import Form, PromptConfig, Prompter
from counterpoint.models.scorer import LogProbs
from counterpoint.models.trie import Branch, TrieEngine, UnsupportedModelError, batches
from counterpoint.models.trie.check import evaluating
from counterpoint.types import Dilemma, Pole

FORMAT = "counterpoint.lm_scorer/1"
READINGS = ("letters", "answers", "answers_per_token")
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LmReading:
    """How a likelihood is read as a choice."""

    kind: Literal["letters", "answers", "answers_per_token"] = "letters"
    """`letters`: the option's letter, where the reply has it. `answers`: the whole reply, explanation and end included.
    `answers_per_token`: the same divided by its number of tokens, so that long explanations lose nothing."""
    form: Form = "answer"
    """The reply asked for. In form `answer` letters are read after the JSON before them: where generation chooses."""
    max_nodes: int = 8192
    """Tokens in one forward pass. More is not faster on a CPU, and takes more memory everywhere."""
    backend: str = "auto"
    """The trie engine's back end."""


class LmScorer:
    """A scorer over `LanguageModel`, its adapter included where there is one."""

    def __init__(
        self, language: LanguageModel, reading: LmReading | None = None, prompts: PromptConfig | None = None
    ) -> None:
        self.language, self.reading = language, reading or LmReading()
        if self.reading.kind not in READINGS:
            raise BadInputError(f"reading is {self.reading.kind!r}; expected {', '.join(READINGS)}")
        self.prompter = Prompter(language.tokenizer, prompts)
        self._engine: TrieEngine | None = None

    @property
    def name(self) -> str:
        """What `--model` said."""
        return self.language.name

    def score(
        self,
        dilemmas: Sequence[Dilemma],
        poles: Sequence[Sequence[Pole | None]],
        *,
        progress: Callable[[int], None] | None = None,
    ) -> list[LogProbs]:
        """Log-probabilities of every option under every pole asked for; see `Scorer.score`.

        A pole may be None: nobody in particular is asked for. `progress` is told how many more branches are done.
        """
        groups = [self._branches(dilemma, asked) for dilemma, asked in zip(dilemmas, poles, strict=True)]
        found: list[NDArray[np.float64]] = [np.zeros(len(group)) for group in groups]
        with torch.no_grad(), evaluating(self.language.model):
            for batch in batches([group for group in groups if group], max_nodes=self.reading.max_nodes):
                result = self._trie().log_probs(batch.plan)
                values = result.means if self.reading.kind == "answers_per_token" else result.sums
                kept = [i for i, group in enumerate(groups) if group]
                for member, value in zip(batch.members, values.double().cpu().numpy(), strict=True):
                    found[kept[member.group]][member.branch] = value
                if progress:
                    progress(len(batch.members))
        return [
            np.asarray(log_softmax(row.reshape(len(asked), len(dilemma.options)), axis=1), np.float32)
            for row, dilemma, asked in zip(found, dilemmas, poles, strict=True)
        ]

    def _branches(self, dilemma: Dilemma, asked: Sequence[Pole | None]) -> list[Branch]:
        """Pole after pole, option after option."""
        form = self.reading.form
        if self.reading.kind == "letters":
            lead, ends = self.prompter.letters(dilemma, form=form)
        else:
            lead, ends = (), [self.prompter.response(dilemma, i, form=form) for i in range(len(dilemma.options))]
        prompts = [self.prompter.prompt(dilemma, pole, form=form) + lead for pole in asked]
        return [Branch(prompt + end, len(prompt)) for prompt in prompts for end in ends]

    def _trie(self) -> TrieEngine:
        """The engine of the model as it is now: a new adapter is a new model."""
        if self._engine is None or self._engine.model is not self.language.model:
            try:
                self._engine = TrieEngine(self.language.model, backend=self.reading.backend)
            except UnsupportedModelError as error:
                if self.reading.backend != "auto":
                    raise
                logger.warning("%s Scoring every branch on its own.", error)
                self._engine = TrieEngine(self.language.model, backend="separate")
        return self._engine

    # Files

    def save(self, folder: Path) -> None:
        """Write the adapter, if there is one, and `scorer.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        if self.language.has_adapter:
            self.language.save(folder)
        (folder / "scorer.json").write_text(json.dumps(self.describe(), indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path, *, language: LanguageModel | None = None) -> LmScorer:
        """The scorer saved in `folder`; it scores bit-identically.

        Args:
            folder: what `save` wrote.
            language: the base, if it is loaded already; its adapter is replaced.

        Raises:
            BadInputError: the folder doesn't hold one, or the base is not the one it was trained on.
        """
        try:
            record = json.loads((folder / "scorer.json").read_text())
            if record["format"] != FORMAT:
                raise BadInputError(f"{folder}: format is {record['format']!r}, expected {FORMAT!r}")
            reading, prompts = LmReading(**record["reading"]), PromptConfig(**record["prompts"])
            base, identity = record["language"]["base"], record["language"]["identity"]
        except (OSError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, BadInputError):
                raise
            raise BadInputError(f"{folder}: not a saved scorer ({type(error).__name__}: {error})") from error
        language = language or LanguageModel.load(base)
        if language.identity != identity:
            raise BadInputError(f"{folder}: of base {identity}, here is {language.identity}")
        if (folder / RECORD).is_file():
            language.load_adapter(folder)
            language.name = f"{PREFIX}{folder}"
        return cls(language, reading, prompts)

    def describe(self) -> dict[str, Any]:
        """Format, model, how it is asked and read."""
        return {
            "format": FORMAT,
            "language": self.language.describe(),
            "reading": asdict(self.reading),
            "prompts": asdict(self.prompter.config),
        }
