"""Which of a request's methods chooses among candidates, and whether its methods go together: for every host alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from typing import Protocol

from counterpoint.errors import BadInputError
from counterpoint.steering.asking import BASE, Request
from counterpoint.steering.method import METHODS, Choosing, Dial, Drafting
from counterpoint.types import Taxonomy


class Host(Protocol):
    """An engine or an endpoint."""

    @property
    def taxonomy(self) -> Taxonomy:
        """Its pairs are the axes of every `Steering`."""
        ...

    @property
    def dials(self) -> Mapping[str, Dial]:
        """Method's name to its calibration."""
        ...

    def method(self, name: str) -> Drafting | Choosing:
        """The method, opened once."""
        ...


def chooser(host: Host, request: Request) -> tuple[Choosing | None, Request]:
    """The request's method that chooses among candidates, if it has one, and the request by its other methods.

    Raises:
        UnknownNameError: there is no such method.
        BadInputError: the request's methods don't compose, or its steering is of another taxonomy.
    """
    if len(request.steering.vector) != len(host.taxonomy):
        size = len(request.steering.vector)
        raise BadInputError(
            f"steering over {size} value pairs; {host.taxonomy.name or 'the taxonomy'} has {len(host.taxonomy)}"
        )
    kinds = {name: METHODS.get(name) for name in request.methods}
    for a, b in combinations(request.methods, 2):
        for one, other in ((a, b), (b, a)):
            if other not in kinds[one].composes_with:
                partners = ", ".join(sorted(kinds[one].composes_with)) or "no other method"
                raise BadInputError(f"{one} and {other} can't be applied together; {one} goes with {partners}")
    choosing = [name for name in request.methods if kinds[name].needs == "candidates"]
    if not choosing or not any(request.steering.vector):
        return None, request
    (name,) = choosing
    rest = "+".join(other for other in request.methods if other != name) or BASE
    method, steering = host.method(name), request.steering
    assert isinstance(method, Choosing)
    turned = host.dials[name](steering) if name in host.dials else steering
    return method, replace(request, method=rest, steering=turned)
