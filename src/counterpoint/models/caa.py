"""Contrastive activation addition (CAA; Rimsky et al. 2023, arXiv 2312.06681) as a scorer and a speaker.

A value pair has one vector v, the mean difference of the residual stream after a layer between answering for the
positive and for the negative pole (`caa_fit.py`). Under the positive pole `m * v` is added to the stream after that
layer, under the negative pole `-m * v`, at the prompt's last token and everything after it, as in the paper.

Departure: the prompt names the pole, because that is how every method is asked; the vector comes on top. So `caa`
beside `base` says what steering adds to an instruction, not what it does alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from scipy.special import log_softmax
from torch import Tensor

from counterpoint.errors import BadInputError
from counterpoint.models.language_model import LanguageModel
from counterpoint.models.lm_scorer import LmScorer
from counterpoint.models.scorer import LogProbs
from counterpoint.models.steered_trie import SteeredTrie
from counterpoint.models.steering_hooks import add_to_residual
from counterpoint.models.trie import batches
from counterpoint.models.trie.check import evaluating
from counterpoint.types import Dilemma, Pole, Taxonomy

if TYPE_CHECKING:
    from counterpoint.models.lm_speaker import Question

FORMAT = "counterpoint.caa/1"
FILE, TENSORS = "caa.json", "caa.safetensors"


class CaaScorer(LmScorer):
    """A language model steered by one vector a value pair.

    Args:
        scorer: the model, how it is asked and read.
        taxonomy: whose poles may be asked for.
        vectors: value pair's name to `[dim]`, from the negative to the positive pole.
        layer: after which they are added.
        multiplier: times which they are added.
        sweep: what was tried to find layer and multiplier, for the run's record.
        tries: the model's steered tries, where another scorer has them: they are checked once.
    """

    def __init__(
        self,
        scorer: LmScorer,
        taxonomy: Taxonomy,
        vectors: Mapping[str, Tensor],
        *,
        layer: int,
        multiplier: float,
        sweep: Sequence[Mapping[str, float]] = (),
        tries: SteeredTrie | None = None,
    ) -> None:
        super().__init__(scorer.language, scorer.reading, scorer.prompter.config)
        self.vectors = {name: vector.float().cpu() for name, vector in vectors.items()}
        self.layer, self.multiplier, self.sweep = layer, multiplier, tuple(sweep)
        self._signs = {
            pole.name: (pair.name, sign) for pair in taxonomy for pole, sign in zip(pair.poles, (1, -1), strict=True)
        }
        self._steered = tries

    def vector(self, pole: Pole | None) -> Tensor:
        """What is added under this pole, `[dim]`.

        Raises:
            BadInputError: there is no vector for it.
        """
        pair, sign = self._signs.get(pole.name if pole else "", ("", 0))
        if pair not in self.vectors:
            named = repr(pole.name) if pole else "nobody in particular"
            raise BadInputError(f"no CAA vector for {named}; there are vectors for {', '.join(self.vectors)}")
        return sign * self.multiplier * self.vectors[pair]

    def score(
        self,
        dilemmas: Sequence[Dilemma],
        poles: Sequence[Sequence[Pole | None]],
        *,
        progress: Callable[[int], None] | None = None,
    ) -> list[LogProbs]:
        """Log-probabilities of every option under every pole asked for, each with its vector; see `Scorer.score`."""
        groups = [self._branches(dilemma, asked) for dilemma, asked in zip(dilemmas, poles, strict=True)]
        leads = [self._lead(dilemma) for dilemma in dilemmas]
        vectors = [[self.vector(pole) for pole in asked] for asked in poles]
        found: list[NDArray[np.float64]] = [np.zeros(len(group)) for group in groups]
        filled = [g for g, group in enumerate(groups) if group]
        with torch.no_grad(), evaluating(self.language.model):
            for batch in batches([groups[g] for g in filled], max_nodes=self.reading.max_nodes):
                places = [(filled[member.group], member.branch) for member in batch.members]
                starts = [groups[g][b].start - leads[g] - 1 for g, b in places]
                wanted = torch.stack([vectors[g][b // len(dilemmas[g].options)] for g, b in places])
                sums = self._tries().log_probs(batch.plan, self.layer, starts, wanted).double().cpu().numpy()
                lengths = batch.plan.response_tokens if self.reading.kind == "answers_per_token" else np.ones(len(sums))
                for (g, b), value in zip(places, sums / lengths, strict=True):
                    found[g][b] = value
                if progress:
                    progress(len(places))
        return [
            np.asarray(log_softmax(row.reshape(len(asked), len(dilemma.options)), axis=1), np.float32)
            for row, dilemma, asked in zip(found, dilemmas, poles, strict=True)
        ]

    def steer(self, questions: Sequence[Question]) -> AbstractContextManager[None]:
        """Within it the model replies to these questions, one token each: what `LmSpeaker` opens around its steps."""
        vectors = torch.stack([self.vector(question.pole) for question in questions])
        return add_to_residual(self.language.model, self.layer, vectors[:, None])

    def _lead(self, dilemma: Dilemma) -> int:
        """Tokens of the reply that a branch counts to its prompt."""
        letters = self.reading.kind == "letters"
        return len(self.prompter.letters(dilemma, form=self.reading.form)[0]) if letters else 0

    def _tries(self) -> SteeredTrie:
        """Of the model as it is now: a new adapter is a new model."""
        if self._steered is None or self._steered.parts.model is not self.language.model:
            self._steered = SteeredTrie(self.language.model)
        return self._steered

    # Files

    def save(self, folder: Path) -> None:
        """Write the vectors and `caa.json` beside what a language model's scorer writes."""
        super().save(folder)
        data = save_tensors({name: vector.contiguous() for name, vector in self.vectors.items()})
        (folder / TENSORS).write_bytes(data)
        record = {
            "format": FORMAT,
            "layer": self.layer,
            "multiplier": self.multiplier,
            "signs": self._signs,
            "sweep": self.sweep,
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        (folder / FILE).write_text(json.dumps(record, indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path, *, language: LanguageModel | None = None) -> CaaScorer:
        """The scorer saved in `folder`; it scores bit-identically.

        Raises:
            BadInputError: the folder doesn't hold one, or the base is not the one it was made on.
        """
        scorer = LmScorer.load(folder, language=language)
        try:
            record, data = json.loads((folder / FILE).read_text()), (folder / TENSORS).read_bytes()
            if record["format"] != FORMAT or record["sha256"] != hashlib.sha256(data).hexdigest():
                raise BadInputError(f"{folder}: {FILE} and {TENSORS} are not of one {FORMAT}")
            made = cls(
                scorer, _NOBODY, load_tensors(data), layer=int(record["layer"]), multiplier=float(record["multiplier"])
            )
            made._signs = {pole: (str(pair), int(sign)) for pole, (pair, sign) in record["signs"].items()}
            made.sweep = tuple(record["sweep"])
        except (OSError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, BadInputError):
                raise
            raise BadInputError(f"{folder}: not saved CAA vectors ({type(error).__name__}: {error})") from error
        return made

    def describe(self) -> dict[str, Any]:
        """The language model's scorer's, with layer, multiplier and how they were found."""
        norms = {name: round(float(vector.norm()), 4) for name, vector in self.vectors.items()}
        steering = {"layer": self.layer, "multiplier": self.multiplier, "norms": norms, "sweep": list(self.sweep)}
        return {**super().describe(), "caa": steering}


_NOBODY = Taxonomy("", ())
