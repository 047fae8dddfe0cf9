"""`counterpoint keys` from the command line, and what `serve` says of itself. Serving is in tests/serving."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from counterpoint.cli import app
from counterpoint.errors import BadInputError
from counterpoint.serving.storage import open_store
from counterpoint.serving.store.keys import authenticate
from counterpoint.serving.store.records import BadKeyError, Scope


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database that isn't there yet."""
    return f"sqlite:///{tmp_path / 'store.db'}"


def run(*arguments: str) -> Result:
    """The command, its output captured."""
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_a_key_is_made_listed_rotated_and_revoked(url: str) -> None:
    made = json.loads(run("keys", "create", "--store", url, "--scope", "chat", "--days", "2", "--json").stdout)
    store = open_store(url, "")
    who = authenticate(store, made["secret"])
    assert (who.tenant, who.scopes) == ("default", {Scope.CHAT})
    listed = json.loads(run("keys", "list", "--store", url, "--json").stdout)
    assert [key["id"] for key in listed] == [made["id"]]
    assert "secret" not in listed[0]
    assert made["id"] in run("keys", "list", "--store", url).stdout
    rotated = json.loads(run("keys", "rotate", made["id"], "--store", url, "--overlap", "0", "--json").stdout)
    assert rotated["replaces"] == made["id"]
    with pytest.raises(BadKeyError):
        authenticate(store, made["secret"])
    run("keys", "revoke", rotated["id"], "--store", url)
    with pytest.raises(BadKeyError):
        authenticate(store, rotated["secret"])
    store.close()


def test_without_scopes_named_a_key_may_do_all_but_administer(url: str) -> None:
    secret = run("keys", "create", "--store", url).stdout.strip()
    store = open_store(url, "")
    assert authenticate(store, secret).scopes == set(Scope) - {Scope.ADMIN}
    store.close()


def test_an_unknown_scope_is_refused(url: str) -> None:
    with pytest.raises(BadInputError, match="people:read"):
        run("keys", "create", "--store", url, "--scope", "everything")


def test_help_shows_examples_that_name_options_there_are() -> None:
    told = run("serve", "--help").stdout
    shown = [line.split() for line in told.splitlines() if line.strip().startswith("counterpoint serve ")]
    assert len(shown) >= 4
    for words in shown:
        for word in words:
            assert not word.startswith("--") or f"{word} " in told.partition("Options:")[2]


@pytest.mark.parametrize("wrong", [["--model", "gpt-x"], ["--set", "max_bodi=1"], ["--set", "rate"]])
def test_a_setting_that_cannot_be_is_refused_before_anything_is_opened(url: str, wrong: list[str]) -> None:
    with pytest.raises((BadInputError, KeyError)):
        run("serve", "--store", url, *wrong)
