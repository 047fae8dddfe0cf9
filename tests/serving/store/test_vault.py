"""The secrets file: made once, for its owner's eyes; what it signs can be checked by anybody."""

from __future__ import annotations

import base64
import stat
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from counterpoint.errors import BadInputError
from counterpoint.serving.store.vault import Vault, verify


def test_the_file_is_the_owner_s_alone(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "secrets"
    first, second = Vault.open(path), Vault.open(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (first.public_key, first.keyed_hash("a")) == (second.public_key, second.keyed_hash("a"))
    path.chmod(0o640)
    with pytest.raises(BadInputError, match="chmod 600"):
        Vault.open(path)


def test_replicas_that_start_together_share_one(tmp_path: Path) -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(Vault.open(tmp_path / "s").public_key)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"schema": "counterpoint.secrets/1"}', '{"schema": "other/1"}'])
def test_what_is_no_secrets_file_is_not_overwritten(tmp_path: Path, content: str) -> None:
    path = tmp_path / "s"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(BadInputError, match="not a secrets file"):
        Vault.open(path)
    assert path.read_text() == content


def test_a_signature_covers_every_word(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path / "s")
    signed = vault.sign({"rows": {"events": 3}, "who": "ännchen"})
    assert verify(signed)
    assert verify(signed, public_key=vault.public_key)
    assert not verify(signed, public_key=Vault.open(tmp_path / "other").public_key)
    for change in ({"rows": {"events": 2}}, {"more": 1}, {"signature": ""}, {"public_key": "AAAA"}):
        assert not verify(signed | change)
    assert not verify({})


def test_the_signature_is_plain_ed25519_over_canonical_json(tmp_path: Path) -> None:
    signed = Vault.open(tmp_path / "s").sign({"b": 1, "a": "é"})
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(signed["public_key"]))
    said = f'{{"a":"é","b":1,"public_key":"{signed["public_key"]}"}}'
    key.verify(base64.b64decode(signed["signature"]), said.encode())


def test_keyed_hashes_tell_parts_apart(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path / "s")
    assert len({vault.keyed_hash(*parts) for parts in (("ab", "c"), ("a", "bc"), ("abc",), ("a", "b", "c"))}) == 4
    assert vault.keyed_hash("a") != Vault.open(tmp_path / "other").keyed_hash("a")
