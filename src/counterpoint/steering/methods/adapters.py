"""Mixing LoRA adapters by v (task arithmetic; Ilharco et al. 2022, arXiv 2212.04089; LoRA: arXiv 2106.09685).

    W <- W + sum over value pairs d of v_d D_d

D_d is the change of the weights that turns the model from nobody in particular to the positive pole of d, and -D_d the
change to the negative one. It is made of adapters in one of two ways:

- one adapter a pair, trained with both signs at once (`adapters_fit.py`): D_d = s B A;
- one adapter a pole, each trained for its pole alone (`sft_positive`, `sft_negative`): D_d = (D_{d+} - D_{d-}) / 2, the
  half of their difference. What both learnt alike (the form of a reply) cancels; v = 1 with v = -1 taken away is the
  whole difference. It is odd in v and zero at v = 0, as the mixture's term is.

Nothing is merged: every row computes its own mix (`adapter_bank.py`), so that rows of any v share a batch.

Departure: the model reads its prompt changed too, as in training; rows of different v then share no prefix.

Worked example: two pairs with one adapter a pole, v = (1, -2): weights (1/2, -1/2) and (-1, 1).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import load_file, save

from counterpoint.errors import BadInputError
from counterpoint.models.language_model import RECORD
from counterpoint.runlog import write_bytes
from counterpoint.steering.adapter_bank import AdapterBank, Lora, read_lora
from counterpoint.steering.method import Answerer, Draft, Needs
from counterpoint.steering.steering import Steering

if TYPE_CHECKING:
    from counterpoint.steering.engine import Engine

FORMAT = "counterpoint.steering_adapters/1"
FILE = "adapters.json"


@dataclass(frozen=True)
class Adapters:
    """The method's material."""

    loras: Mapping[str, Lora]
    """By the name of a value pair (trained with both signs) or of a pole (trained for it alone)."""
    identity: str = ""
    """Of the base they were trained on; empty: unknown."""

    @classmethod
    def of_poles(cls, folders: Mapping[str, Path]) -> Adapters:
        """One adapter a pole, from folders that `LanguageModel.save` (or `counterpoint train`) wrote.

        Raises:
            BadInputError: a folder holds no adapter, or they are of different bases.
        """
        loras, identities = {}, set()
        for pole, folder in folders.items():
            try:
                record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
                scale = record["lora"]["alpha"] / record["lora"]["rank"]
                identities.add(str(record["identity"]))
            except (OSError, KeyError, TypeError, ValueError) as error:
                raise BadInputError(f"{folder}: not a saved adapter ({type(error).__name__}: {error})") from error
            loras[pole] = read_lora(folder, scale=scale)
        if len(identities) > 1:
            raise BadInputError(f"adapters of different models: {', '.join(sorted(identities))}")
        return cls(loras, next(iter(identities), ""))

    def save(self, folder: Path) -> None:
        """Write them as safetensors, one file an adapter, with a record of scales and base."""
        folder.mkdir(parents=True, exist_ok=True)
        names = {name: f"adapter-{i}.safetensors" for i, name in enumerate(self.loras)}
        for name, lora in self.loras.items():
            flat = {
                f"{m}.lora_{x}": t.contiguous() for m, ab in lora.factors.items() for x, t in zip("AB", ab, strict=True)
            }
            write_bytes(folder / names[name], save(flat))
        made = {name: {"file": names[name], "scale": lora.scale} for name, lora in self.loras.items()}
        record = {"format": FORMAT, "identity": self.identity, "adapters": made}
        (folder / FILE).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Adapters:
        """Those that `save` wrote.

        Raises:
            BadInputError: the folder holds none.
        """
        try:
            record = json.loads((folder / FILE).read_text(encoding="utf-8"))
            if record["format"] != FORMAT:
                raise ValueError(f"format is {record['format']!r}, expected {FORMAT!r}")
            loras = {}
            for name, made in record["adapters"].items():
                tensors = load_file(folder / Path(made["file"]).name)
                modules = sorted({key.rpartition(".")[0] for key in tensors})
                factors = {m: (tensors[f"{m}.lora_A"], tensors[f"{m}.lora_B"]) for m in modules}
                loras[name] = Lora(factors, float(made["scale"]))
            return cls(loras, str(record["identity"]))
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise BadInputError(f"{folder}: no saved adapters ({type(error).__name__}: {error})") from error


@dataclass(frozen=True)
class OpenAdapters:
    """What each value pair's strength gives to which adapters: `[value_pair]` of (adapter, share)."""

    shares: tuple[tuple[tuple[str, float], ...], ...]

    def draft(self, draft: Draft, steering: Steering) -> Draft:
        """Weights of the pairs that are not 0."""
        weights = dict(draft.adapters)
        for v, shares in zip(steering.vector, self.shares, strict=True):
            for name, share in shares if v else ():
                weights[name] = weights.get(name, 0.0) + share * v
        return replace(draft, adapters=weights)


@dataclass(frozen=True)
class _Method:
    needs: Needs = "model"
    composes_with: frozenset[str] = frozenset({"instruction", "mixture", "activation", "rerank"})

    def open(self, host: Answerer, material: Any = None) -> OpenAdapters:
        """`material`: `Adapters`, or the folder that they were saved in."""
        engine: Engine = host  # type: ignore[assignment]  # what needs a model is opened on an engine
        adapters = Adapters.read(Path(material)) if isinstance(material, str | Path) else material
        if not isinstance(adapters, Adapters):
            raise BadInputError(
                "adapters needs some: Engine(..., materials={'adapters': fit_adapters(language, dilemmas, taxonomy)}), "
                "or the folder of saved ones (--material adapters=FOLDER)"
            )
        if adapters.identity and adapters.identity != engine.language.identity:
            raise BadInputError(f"adapters of {adapters.identity}; the model here is {engine.language.identity}")
        shares: list[tuple[tuple[str, float], ...]] = []
        for pair in engine.taxonomy:
            if pair.name in adapters.loras:
                shares.append(((pair.name, 1.0),))
            elif all(pole.name in adapters.loras for pole in pair.poles):
                shares.append(((pair.positive.name, 0.5), (pair.negative.name, -0.5)))
            else:
                raise BadInputError(
                    f"no adapter for {pair.name}: expected one of that name, or one for each of "
                    f"{pair.positive.name} and {pair.negative.name} (here: {', '.join(adapters.loras) or 'none'})"
                )
        engine.levers.bank = AdapterBank(engine.language.model, adapters.loras)
        return OpenAdapters(tuple(shares))


METHOD = _Method()
