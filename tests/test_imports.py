"""Imports point left, and the light core stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import counterpoint

ROOT = Path(counterpoint.__file__).parent
ORDER = (
    ("__init__", "types", "errors", "registry", "config", "runlog"),
    *((folder,) for folder in ("data", "authoring", "models", "training", "users", "steering", "serving")),
    ("client",),
    ("evaluation",),
    ("cli",),
    ("__main__",),
)
CORE = ("__init__", "types", "errors", "registry", "config", "runlog")
"""The core's own order, leftmost first."""
PLACE = {name: place for place, names in enumerate(ORDER) for name in names}


def imported_parts(tree: ast.AST) -> set[str]:
    """First components after `counterpoint.` of every import, those under TYPE_CHECKING and in functions too."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import: write counterpoint.…"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {parts[1] for name in names if (parts := name.split("."))[0] == "counterpoint" and len(parts) > 1}


def test_imports_point_left() -> None:
    wrong = []
    for path in sorted(ROOT.rglob("*.py")):
        here = path.relative_to(ROOT).parts[0].removesuffix(".py")
        for there in imported_parts(ast.parse(path.read_text(encoding="utf-8"))):
            there = there if there in PLACE else "__init__"  # `from counterpoint import __version__`
            left = (
                CORE.index(there) < CORE.index(here) if here in CORE and there in CORE else PLACE[there] < PLACE[here]
            )
            if here != there and not left:
                wrong.append(f"{path.relative_to(ROOT)} imports {there}")
    assert not wrong


def test_every_folder_and_module_has_a_place_in_the_order() -> None:
    found = {path.name.removesuffix(".py") for path in ROOT.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert found - {"__pycache__", "py.typed"} <= set(PLACE)


def test_the_light_core_loads_neither_torch_nor_transformers_nor_the_web() -> None:
    program = (
        "import sys, importlib, pkgutil, counterpoint.users\n"
        "names = [m.name for m in pkgutil.walk_packages(counterpoint.users.__path__, 'counterpoint.users.')]\n"
        "for name in ['types', 'errors', 'registry', 'config', 'runlog', 'data', 'data.lint', 'evaluation.stats',\n"
        "             'evaluation.metrics', 'evaluation.tables', 'evaluation.rules', 'evaluation.report', 'cli']:\n"
        "    importlib.import_module('counterpoint.' + name)\n"
        "for name in names: importlib.import_module(name)\n"
        "print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "counterpoint.users.belief" in loaded
    assert not {"torch", "transformers", "sklearn", "fastapi", "openai"} & set(loaded)
