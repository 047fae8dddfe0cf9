"""Who takes part in `evaluate --suite aloe`: a base, and what training made of it."""

from __future__ import annotations

import hashlib
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from counterpoint.authoring.llm import url_and_model
from counterpoint.errors import BadInputError
from counterpoint.evaluation.suites.aloe import BASE

LOCAL = "lm:"
TINY = "lm:tiny"


class Contestant(NamedTuple):
    """A model under a method's name."""

    method: str
    seed: int
    """Counts those of one method, in the order given."""
    model: str
    """`lm:...`, or URL#MODEL."""


def contestants(model: str, materials: Sequence[str]) -> list[Contestant]:
    """The model as `base`, then what was trained; a training run's folder stands for all that came of it.

    Args:
        model: `lm:...`, URL#MODEL, or the folder of a training run.
        materials: METHOD=MODEL, or the folder of a training run, each; a method that comes again is another seed.

    Raises:
        BadInputError: one of them is nothing of the kind.
    """
    found: list[tuple[str, str]] = []
    for number, text in enumerate((model, *materials)):
        option = "--material" if number else "--model"
        method, equals, who = text.partition("=")
        if equals and method.replace("+", "").replace("_", "").isalnum():
            found.append((method, _model(who, option)))
        elif (run := training_run(Path(text))) is not None:
            found += run
        else:
            found.append((BASE, _model(text, option)))
    counts: Counter[str] = Counter()
    kept: list[Contestant] = []
    for method, who in found:
        if method == BASE and counts[BASE]:  # each training run names its base, and they are one
            if who != kept[0].model:
                raise BadInputError(f"two bases: {kept[0].model} and {who}; gains would be over either")
            continue
        kept.append(Contestant(method, counts[method], who))
        counts[method] += 1
    return sorted(kept, key=lambda c: [name for name, _ in found].index(c.method))


def training_run(folder: Path) -> list[tuple[str, str]] | None:
    """Method and model of a folder that `counterpoint train` made of conversations; None if it is none.

    Raises:
        BadInputError: the training isn't finished.
    """
    settings = _settings(folder)
    if settings is None or not settings.get("stages"):
        return None
    if not (folder / "results.json").is_file():
        raise BadInputError(f"{folder}: its training is not finished; start it again with the same command")
    stages = settings["stages"]
    found = [(BASE, str(settings["model"]))]
    if "sft" in stages:
        found.append(("sft", f"{LOCAL}{folder / 'sft_model'}"))
    if "dpo" in stages:
        found.append(("+".join(stages), f"{LOCAL}{folder / 'adapter'}"))
    return found


def is_toy(model: str) -> bool:
    """Whether the model, or the run's or adapter's base, is the toy world's."""
    settings = _settings(Path(model)) or {}
    return TINY in (model, settings.get("model"))


def fingerprint(model: str) -> str:
    """Tells a model's weights from any others': a hash of a folder's, else the name."""
    told = hashlib.sha256(model.encode())
    folder = Path(model.removeprefix(LOCAL))
    if model.startswith(LOCAL) and folder.is_dir():
        told = hashlib.sha256()
        for file in sorted([*folder.glob("*.safetensors"), *folder.glob("*.json")]):
            told.update(file.name.encode())
            with file.open("rb") as data:
                told.update(hashlib.file_digest(data, "sha256").digest())
    return told.hexdigest()


def _settings(folder: Path) -> dict[str, Any] | None:
    try:
        return tomllib.loads((folder / "config.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _model(text: str, option: str) -> str:
    if text.startswith(LOCAL) or url_and_model(text):
        return text
    folder = Path(text)
    if (folder / "language_model.json").is_file() or (folder / "config.json").is_file():
        return f"{LOCAL}{text}"
    raise BadInputError(
        f"{option} {text!r}: expected lm: and a hub id or a folder, URL#MODEL for an endpoint, or the folder of a "
        f"training run on conversations{'; METHOD= before it names its method' if option == '--material' else ''}"
    )
