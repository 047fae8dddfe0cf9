"""docs/steering.md: its Python runs, its commands take the options they are given, its words are the code's."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import typer

from counterpoint.cli.answer import answer
from counterpoint.models.degrees import DEGREES, degree
from counterpoint.steering.method import METHODS
from small_language import language

PAGE = (Path(__file__).parents[2] / "docs" / "steering.md").read_text(encoding="utf-8")


def blocks(first: str) -> list[str]:
    """Indented blocks whose first line begins so."""
    found = re.findall(r"(?:^    .*\n|^\n(?=    ))+", PAGE, flags=re.MULTILINE)
    texts = ["\n".join(line[4:] for line in block.strip("\n").splitlines()) for block in found]
    return [text for text in texts if text.startswith(first)]


def test_the_python_runs(tmp_path: Path) -> None:
    language(folder=tmp_path / "model")
    (code,) = blocks("from counterpoint.data")
    exec(code.replace("lm:tiny", f"lm:{tmp_path / 'model'}"), {})


def test_every_command_takes_its_options() -> None:
    app = typer.Typer()
    app.command()(answer)
    command = typer.main.get_command(app)
    lines = re.findall(r"^    (?:\$ )?counterpoint (answer .*)$", PAGE, flags=re.MULTILINE)
    assert len(lines) == 4
    for line in lines:
        with command.make_context("answer", shlex.split(line, comments=True)[1:]) as context:
            assert context.params["model"]


def test_every_method_is_there() -> None:
    assert all(f"| `{name}` |" in PAGE for name in METHODS.names())


def test_the_borders_between_words_are_the_codes() -> None:
    borders = {0.25: ("", "slightly"), 0.75: ("slightly", "moderately"), 1.5: ("moderately", "strongly")}
    borders |= {2.5: ("strongly", "very strongly")}
    for border, (below, above) in borders.items():
        assert (degree(border - 0.01), degree(border + 0.01)) == (below, above)
        assert str(border) in PAGE
    assert all(f" {word} |" in PAGE for word in DEGREES)
