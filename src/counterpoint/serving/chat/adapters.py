"""Adapters beside the model: `NAME-vN=FOLDER`, or `NAME-vN` where an upstream endpoint has it loaded.

A name carries its version and stands for one set of weights for good: the first start that serves it writes its SHA-256
into the store, and every later one must bring the same.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from counterpoint.errors import BadInputError
from counterpoint.serving.store import artefacts, keys
from counterpoint.serving.store.records import ConflictError, Principal
from counterpoint.serving.store.store import Store

SERVICE = "(service)"
"""The tenant that holds what is nobody's: it has no people and no keys."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*-v[1-9][0-9]*")
WEIGHTS = ("adapter_config.json", "adapter_model.safetensors")


@dataclass(frozen=True)
class Adapter:
    """Weights beside the model."""

    name: str
    """With its version; what clients give as model."""
    folder: Path | None
    """Where they are; None: the upstream endpoint has them."""
    sha256: str
    """Of them, or of what is known of them."""


def read_adapters(told: Sequence[str], *, upstream: str) -> tuple[Adapter, ...]:
    """What the settings name.

    Raises:
        BadInputError: a name without version or given twice, a folder without an adapter, a folder for an upstream.
    """
    found = [_read(one, upstream) for one in told]
    names = [adapter.name for adapter in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise BadInputError(f"adapter {min(twice)!r} is named twice")
    return tuple(found)


def claim(store: Store, adapters: Sequence[Adapter]) -> None:
    """Write down what each name stands for.

    Raises:
        BadInputError: a name was used for other weights, or its adapter was retired.
    """
    if not adapters:
        return
    with suppress(ConflictError):
        keys.create_tenant(store, SERVICE)
    for tenant in keys.tenants(store):
        who = Principal(tenant, "operator")
        with store.begin(who) as tx:
            known = {artefact.name: artefact for artefact in artefacts.listed(tx)}
            for adapter in adapters:
                if (held := known.get(adapter.name)) is None:
                    if tenant == SERVICE:
                        artefacts.register(tx, adapter.name, sha256=adapter.sha256, people=())
                elif held.retired is not None or held.sha256 != adapter.sha256:
                    why = "was retired" if held.retired is not None else "stands for other weights"
                    raise BadInputError(
                        f"adapter {adapter.name!r} {why}; names are never used again: give a new version"
                    )


def _read(told: str, upstream: str) -> Adapter:
    name, given, place = told.partition("=")
    if not _NAME.fullmatch(name):
        raise BadInputError(f"adapter {name!r}: a name ends in its version, such as {name or 'mine'}-v1")
    if upstream:
        if given:
            raise BadInputError(f"adapter {told!r}: an upstream has its adapters loaded; name it alone")
        return Adapter(name, None, hashlib.sha256(f"{upstream} {name}".encode()).hexdigest())
    folder, digest = Path(place), hashlib.sha256()
    for file in WEIGHTS:
        if not given or not (folder / file).is_file():
            raise BadInputError(f"adapter {told!r}: expected NAME-vN=FOLDER with {' and '.join(WEIGHTS)}")
        digest.update((folder / file).read_bytes())
    return Adapter(name, folder, digest.hexdigest())
