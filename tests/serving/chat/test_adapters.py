"""A name stands for one set of weights for good."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from counterpoint.errors import BadInputError
from counterpoint.serving.chat.adapters import SERVICE, WEIGHTS, claim, read_adapters
from counterpoint.serving.storage import open_store
from counterpoint.serving.store import artefacts, keys
from counterpoint.serving.store.records import Principal
from counterpoint.serving.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with one tenant."""
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}", "")
    keys.create_tenant(store, "acme")
    yield store
    store.close()


def folder(path: Path, weights: str) -> Path:
    """An adapter's files."""
    path.mkdir()
    for name in WEIGHTS:
        (path / name).write_text(weights)
    return path


def test_a_name_is_served_again_with_the_same_weights_and_never_with_others(store: Store, tmp_path: Path) -> None:
    first, second = folder(tmp_path / "a", "1"), folder(tmp_path / "b", "2")
    claim(store, read_adapters([f"tide-v1={first}"], upstream=""))
    claim(store, read_adapters([f"tide-v1={first}", f"tide-v2={second}"], upstream=""))
    with pytest.raises(BadInputError, match="never used again"):
        claim(store, read_adapters([f"tide-v1={second}"], upstream=""))


def test_a_retired_name_does_not_come_back(store: Store, tmp_path: Path) -> None:
    told = read_adapters([f"tide-v1={folder(tmp_path / 'a', '1')}"], upstream="")
    claim(store, told)
    with store.begin(Principal(SERVICE, "operator")) as tx:
        artefacts.retire(tx, "tide-v1")
    with pytest.raises(BadInputError, match="was retired"):
        claim(store, told)


def test_a_tenants_artefact_of_that_name_counts_too(store: Store, tmp_path: Path) -> None:
    with store.begin(Principal("acme", "operator")) as tx:
        artefacts.register(tx, "tide-v1", sha256="0" * 64, people=())
    with pytest.raises(BadInputError, match="other weights"):
        claim(store, read_adapters([f"tide-v1={folder(tmp_path / 'a', '1')}"], upstream=""))


def test_an_upstreams_adapters_are_names_alone(store: Store) -> None:
    (adapter,) = read_adapters(["tide-v3"], upstream="http://one/v1")
    assert adapter.folder is None
    claim(store, [adapter])
    with pytest.raises(BadInputError, match="other weights"):
        claim(store, read_adapters(["tide-v3"], upstream="http://two/v1"))


@pytest.mark.parametrize(
    "told", ["tide=x", "tide-v0=x", "tide-v1", "tide-v1=", "-v1=x", "a/b-v1=x", "tide-v1=/nowhere"]
)
def test_what_is_no_adapter_is_refused(told: str) -> None:
    with pytest.raises(BadInputError):
        read_adapters([told], upstream="")


def test_a_name_given_twice_or_a_folder_for_an_upstream_is_refused() -> None:
    with pytest.raises(BadInputError, match="twice"):
        read_adapters(["tide-v1", "tide-v1"], upstream="http://one/v1")
    with pytest.raises(BadInputError, match="loaded"):
        read_adapters(["tide-v1=x"], upstream="http://one/v1")
