"""The `encoder` scorer: a sentence encoder with a head over (option, pole). Milliseconds on a CPU.

    logit(o, p) = tau * cos(e_o, e_p) + (z(o) A + g(o) C + z(s) B z(o)) c(p)
    s_p(o) = log softmax of it over the dilemma's options

e are sentence embeddings of the option's text and the pole's *description*; z(o) are the option's pooled states,
standardised on the training options, g(o) its character n-grams (`models/ngrams.py`). A and C are what is learned (and
B, for value pairs where an option's meaning depends on its scenario s: `models/situated.py`), zero at first, so that
the untrained scorer is zero-shot similarity; c(p) says how the pole's description mixes from the known poles'
descriptions, by ridge regression: nearly one-hot for a pole that was trained, a mixture for one that never was.
Fine-tuning trains other experts (`models/tuned.py`), whose logits, tempered, are added to the head's: a product of
experts (Hinton 2002). The softmax sets options against each other: what they have in common cancels. Nothing
ties a pole to its opposite.
Axes: `dilemma`, `option`, `pole`, `feature`.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor
from torch.nn import functional as F

from counterpoint.errors import BadInputError
from counterpoint.models.bases import BASES, LARGE, SMALL, BaseName
from counterpoint.models.ngrams import NGrams
from counterpoint.models.packed import Packed
from counterpoint.models.scorer import LogProbs
from counterpoint.models.situated import Situated, scenario_text
from counterpoint.models.text_encoder import Progress, TextEncoder
from counterpoint.models.tuned import TunedMember, TunedPart
from counterpoint.runlog import write_bytes, write_text
from counterpoint.types import Dilemma, Pole, Taxonomy

FORMAT = "counterpoint.encoder/4"
ZERO_SHOT_SCALE = 1.0
"""tau, nats for a cosine of 1: small, because zero-shot similarity is a weak guide, hard to unlearn (docs/log.md)."""

POLE_RIDGE = 0.01
"""Ridge of c(p). Known poles come out nearly one-hot; two known poles with the same description share their column."""

TUNED_SHARE = 0.5
"""What the tuned part's logits count beside the head's, which are calibrated; its own are far too sure."""


@dataclass(frozen=True)
class EncoderConfig:
    """What an option is seen with."""

    base: Literal["auto", BaseName] = "auto"
    """The sentence encoder under it. `auto`: all-mpnet-base-v2 where it is fine-tuned; all-MiniLM-L6-v2, five times as
    fast, where it is frozen."""
    reads: Literal["options", "scenario"] = "options"
    """`options`: their texts alone. `scenario`: the scenario's text before each option's."""
    ngrams: Literal["auto", "never"] = "auto"
    """Whether the head sees the characters of an option's words beside what the encoder makes of them
    (models/ngrams.py). `auto`: where left-out training dilemmas are predicted better with them."""
    situated: Literal["auto", "never"] = "auto"
    """Whether options may mean different things in different scenarios (models/situated.py). `auto`: for the value
    pairs whose training dilemmas show it."""


def base_of(config: EncoderConfig, finetune: bool) -> BaseName:
    """The sentence encoder that these settings mean."""
    if config.base != "auto":
        return config.base
    return LARGE if finetune else SMALL


class EncoderScorer:
    """A scorer over `TextEncoder`; `poles` are the known ones, in the order of A's columns."""

    name = "encoder"

    def __init__(self, text_encoder: TextEncoder, poles: Sequence[Pole], config: EncoderConfig | None = None) -> None:
        self.text_encoder, self.poles, self.config = text_encoder, tuple(poles), config or EncoderConfig()
        size = text_encoder.features_size
        self.mean, self.scale = torch.zeros(size), torch.ones(size)  # [feature], set by `standardise`
        self.weight = torch.zeros(size, len(self.poles))  # A, [feature, known pole]
        self.ngrams: NGrams | None = None
        self.situated: Situated | None = None
        self.tuned: TunedPart | None = None
        self._known = self._described(self.poles)

    @classmethod
    def untrained(
        cls, taxonomy: Taxonomy, *, config: EncoderConfig | None = None, finetune: bool = False
    ) -> EncoderScorer:
        """A scorer that knows the taxonomy's poles and scores by zero-shot similarity; `finetune` if that is what will
        be done with it."""
        config = config or EncoderConfig()
        return cls(TextEncoder.load(base_of(config, finetune)), taxonomy.poles, config)

    def fresh(self) -> EncoderScorer:
        """An untrained scorer of the same kind that shares the frozen encoder."""
        return EncoderScorer(self.text_encoder, self.poles, self.config)

    # Reading texts

    def texts(self, dilemma: Dilemma) -> list[str]:
        """What is read for each option: `[option]`."""
        if self.config.reads == "scenario":
            return [f"{dilemma.scenario} {option.text}" for option in dilemma.options]
        return [option.text for option in dilemma.options]

    def embed(
        self, dilemmas: Sequence[Dilemma], *, asked: Sequence[Dilemma] = (), progress: Progress | None = None
    ) -> None:
        """Fill the cache of frozen features for dilemmas to train on and others that are only asked: their scenarios
        are read when it has turned out that scenarios matter."""
        texts = [text for d in (*dilemmas, *asked) for text in self.texts(d)]
        if self.config.situated == "auto":
            texts += [scenario_text(d) for d in dilemmas]
        self.text_encoder.features(texts, progress=progress)

    def standardise(self, dilemmas: Sequence[Dilemma]) -> None:
        """Set z's mean and scale from the frozen features of these dilemmas' options."""
        features = self.text_encoder.features([text for d in dilemmas for text in self.texts(d)])
        self.mean = torch.tensor(features.mean(0))
        self.scale = torch.tensor(features.std(0) + 1e-6) * math.sqrt(features.shape[1])

    def frozen_features(self, dilemmas: Sequence[Dilemma]) -> Tensor:
        """Pooled states of every option in a row, dilemma after dilemma, not standardised: `[option, feature]`."""
        # a copy in torch's memory: numpy's is aligned by chance, and sums run in another order on other alignments
        return torch.tensor(self.text_encoder.features([text for d in dilemmas for text in self.texts(d)]))

    def token_ids(self, dilemmas: Sequence[Dilemma], context: int) -> list[list[int]]:
        """What a tuned encoder reads of every option in a row: `[option][token]`.

        Before the option come the last `context` tokens of the scenario, between the start and a separator.
        """
        ids = []
        for dilemma in dilemmas:
            last_words = " ".join(scenario_text(dilemma).split()[-context:]) if context else ""
            scenario = self.text_encoder.token_ids(last_words)[1:-1][-context:] if last_words else []
            for start, *rest in map(self.text_encoder.token_ids, self.texts(dilemma)):
                ids.append([start, *scenario, rest[-1], *rest] if scenario else [start, *rest])
        return ids

    def lower_states(self, dilemmas: Sequence[Dilemma], context: int) -> Packed:
        """What a tuned member's layers start from: states of `token_ids` after the layers that are not tuned."""
        assert self.tuned is not None
        return self.text_encoder.lower(self.token_ids(dilemmas, context), self.text_encoder.layers - self.tuned.depth)

    def start_tuning(self, contexts: Sequence[int], layers: int) -> TunedPart:
        """Give the scorer upper layers of its own to train, for members that read so many of a scenario's tokens."""
        module, layers = self.text_encoder.module, min(layers, self.text_encoder.layers)
        self.tuned = TunedPart([TunedMember(module, layers, len(self.poles), context) for context in contexts])
        return self.tuned

    # Scoring

    def zero_shot(self, frozen: Tensor, poles: Sequence[Pole]) -> Tensor:
        """tau * cos(e_o, e_p) from frozen features: `[option, pole]`."""
        described = self._described(poles)
        return ZERO_SHOT_SCALE * F.normalize(frozen[:, -self.text_encoder.dimension :], dim=-1) @ described.T

    def pole_codes(self, poles: Sequence[Pole]) -> Tensor:
        """c(p), the poles as mixtures of the known ones: `[known pole, pole]`."""
        described = self._described(poles)
        gram = self._known @ self._known.T + POLE_RIDGE * torch.eye(len(self._known))
        codes: Tensor = torch.linalg.solve(gram, self._known @ described.T)
        return codes

    def _described(self, poles: Sequence[Pole]) -> Tensor:
        """e_p, embeddings of the poles' descriptions: `[pole, dimension]`."""
        return torch.tensor(self.text_encoder.embed([pole.description for pole in poles]))

    def standardised(self, features: Tensor) -> Tensor:
        """z(o) from pooled states: `[option, feature]`."""
        return (features - self.mean) / self.scale

    @torch.no_grad()
    def score(self, dilemmas: Sequence[Dilemma], poles: Sequence[Sequence[Pole]]) -> list[LogProbs]:
        """Log-probabilities of every option under every pole asked for; see `Scorer.score`."""
        if not dilemmas:
            return []
        wanted = list({pole.description: pole for asked in poles for pole in asked}.values())
        column = {pole.description: i for i, pole in enumerate(wanted)}
        codes = self.pole_codes(wanted)
        frozen = torch.split(self.frozen_features(dilemmas), [len(dilemma.options) for dilemma in dilemmas])
        scenarios = self.situated.scenario_states(self.text_encoder, dilemmas) if self.situated else [None] * len(poles)
        scored = []
        for dilemma, asked, options, scenario in zip(dilemmas, poles, frozen, scenarios, strict=True):
            z = self.standardised(options)
            learned = z @ (self.weight @ codes)
            if self.ngrams is not None:
                learned = learned + self.ngrams.logits(self.texts(dilemma)) @ codes
            if self.situated is not None and scenario is not None:
                learned = learned + self.situated.logits(scenario.expand_as(z), z, len(self.poles)) @ codes
            if self.tuned is not None:
                learned = learned + TUNED_SHARE * self.tuned(partial(self.lower_states, [dilemma]), codes)
            logits = self.zero_shot(options, wanted) + learned
            rows = F.log_softmax(logits.T[[column[pole.description] for pole in asked]], dim=-1)
            scored.append(np.asarray(rows.numpy(), np.float32))
        return scored

    # Files

    def save(self, folder: Path) -> None:
        """Write `scorer.safetensors`, a fine-tuned encoder's weights in it, and `scorer.json`, which names its hash.

        Each file is whole or not there; where a crash left them from two scorers, `load` says so.
        """
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {"mean": self.mean, "scale": self.scale, "weight": self.weight.detach()}
        if self.ngrams is not None:
            found = self.ngrams
            tensors |= {"ngrams_buckets": found.buckets, "ngrams_idf": found.idf, "ngrams": found.weight}
        if self.situated is not None:
            own = self.situated
            tensors |= {"situated_mean": own.mean, "situated_scale": own.scale, "situated": own.bilinear.contiguous()}
        if self.tuned is not None:
            tensors |= {f"tuned.{key}": value.contiguous() for key, value in self.tuned.state_dict().items()}
        data = save(tensors)
        write_bytes(folder / "scorer.safetensors", data)
        record = {**self.describe(), "sha256": hashlib.sha256(data).hexdigest()}
        write_text(folder / "scorer.json", json.dumps(record, indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> EncoderScorer:
        """The scorer saved in `folder`; it scores bit-identically.

        Raises:
            BadInputError: the folder doesn't hold one, or it was trained on another base encoder.
        """
        try:
            record = json.loads((folder / "scorer.json").read_text())
            data = (folder / "scorer.safetensors").read_bytes()
            if record["format"] != FORMAT:
                raise BadInputError(f"{folder}: format is {record['format']!r}, expected {FORMAT!r}")
            if record["sha256"] != hashlib.sha256(data).hexdigest():
                raise BadInputError(f"{folder}: scorer.safetensors is not the file that scorer.json was written with")
            tensors = load(data)
            known = {base.sha256: name for name, base in BASES.items()}
            text_encoder = TextEncoder.load(known.get(record["encoder"], SMALL))
            if record["encoder"] != text_encoder.identity:
                raise BadInputError(
                    f"{folder}: trained on encoder {record['encoder']}, here is {text_encoder.identity}"
                )
            poles = [Pole(**{**pole, "stems": tuple(pole["stems"])}) for pole in record["poles"]]
            scorer = cls(text_encoder, poles, EncoderConfig(**record["config"]))
            for key in ("mean", "scale", "weight"):
                # a copy: memory of a file may be aligned otherwise, and then sums run in another order
                setattr(scorer, key, _like(getattr(scorer, key), tensors.pop(key).clone(), key))
            if record["ngrams"]:
                scorer.ngrams = scorer.read_ngrams(int(record["ngrams"]), tensors)
            if record["situated_poles"]:
                scorer.situated = scorer.read_situated(record["situated_poles"], tensors)
            if record["tuned_members"]:
                state = {key.removeprefix("tuned."): value for key, value in tensors.items()}
                contexts, layers = [int(tokens) for tokens in record["tuned_members"]], int(record["tuned_layers"])
                scorer.start_tuning(contexts, layers).eval().load_state_dict(state)
            elif tensors:
                raise ValueError(f"unexpected tensors: {', '.join(sorted(tensors))}")
        except (OSError, KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
            if isinstance(error, BadInputError):
                raise
            raise BadInputError(f"{folder}: not a saved encoder scorer ({type(error).__name__}: {error})") from error
        return scorer

    def read_ngrams(self, count: int, tensors: dict[str, Tensor]) -> NGrams:
        """The n-gram term of a saved scorer, its tensors taken out of `tensors`; `ValueError` if they don't fit."""
        expected = {
            "ngrams_buckets": torch.empty(count, dtype=torch.long),
            "ngrams_idf": torch.empty(count),
            "ngrams": torch.empty(count, len(self.poles)),
        }
        return NGrams(*(_like(like, tensors.pop(key).clone(), key) for key, like in expected.items()))

    def read_situated(self, columns: Sequence[int], tensors: dict[str, Tensor]) -> Situated:
        """The bilinear term of a saved scorer, its tensors taken out of `tensors`; `ValueError` if they don't fit."""
        size = len(self.mean)
        bilinear = torch.empty(len(columns), size, size)
        expected = {"situated_mean": self.mean, "situated_scale": self.scale, "situated": bilinear}
        mean, scale, found = (_like(like, tensors.pop(key).clone(), key) for key, like in expected.items())
        if not all(0 <= column < len(self.poles) for column in columns):
            raise ValueError(f"situated_poles are {list(columns)}, there are {len(self.poles)} poles")
        return Situated(mean, scale, found, tuple(columns))

    def describe(self) -> dict[str, Any]:
        """Format, base encoder, configuration, known poles."""
        return {
            "format": FORMAT,
            "encoder": self.text_encoder.identity,
            "config": asdict(self.config),
            "poles": [asdict(pole) for pole in self.poles],
            "ngrams": len(self.ngrams.buckets) if self.ngrams is not None else 0,
            "situated_poles": list(self.situated.columns) if self.situated is not None else [],
            "tuned_members": self.tuned.contexts if self.tuned is not None else [],
            "tuned_layers": self.tuned.depth if self.tuned is not None else 0,
        }


def _like(expected: Tensor, found: Tensor, name: str) -> Tensor:
    """The tensor found, if it has the shape and type it must have."""
    if found.shape != expected.shape or found.dtype != expected.dtype or not bool(found.isfinite().all()):
        raise ValueError(f"{name} is {tuple(found.shape)} {found.dtype}, expected finite {tuple(expected.shape)}")
    return found
