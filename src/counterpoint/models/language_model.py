"""A causal language model with its tokenizer and, perhaps, a LoRA adapter that can be switched off.

LoRA: Hu et al. 2021, arXiv 2106.09685. Weights come as safetensors only, and no code from a model's repository is run.
An adapter's folder is peft's own (`adapter_model.safetensors`, `adapter_config.json`) with `language_model.json` beside
it, which names the base model.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError

from counterpoint.errors import BadInputError, MissingExtraError
from counterpoint.runlog import disk_faults_told

FORMAT = "counterpoint.language_model/1"
PREFIX = "lm:"
RECORD = "language_model.json"
TINY = "lm:tiny"
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoraSettings:
    """An adapter's shape; defaults are the PFT paper's (arXiv 2604.12479)."""

    rank: int = 8
    """Rank r of each weight's change."""
    alpha: int = 32
    """The change is scaled by alpha / rank."""
    dropout: float = 0.05
    """On the adapter's input while training. Its noise is shared by all branches of a tree."""
    modules: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj")
    """Linear layers that get an adapter, by the last part of their name."""


class LanguageModel:
    """Weights, tokenizer and adapter of `name`, on one device."""

    def __init__(
        self, name: str, model: Any, tokenizer: Any, *, folder: Path | None = None, identity: str = ""
    ) -> None:
        self.name, self.model, self.tokenizer = name, model, tokenizer
        self.base = name
        """The base's name, which `name` is too unless an adapter's folder was asked for."""
        self.folder = folder
        self.lora: LoraSettings | None = None
        self._identity = identity

    @classmethod
    def load(
        cls,
        name: str,
        *,
        dtype: torch.dtype | None = None,
        quantisation: Literal["4bit"] | None = None,
        device: str | None = None,
    ) -> LanguageModel:
        """The model of that name, in evaluation mode.

        Args:
            name: `lm:` and a hub id, a folder with a model or with an adapter saved by `save`, or `tiny`.
            dtype: of the weights; by default float32 on a CPU and bfloat16 elsewhere.
            quantisation: `4bit` keeps the base's weights as 4-bit normal floats (QLoRA; needs a GPU).
            device: by default the first GPU, else the CPU.

        Raises:
            BadInputError: there is no such model, or it is not a causal language model in safetensors.
            MissingExtraError: transformers or, for `4bit`, bitsandbytes is not installed.
        """
        where = name.removeprefix(PREFIX)
        if name == where or not where:
            raise BadInputError(f"model {name!r}: expected {PREFIX}<hub id, folder, or tiny>")
        if (record := Path(where) / RECORD).is_file():
            base = _read_record(record)["base"]
            language = cls.load(base, dtype=dtype, quantisation=quantisation, device=device)
            language.load_adapter(Path(where))
            language.name = name
            return language
        if name == TINY:
            from counterpoint.models import tiny

            return tiny.load(dtype=dtype, device=device)
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        dtype = dtype or (torch.float32 if device == "cpu" else torch.bfloat16)
        return _load(cls, name, where, dtype=dtype, quantisation=quantisation, device=device)

    @property
    def device(self) -> torch.device:
        """Where token ids must be."""
        device: torch.device = self.model.get_input_embeddings().weight.device
        return device

    @cached_property
    def identity(self) -> str:
        """What tells this base from any other: hub id and revision, or a hash of a folder's weights."""
        if self._identity:
            return self._identity
        revision = getattr(self.model.config, "_commit_hash", None)
        if revision:
            return f"{self.name.removeprefix(PREFIX)}@{revision}"
        return f"sha256:{_hash_of(self.folder)}" if self.folder else ""

    # The adapter

    @property
    def has_adapter(self) -> bool:
        """Whether there is an adapter, on or off."""
        return hasattr(self.model, "peft_config")

    def add_adapter(self, lora: LoraSettings | None = None, *, seed: int = 0) -> None:
        """A new adapter in place of any other. It begins by changing nothing: scores are the base's.

        Raises:
            BadInputError: the model has no modules of the names asked for.
        """
        peft = _peft()
        self.remove_adapter()
        lora = lora or LoraSettings()
        settings = peft.LoraConfig(
            r=lora.rank,
            lora_alpha=lora.alpha,
            lora_dropout=lora.dropout,
            target_modules=list(lora.modules),
            task_type="CAUSAL_LM",
        )
        if getattr(self.model, "is_loaded_in_4bit", False):
            self.model = peft.prepare_model_for_kbit_training(self.model, use_gradient_checkpointing=False)
        try:
            with torch.random.fork_rng(), _quiet_peft():
                torch.manual_seed(seed)
                self.model = peft.get_peft_model(self.model, settings)
        except ValueError as error:
            raise BadInputError(f"{self.name}: no adapter on {', '.join(lora.modules)}: {error}") from error
        self.lora = lora
        self.model.eval()

    def remove_adapter(self) -> None:
        """The base as it was, without its adapter."""
        if self.has_adapter:
            self.model = self.model.unload()
            if hasattr(self.model, "peft_config"):
                del self.model.peft_config
        self.lora = None

    @contextmanager
    def without_adapter(self) -> Iterator[None]:
        """Within it the model is the base; DPO's reference needs no second model."""
        if not self.has_adapter:
            yield
            return
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        try:
            with self.model.disable_adapter():
                yield
        finally:  # peft switches gradients of what it switches
            self.model.requires_grad_(False)
            for parameter in trained:
                parameter.requires_grad_(True)

    def save(self, folder: Path) -> None:
        """Write the adapter and what base it belongs to; a reload gives bit-identical scores.

        Raises:
            BadInputError: there is no adapter to save.
        """
        if not self.has_adapter:
            raise BadInputError(f"{self.name} has no adapter to save")
        folder.mkdir(parents=True, exist_ok=True)
        with disk_faults_told(folder):
            self.model.save_pretrained(folder, safe_serialization=True, save_embedding_layers=False)
        (folder / RECORD).write_text(json.dumps(self.describe(), indent=2) + "\n")

    def load_adapter(self, folder: Path, *, trainable: bool = False) -> None:
        """The adapter saved in `folder` in place of any other.

        Raises:
            BadInputError: the folder holds none, or one of another base.
        """
        peft = _peft()
        record = _read_record(folder / RECORD)
        if record["identity"] != self.identity:
            raise BadInputError(f"{folder}: trained on {record['identity']}, here is {self.identity}")
        self.remove_adapter()
        try:
            with _quiet_peft():
                self.model = peft.PeftModel.from_pretrained(
                    self.model, str(folder), is_trainable=trainable, use_safetensors=True, local_files_only=True
                )
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise BadInputError(f"{folder}: no usable adapter ({type(error).__name__}: {error})") from error
        self.lora = LoraSettings(**{**record["lora"], "modules": tuple(record["lora"]["modules"])})
        self.model.eval()

    def describe(self) -> dict[str, Any]:
        """For run records: base, its identity, sizes, adapter."""
        config = self.model.config
        return {
            "format": FORMAT,
            "base": self.base,
            "identity": self.identity,
            "model_type": config.model_type,
            "parameters": sum(p.numel() for n, p in self.model.named_parameters() if "lora_" not in n),
            "dtype": str(self.model.get_input_embeddings().weight.dtype).removeprefix("torch."),
            "lora": asdict(self.lora) if self.lora else None,
        }


