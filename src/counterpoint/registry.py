"""Plug-ins: one module a plug-in, found by its file name, imported when asked for."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Generic, TypeVar

from counterpoint.errors import UnknownNameError

T = TypeVar("T")


class Registry(Generic[T]):
    """The plug-ins of one kind: every module `package.<name>` with a module-level attribute `attribute`."""

    def __init__(self, kind: str, package: str, attribute: str) -> None:
        self.kind, self.package, self.attribute = kind, package, attribute

    def names(self) -> tuple[str, ...]:
        """Names of all plug-ins, sorted; nothing is imported but the package itself."""
        path = importlib.import_module(self.package).__path__
        return tuple(sorted(module.name for module in pkgutil.iter_modules(path)))

    def get(self, name: str) -> T:
        """The plug-in of that name; `UnknownNameError` with the nearest name otherwise."""
        if name not in self.names():
            raise UnknownNameError(self.kind, name, self.names())
        plugin: T = getattr(importlib.import_module(f"{self.package}.{name}"), self.attribute)
        return plugin
