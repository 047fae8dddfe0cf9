"""What all tests of training share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_full_collection(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Trainer collects all garbage before every run, which takes most of the time of a run of milliseconds."""
    monkeypatch.setattr("gc.collect", lambda *_: 0)
