"""Plug-ins are found by file name, and an unknown one is told with its nearest neighbour."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from counterpoint.errors import UnknownNameError
from counterpoint.registry import Registry


@pytest.fixture
def teas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry[str]:
    folder = tmp_path / "teas_to_find"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "oolong.py").write_text("TEA = 'blue'")
    (folder / "assam.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    yield Registry("tea", "teas_to_find", "TEA")
    for name in [name for name in sys.modules if name.startswith("teas_to_find")]:
        del sys.modules[name]


def test_names_are_files_and_looking_imports_none_of_them(teas: Registry[str]) -> None:
    assert teas.names() == ("assam", "oolong")
    assert teas.get("oolong") == "blue"


def test_an_unknown_plug_in_names_the_nearest(teas: Registry[str]) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown tea 'olong'\. Did you mean 'oolong'\?"):
        teas.get("olong")


@pytest.mark.parametrize("name", ["../oolong", "", "oolong.x", "__init__", "OOLONG"])
def test_only_a_plug_in_s_own_name_imports_anything(teas: Registry[str], name: str) -> None:
    with pytest.raises(UnknownNameError):
        teas.get(name)


def test_a_plug_in_that_fails_to_import_is_not_swallowed(teas: Registry[str]) -> None:
    with pytest.raises(RuntimeError, match="imported"):
        teas.get("assam")
