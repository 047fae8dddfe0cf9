"""What docs/data.md shows is what the code takes and gives."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from counterpoint.data import load, taxonomy

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "data.md").read_text("utf-8")
EXAMPLES = [
    (name, block)
    for name, section in re.findall(r"### `(\w+)`(.*?)(?=\n##)", TEXT, re.DOTALL)
    for block in re.findall(r"```json\n(.*?)```", section, re.DOTALL)
]


@pytest.mark.parametrize("page", ["data.md", "crossroads.md"])
def test_the_python_in_the_docs_gives_what_it_says(page: str) -> None:
    assert doctest.testfile(str(DOCS / page), module_relative=False).failed == 0


def test_every_format_has_an_example() -> None:
    assert {name for name, _ in EXAMPLES} == {"jsonl", "vcd", "bqd", "trl"}


@pytest.mark.parametrize(("name", "block"), EXAMPLES)
def test_every_example_is_recognised_and_read(name: str, block: str, tmp_path: Path) -> None:
    path = tmp_path / "corrigible-neutral-HHH" / "example"
    path.parent.mkdir()
    path.write_text(block, encoding="utf-8")
    assert load(path) == load(path, source=name)


def test_the_taxonomy_in_the_docs_is_one(tmp_path: Path) -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "mine.toml").write_text(block, encoding="utf-8")
    assert taxonomy(tmp_path / "mine.toml").name == "mine"
