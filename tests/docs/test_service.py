"""docs/service.md, SECURITY.md, Dockerfile and compose.yaml speak of what is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from counterpoint.serving.doors.errors import MEANINGS
from counterpoint.serving.settings import Settings
from serving.served import Running, running, settings_for, small_service

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "service.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service."""
    with running(small_service(settings_for(tmp_path_factory.mktemp("docs"), pages=False))) as found:
        yield found


def test_every_route_of_the_api_is_in_the_guide_and_no_other(served: Running) -> None:
    with served.client() as client:
        described = client.get("/openapi.json").json()["paths"]
    said = set(re.findall(r"(/v1/[\w{}/-]+)", GUIDE)) - {"/v1/chat", "/v1"}
    there = {path.replace("{model}", "{id}") for path in described if path.startswith("/v1/")}
    assert said <= there | {"/v1/models"}
    assert there - said <= {"/v1/models/{id}"}


def test_every_status_is_in_the_guide() -> None:
    table = GUIDE.partition("## Errors")[2].partition("## Keys")[0]
    assert set(MEANINGS) - {405} <= {int(status) for status in re.findall(r"\b[45]\d\d\b", table)}


def test_settings_in_the_guide_are_there_with_these_defaults() -> None:
    table = GUIDE.partition("any other is `--set NAME=VALUE`")[2].partition("## Operating")[0]
    known = {one.name: getattr(Settings(), one.name) for one in fields(Settings)}
    rows = re.findall(r"^\| (`.+?`) \| (.+?) \|", table, re.MULTILINE)
    assert len(rows) >= 8
    for names, defaults in rows:
        for name, default in zip(re.findall(r"`(\w+)`", names), defaults.split(", "), strict=True):
            told = {"1 MiB": 1 << 20, "true": True, "false": False, '""': ""}.get(default, default)
            assert str(known[name]).removesuffix(".0") == str(told), name


def test_examples_in_the_guide_are_python_of_parts_that_are_there() -> None:
    from counterpoint import client

    examples = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        for node in ast.walk(ast.parse(example)):
            if isinstance(node, ast.ImportFrom) and node.module == "counterpoint.client":
                assert all(hasattr(client, name.name) for name in node.names)
    used = set(re.findall(r"client\.(\w+)\(", examples[1]))
    assert all(hasattr(client.Client, name) for name in used)


def test_tests_named_in_the_threat_model_are_there() -> None:
    model = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    table = model.partition("## Threats")[2].partition("## What does not")[0]
    named = re.findall(
        r"`([\w/]+(?:\.py|/)?)`(?=[,; |])", "\n".join(row.rpartition("| `")[2] for row in table.splitlines())
    )
    for name in re.findall(r"`([\w/.]+\.py)`", table) + named:
        found = [
            ROOT / name,
            ROOT / "tests" / "serving" / name,
            ROOT / "tests" / "serving" / name.removeprefix("routes/"),
        ]
        assert any(path.exists() for path in found), name


def test_containers_are_made_of_what_is_there() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = [word for line in lines if line.startswith("COPY") and "--from" not in line for word in line.split()[1:-1]]
    kept = (ROOT / ".dockerignore").read_text()
    for name in copied:
        assert (ROOT / name).exists()
        assert f"!{name}\n" in kept
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    assert services["service"]["environment"] == services["upgrade"]["environment"]
    assert services["service"]["command"][0] == "serve"
    grace = int(services["service"]["stop_grace_period"].removesuffix("s"))
    assert grace > Settings().grace
