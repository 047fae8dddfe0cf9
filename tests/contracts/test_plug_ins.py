"""What holds for every plug-in of every kind: it is there, and its file says where it comes from."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re

import pytest

import counterpoint
from counterpoint.registry import Registry


def registries() -> list[Registry[object]]:
    """Every registry in the package."""
    found: dict[str, Registry[object]] = {}
    for module in pkgutil.walk_packages(counterpoint.__path__, "counterpoint."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, Registry):
                found[value.package] = value
    return list(found.values())


PLUG_INS = [(registry, name) for registry in registries() for name in registry.names()]
WITH_A_PAPER = ("objective", "user model")
"""Kinds that are methods. A data format or a way of computing has a specification, not a paper."""


def docstring(registry: Registry[object], name: str) -> str:
    return inspect.getdoc(importlib.import_module(f"{registry.package}.{name}")) or ""


@pytest.mark.parametrize(("registry", "name"), PLUG_INS, ids=[f"{r.kind}: {name}" for r, name in PLUG_INS])
def test_a_plug_in_loads_and_its_file_names_its_source(registry: Registry[object], name: str) -> None:
    assert registry.get(name) is not None
    text = docstring(registry, name)
    assert text
    if registry.kind in WITH_A_PAPER:
        source = r"arXiv \d{4}\.\d{4,5}|doi:10\.|\b(19|20)\d\d, (\"|eq|ch)|\bours\b"
        assert re.search(source, text), "name the paper, or say that the method is ours"
    if registry.kind == "objective":
        assert "Worked example" in text


def test_every_kind_of_plug_in_is_found() -> None:
    assert {"objective", "data format", "user model"} <= {registry.kind for registry in registries()}
    assert len(PLUG_INS) >= 15


def test_every_worked_example_of_an_objective_is_right() -> None:
    """Where the docstring says `L = -ln 0.8 - ln 0.6 = 0.734 nats`, that is so."""
    from math import exp, log

    for registry, name in PLUG_INS:
        if registry.kind == "objective":
            shown = re.findall(r"L = ([^=]+?) = ([\d.]+)[ ,]", docstring(registry, name).replace("\n", " "))
            assert shown, name
            formula, value = shown[-1]
            terms = {
                "-ln 0.8 - ln 0.6": -log(0.8) - log(0.6),
                "(-ln 0.8 - ln 0.6) / 2": (-log(0.8) - log(0.6)) / 2,
                "-ln 0.8": -log(0.8),
                "-ln 0.6": -log(0.6),
                "-ln sigmoid(0.1 * 2)": log(1 + exp(-0.2)),
                "(2 - 1 / 0.2)^2": (2 - 1 / 0.2) ** 2,
            }
            assert float(value) == pytest.approx(terms[formula], abs=5e-4), name
