"""The secrets file: an Ed25519 key that signs receipts (RFC 8032) and a key for hashing names (HMAC, RFC 2104).

One file a database, mode 0600, shared by its replicas. Who has it can tell whether a name they know was deleted, and
can sign receipts; it opens nothing else. Lose it, and old receipts still verify by the public key written in them, but
deleted people's late events would be taken for newcomers': the store refuses to open with another file.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import os
import secrets
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from counterpoint.errors import BadInputError

FORMAT = "counterpoint.secrets/1"


class Vault:
    """Signs and hashes; never shows what with."""

    def __init__(self, signing: bytes, hashing: bytes) -> None:
        self._signing, self._hashing = Ed25519PrivateKey.from_private_bytes(signing), hashing

    @classmethod
    def open(cls, path: Path) -> Vault:
        """The vault of a file, made if absent.

        Raises:
            BadInputError: others may read the file, or it is not a secrets file.
        """
        if not path.exists():
            _make(path)
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise BadInputError(f"{path}: others may read this secrets file; do: chmod 600 {path}")
        try:
            held = json.loads(path.read_text())
            if held["schema"] != FORMAT:
                raise ValueError(f"schema is {held['schema']!r}")
            return cls(base64.b64decode(held["signing"]), base64.b64decode(held["hashing"]))
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise BadInputError(
                f"{path}: not a secrets file ({type(error).__name__}); expected {FORMAT}. Restore it from its backup"
            ) from None

    @property
    def public_key(self) -> str:
        """Base64 of the raw 32 bytes."""
        return base64.b64encode(self._signing.public_key().public_bytes_raw()).decode()

    def keyed_hash(self, *parts: str) -> str:
        """HMAC-SHA-256 (hex) of parts: the same here, and nothing to guess from elsewhere."""
        return hmac.new(self._hashing, _canonical(parts), hashlib.sha256).hexdigest()

    def sign(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The document with `public_key` and `signature`, which covers all else in canonical JSON."""
        whole = {**document, "public_key": self.public_key}
        return {**whole, "signature": base64.b64encode(self._signing.sign(_canonical(whole))).decode()}


def verify(document: Mapping[str, Any], *, public_key: str | None = None) -> bool:
    """Whether a signed document is as it was signed; by the key it names, or the one you trust."""
    try:
        named = str(document["public_key"])
        unsigned = {name: value for name, value in document.items() if name != "signature"}
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(named))
        key.verify(base64.b64decode(document["signature"]), _canonical(unsigned))
    except (InvalidSignature, KeyError, TypeError, ValueError):
        return False
    return public_key in (None, named)


def _canonical(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _make(path: Path) -> None:
    """Written aside and linked into place, so that of several replicas one wins and nobody reads half a file."""
    signing, hashing = Ed25519PrivateKey.generate().private_bytes_raw(), secrets.token_bytes(32)
    held = {
        "schema": FORMAT,
        "signing": base64.b64encode(signing).decode(),
        "hashing": base64.b64encode(hashing).decode(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=".secrets-")  # mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(json.dumps(held))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(aside, path)
    finally:
        os.unlink(aside)