def _load(
    cls: type[LanguageModel], name: str, where: str, *, dtype: torch.dtype, quantisation: str | None, device: str
) -> LanguageModel:
    try:
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging as transformers_logging
    except ImportError as error:
        raise MissingExtraError("A language model", "lm") from error
    transformers_logging.disable_progress_bar()
    folder = Path(where) if Path(where).is_dir() else None
    options: dict[str, Any] = {"trust_remote_code": False, "local_files_only": folder is not None}
    weights: dict[str, Any] = {"use_safetensors": True, "dtype": dtype, "low_cpu_mem_usage": True}
    if quantisation:
        weights |= {"quantization_config": _four_bit(name, quantisation, device), "device_map": {"": device}}
    try:
        tokenizer = AutoTokenizer.from_pretrained(where, **options)
        model = AutoModelForCausalLM.from_pretrained(where, **options, **weights)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        first = str(error).strip().split("\n")[0]
        raise BadInputError(
            f"{name}: no causal language model in safetensors there ({first}). Expected a folder or a hub id"
        ) from error
    model = model if quantisation else model.to(device)
    return cls(name, model.requires_grad_(False).eval(), tokenizer, folder=folder)


def _four_bit(name: str, quantisation: str, device: str) -> Any:
    """QLoRA's quantisation (Dettmers et al. 2023, arXiv 2305.14314): NF4, constants quantised too."""
    if quantisation != "4bit":
        raise BadInputError(f"quantisation is {quantisation!r}; expected 4bit or none")
    if device == "cpu":
        raise BadInputError(f"{name}: 4-bit weights need a GPU; leave quantisation out")
    if importlib.util.find_spec("bitsandbytes") is None:
        raise MissingExtraError("4-bit weights (bitsandbytes)", "lm-4bit")
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def _peft() -> Any:
    try:
        import peft
    except ImportError as error:
        raise MissingExtraError("A LoRA adapter", "lm") from error
    return peft


@contextmanager
def _quiet_peft() -> Iterator[None]:
    """peft still asks transformers about gradient checkpointing by a name that transformers deprecates."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        yield


def _read_record(file: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(file.read_text())
        if record["format"] != FORMAT or not isinstance(record["lora"], dict):
            raise BadInputError(f"{file}: format is {record['format']!r}, expected {FORMAT!r} with an adapter")
        return record
    except (OSError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, BadInputError):
            raise
        raise BadInputError(f"{file.parent}: not a saved adapter ({type(error).__name__}: {error})") from error


def _hash_of(folder: Path) -> str:
    """SHA-256 over names and contents of a model's config and weights."""
    total = hashlib.sha256()
    for file in sorted([*folder.glob("*.safetensors"), folder / "config.json"]):
        with file.open("rb") as opened:
            total.update(f"{file.name}\0{hashlib.file_digest(opened, 'sha256').hexdigest()}\0".encode())
    return total.hexdigest()
