"""Fixtures for all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# how long an example takes says more about what else the machine does than about the code
settings.register_profile("counterpoint", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("counterpoint")


@pytest.fixture(scope="session")
def published_data() -> Path:
    """The folder of published data sets; a test that wants it is skipped where it is absent."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("COUNTERPOINT_PUBLISHED_DATA", beside))
    if not folder.is_dir():
        pytest.skip("published data are not here; name their folder in COUNTERPOINT_PUBLISHED_DATA")
    return folder


@pytest.fixture(scope="session")
def embedding_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for embeddings that the whole session shares, so that the user's own is neither used nor touched."""
    folder = tmp_path_factory.mktemp("embeddings")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COUNTERPOINT_CACHE", str(folder))
        yield folder
