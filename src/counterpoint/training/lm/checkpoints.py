"""Checkpoints that a killed run goes on from: only whole ones count, and only those of the same run."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from counterpoint.errors import BadInputError
from counterpoint.runlog import write_text

KEPT = 2
"""Checkpoints kept: while one is written, the one before it is still whole."""

ADAPTER = "adapter.safetensors"
_WHOLE = "whole"
_IDENTITY = "identity"

logger = logging.getLogger(__name__)


def open_folder(folder: Path, identity: str) -> None:
    """Make the folder, or take over that of an earlier, interrupted run.

    Raises:
        BadInputError: it holds checkpoints of other data or settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / _IDENTITY
    if mark.exists() and mark.read_text(encoding="utf-8") != identity:
        raise BadInputError(
            f"{folder}: holds checkpoints of a training with other data, settings or base weights. "
            "Give another folder, or remove this one"
        )
    write_text(mark, identity)


def mark_whole(folder: Path, step: int) -> None:
    """Say that the checkpoint of this step was written to its end."""
    write_text(folder / f"checkpoint-{step}" / _WHOLE, json.dumps({"step": step}))


def last_whole(folder: Path) -> Path | None:
    """The newest whole checkpoint; what a killed run left half written is removed."""
    found = sorted(folder.glob("checkpoint-*"), key=step_of)
    for path in [path for path in found if not (path / _WHOLE).exists()]:
        logger.info("%s was not written to its end; removed", path)
        shutil.rmtree(path)
    whole = [path for path in found if path.exists()]
    return whole[-1] if whole else None


def step_of(checkpoint: Path) -> int:
    """The step after which it was written."""
    return int(checkpoint.name.rpartition("-")[2])


def trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    """The weights that training changes, by name."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def save_trainable(weights: dict[str, Tensor], folder: Path) -> None:
    """Write the adapter's weights, exactly as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: weight.detach().cpu().contiguous() for name, weight in weights.items()}, folder / ADAPTER)


def load_trainable(model: nn.Module, folder: Path) -> None:
    """Read what `save_trainable` wrote.

    Raises:
        BadInputError: the checkpoint is of another adapter.
    """
    stored, own = load_file(folder / ADAPTER), trainable(model)
    if stored.keys() != own.keys():
        raise BadInputError(f"{folder}: holds other weights than this adapter's. Remove it, or give another folder")
    for name, parameter in own.items():
        parameter.data.copy_(stored[name])
