"""Writes catalogue.md: every plug-in by kind, every command, what comes built in, read from the code itself.

python docs/catalogue.py            write docs/catalogue.md
python docs/catalogue.py --check    say whether it is current; exit 1 if not
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from typer.main import get_command

import counterpoint
from counterpoint.cli import app
from counterpoint.data.loading import BUILT_IN
from counterpoint.data.taxonomy import taxonomy
from counterpoint.registry import Registry
from counterpoint.training.planner import GPUS, MODELS

FILE = Path(__file__).with_name("catalogue.md")
HEAD = """# Catalogue

What there is, read from the code by `python docs/catalogue.py`; a test says when it is out of date. A plug-in is one
file of the name in the first column, and adding one is adding a file."""


def registries() -> list[Registry[object]]:
    """Every registry in the package, by kind."""
    found: dict[str, Registry[object]] = {}
    for module in pkgutil.walk_packages(counterpoint.__path__, "counterpoint."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, Registry):
                found[value.kind] = value
    return [found[kind] for kind in sorted(found)]


def catalogue() -> str:
    """The page."""
    parts = [HEAD, "## Commands", table(("command", "what it does"), commands())]
    for registry in registries():
        folder = "src/" + registry.package.replace(".", "/")
        rows = [(f"`{name}`", first_sentence(f"{registry.package}.{name}")) for name in registry.names()]
        kind = registry.kind if registry.kind[:2].isupper() else registry.kind.capitalize()
        parts += [f"## {kind}s", f"In `{folder}/`.", table(("name", "what it is"), rows)]
    parts += [
        "## Data sets",
        table(("name", "licence"), [(f"`{name}`", licence) for name, licence in BUILT_IN.items()]),
    ]
    pairs = [(f"`{name}`", ", ".join(pair.name for pair in taxonomy(name))) for name in taxonomies()]
    parts += ["## Taxonomies", table(("name", "value pairs"), pairs)]
    shapes = [(f"`{model.name}`", f"{model.parameters / 1e9:.2f} billion") for model in MODELS]
    parts += ["## Models that `counterpoint plan` knows by name", table(("name", "parameters"), shapes)]
    cards = [(f"`{gpu.name}`", f"{gpu.memory_gb:g} GB", f"{gpu.tflops:g}", gpu.source) for gpu in GPUS]
    parts += ["## GPUs that it knows", table(("name", "memory", "bfloat16 TFLOP/s", "source"), cards)]
    return "\n\n".join(parts) + "\n"


def commands() -> list[tuple[str, str]]:
    """Every command with the first line of its help."""
    rows: list[tuple[str, str]] = []
    for name, command in sorted(get_command(app).commands.items()):  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None) or {"": command}
        for sub, found in sorted(inner.items()):
            help_ = " ".join((found.help or "").split("\n\n")[0].split()).partition(" Example:")[0]
            rows.append((f"`counterpoint {name} {sub}".rstrip() + "`", help_))
    return rows


def taxonomies() -> list[str]:
    """Names of the built-in ones."""
    return sorted(file.stem for file in (Path(counterpoint.__file__).parent / "data" / "taxonomies").glob("*.toml"))


def first_sentence(module: str) -> str:
    """Of a module's docstring."""
    text = " ".join((inspect.getdoc(importlib.import_module(module)) or "").split("\n\n")[0].split())
    sentence = re.split(r"\.\s(?=[A-Z])", text)[0]
    whole = sentence != text or text.endswith(".")
    return (sentence if whole or ":" not in sentence else sentence.rpartition(":")[0]).rstrip(".")  # an example follows


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    titles = tuple(head)
    lines = [titles, ("---",) * len(titles), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def main() -> int:
    """Write or check."""
    page = catalogue()
    if "--check" in sys.argv[1:]:
        current = FILE.exists() and FILE.read_text(encoding="utf-8") == page
        print("current" if current else f"{FILE.name} is out of date: python docs/{Path(__file__).name}")
        return 0 if current else 1
    FILE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
