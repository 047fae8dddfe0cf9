"""Which of a request's methods chooses among candidates, and whether its methods go together: for every host alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from typing import NamedTuple, Protocol

from counterpoint.errors import BadInputError
from counterpoint.steering.asking import BASE, Request
from counterpoint.steering.method import METHODS, Choosing, Dial, Drafting
from counterpoint.steering.steering import Steering
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


class Choice(NamedTuple):
    """A method that keeps one of several candidates, and what it is given."""

    method: Choosing
    spread: Request
    """What candidates are made of, by the request's other methods."""
    choose: Request
    """What one of them is kept by: the strengths are the method's own."""


def chooser(host: Host, request: Request) -> Choice | None:
    """The request's method that chooses among candidates, if it has one.

    Its dial turns what it chooses by. It was measured on candidates as the method alone makes them, so where the
    request names no other method these are made in its units too, and no other dial turns them again. Another method
    that is named gets what was asked for, turned by its own dial.

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
        return None
    (name,) = choosing
    others = "+".join(other for other in request.methods if other != name) or BASE
    method = host.method(name)
    assert isinstance(method, Choosing)
    asked = replace(request, method=others)
    if name not in host.dials:
        return Choice(method, asked, asked)
    turned = replace(asked, steering=host.dials[name](request.steering), turned=True)
    return Choice(method, turned if others == BASE else asked, turned)


def turned_by(host: Host, request: Request, name: str, share: Steering) -> Steering:
    """A method's share of the request's steering in the method's own units: turned by its dial, if it has one."""
    return share if request.turned or name not in host.dials else host.dials[name](share)
