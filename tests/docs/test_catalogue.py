"""The catalogue is what the code says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from counterpoint.training.objective import OBJECTIVES
from counterpoint.users.model import USER_MODELS

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """docs/catalogue.py as a module."""
    spec = importlib.util.spec_from_file_location("catalogue", DOCS / "catalogue.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_catalogue_is_current(script: ModuleType) -> None:
    page = (DOCS / "catalogue.md").read_text(encoding="utf-8")
    assert page == script.catalogue(), "write it anew: python docs/catalogue.py"


def test_it_names_every_plug_in_of_every_kind(script: ModuleType) -> None:
    page = script.catalogue()
    for registry in script.registries():
        for name in registry.names():
            assert f"| `{name}` |" in page, f"{registry.kind} {name}"
    assert {OBJECTIVES.kind, USER_MODELS.kind} <= {registry.kind for registry in script.registries()}


def test_every_row_says_something(script: ModuleType) -> None:
    rows = [line for line in script.catalogue().splitlines() if line.startswith("| `")]
    assert len(rows) > 40
    for row in rows:
        cells = [cell.strip() for cell in row.replace("\\|", "/").strip("|").split("|")]
        assert all(cells), row
