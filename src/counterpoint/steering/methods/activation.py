"""Adding activation vectors scaled by v (contrastive activation addition, CAA; Rimsky et al. 2023, arXiv 2312.06681).

    h(t) <- h(t) + (s - n . h(t)) n + sum over value pairs d of v_d m a_d
                                                            after one layer, from the last token of the prompt on

h is the residual stream, a_d the mean difference of the stream between the positive and the negative side of d, m the
multiplier found with the vectors (`activation_fit.py`, or `models/caa_fit.py` for the paper's own). Pairs add up.

n is the direction in which a stream that answers for somebody differs from one that answers for nobody in particular,
and s how far along it somebody's is. The prompt asks for nobody in particular, and its stream says so, louder than any
vector says something else: without that taken out (directional ablation; Arditi et al. 2024, arXiv 2406.11717) vectors
must be as long as the stream itself to move a choice, and the layers after it, which read the stream at unit length,
then hear each the less the more are added. Taken out once, however many pairs there are; where a stream says somebody
already (a pole's own prompt), next to nothing changes. The paper's own vectors come without n.

Departures: n, and that the prompt asks for nobody in particular; the length of the sum is not bounded, and far out (v m
beyond what the model has seen in its stream) replies lose their form before they lean further.

Worked example: a = (3, 0, 0) and (0, 1, 0) for two pairs, m = 2, v = (1, -0.5): the sum is (6, -1, 0). With
n = (0, 0, 1) and s = 4, h = (1, 1, -9) becomes (7, 0, 4).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load, save
from torch import Tensor

from counterpoint.errors import BadInputError
from counterpoint.models import caa
from counterpoint.steering.method import Answerer, Draft, Needs
from counterpoint.steering.steering import Steering

if TYPE_CHECKING:
    from counterpoint.steering.engine import Engine


FORMAT = "counterpoint.steering_vectors/2"
FILE, TENSORS = "vectors.json", "vectors.safetensors"
PAIR, SOMEBODY = "pair ", "somebody"
"""What tensors are called in the file: a value pair's begins with the first."""


@dataclass(frozen=True)
class Vectors:
    """The method's material."""

    by_pair: Mapping[str, Tensor]
    """Value pair's name to `[dim]`, from the negative to the positive pole."""
    layer: int
    """After which they are added, counted from 0."""
    multiplier: float
    """m."""
    identity: str = ""
    """Of the model they were made on; empty: unknown."""
    somebody: Tensor | None = None
    """n, `[dim]`, of length 1; None: nothing is taken out of the stream."""
    level: float = 0.0
    """s."""

    @classmethod
    def of(cls, scorer: caa.CaaScorer) -> Vectors:
        """Those of a fitted scorer."""
        return cls(scorer.vectors, scorer.layer, scorer.multiplier, scorer.language.identity)

    def save(self, folder: Path) -> None:
        """Write them as safetensors, with a record beside them."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {f"{PAIR}{name}": vector.contiguous() for name, vector in self.by_pair.items()}
        data = save(tensors if self.somebody is None else {**tensors, SOMEBODY: self.somebody.contiguous()})
        (folder / TENSORS).write_bytes(data)
        record = {"format": FORMAT, "layer": self.layer, "multiplier": self.multiplier, "identity": self.identity}
        record["level"] = self.level
        record["sha256"] = hashlib.sha256(data).hexdigest()
        (folder / FILE).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Vectors:
        """Those that `save` or `CaaScorer.save` wrote; no model is loaded.

        Raises:
            BadInputError: the folder holds none.
        """
        own = (folder / FILE).is_file()
        file, tensors, format_ = (FILE, TENSORS, FORMAT) if own else (caa.FILE, caa.TENSORS, caa.FORMAT)
        try:
            record = json.loads((folder / file).read_text(encoding="utf-8"))
            data = (folder / tensors).read_bytes()
            if record["format"] != format_ or record["sha256"] != hashlib.sha256(data).hexdigest():
                raise ValueError(f"{file} and {tensors} are not of one {format_}")
            if not own:
                record |= json.loads((folder / "scorer.json").read_text(encoding="utf-8"))["language"]
            found = load(data)
            somebody = found.pop(SOMEBODY, None) if own else None
            by_pair = {name.removeprefix(PAIR) if own else name: vector for name, vector in found.items()}
            made = cls(by_pair, int(record["layer"]), float(record["multiplier"]), str(record["identity"]))
            return replace(made, somebody=somebody, level=float(record["level"])) if own else made
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise BadInputError(f"{folder}: no saved CAA vectors ({type(error).__name__}: {error})") from error


@dataclass(frozen=True)
class OpenActivation:
    """Vectors in the taxonomy's order, multiplied: `[value_pair, dim]`; n and s."""

    layer: int
    directions: Tensor
    somebody: Tensor | None = None
    level: float = 0.0

    def draft(self, draft: Draft, steering: Steering) -> Draft:
        """The sum of the pairs' vectors, on top of what the layer gets already; somebody instead of nobody, once."""
        offset = torch.tensor(steering.vector) @ self.directions
        if self.layer in draft.offsets:
            offset = draft.offsets[self.layer] + offset
        elif self.somebody is not None:
            offset = offset + self.level * self.somebody
            draft = replace(draft, erased={**draft.erased, self.layer: self.somebody})
        return replace(draft, offsets={**draft.offsets, self.layer: offset})


@dataclass(frozen=True)
class _Method:
    needs: Needs = "model"
    composes_with: frozenset[str] = frozenset({"instruction", "mixture", "adapters", "rerank"})

    def open(self, host: Answerer, material: Any = None) -> OpenActivation:
        """`material`: `Vectors` (of `fit_vectors`), a `CaaScorer` (of `fit_caa`), or the folder that either saved."""
        engine: Engine = host  # type: ignore[assignment]  # what needs a model is opened on an engine
        vectors = _vectors(material)
        if vectors.identity and vectors.identity != engine.language.identity:
            raise BadInputError(f"CAA vectors of {vectors.identity}; the model here is {engine.language.identity}")
        missing = [pair.name for pair in engine.taxonomy if pair.name not in vectors.by_pair]
        if missing:
            raise BadInputError(f"no CAA vector for {', '.join(missing)}; fit them on dilemmas about every value pair")
        directions = torch.stack([vectors.by_pair[pair.name].float().cpu() for pair in engine.taxonomy])
        if directions.shape[1] != engine.levers.width:
            width = engine.levers.width
            raise BadInputError(f"CAA vectors of {directions.shape[1]} numbers; the model's stream has {width}")
        somebody = None if vectors.somebody is None else vectors.somebody.float().cpu()
        return OpenActivation(vectors.layer, vectors.multiplier * directions, somebody, vectors.level)


def _vectors(material: Any) -> Vectors:
    match material:
        case Vectors():
            return material
        case caa.CaaScorer():
            return Vectors.of(material)
        case str() | Path():
            return Vectors.read(Path(material))
    raise BadInputError(
        "activation needs CAA vectors: Engine(..., materials={'activation': fit_vectors(language, dilemmas, "
        "taxonomy)}), or the folder of saved ones (--material activation=FOLDER)"
    )


METHOD = _Method()
