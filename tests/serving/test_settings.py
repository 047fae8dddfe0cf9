"""What the operator decides: defaults, refusals, the way to worker processes, and that every setting is used."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import counterpoint.serving
from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.serving.settings import SETTINGS, UPSTREAM_KEY, Settings, changed


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": "gpt-x"},
        {"upstream": "file:///etc/passwd"},
        {"upstream": "http://"},
        {"upstream": "http://[bad"},
        {"max_body": 0},
        {"timeout": 0},
        {"rate": -1},
        {"grace": float("nan")},
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInputError):
        Settings(**wrong)


def test_settings_reach_worker_processes_without_the_secret() -> None:
    told = Settings(model="m", upstream="http://x/v1", upstream_key="sk-1", adapters=("tide-v1",), rate=7.5)
    text = told.to_environment()
    assert "sk-1" not in text + repr(told)
    assert Settings.from_environment({SETTINGS: text, UPSTREAM_KEY: "sk-1"}) == told
    assert Settings.from_environment({}) == Settings()


def test_an_unknown_setting_is_named_with_its_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'max_body'"):
        changed(Settings(), "max_bodi", "3")
    with pytest.raises(UnknownNameError):
        Settings.from_environment({SETTINGS: json.dumps({"colour": "red"})})
    with pytest.raises(BadInputError):
        Settings.from_environment({SETTINGS: "{"})


def test_settings_are_read_from_text_by_their_kind() -> None:
    settings = Settings()
    for name, value in (("max_body", "2048"), ("rate", "0.5"), ("pages", "false"), ("notice", "Simulated.")):
        settings = changed(settings, name, value)
    assert (settings.max_body, settings.rate, settings.pages, settings.notice) == (2048, 0.5, False, "Simulated.")
    for name, value in (("max_body", "many"), ("pages", "perhaps"), ("rate", "-1")):
        with pytest.raises(BadInputError):
            changed(settings, name, value)


def test_the_toy_model_speaks_of_the_toy_world() -> None:
    assert Settings().data_name == "toy"
    assert Settings(model="lm:other").data_name == "crossroads"
    assert Settings(data="mine.jsonl").data_name == "mine.jsonl"


def test_every_setting_is_read_somewhere() -> None:
    folder = Path(counterpoint.serving.__file__).parent
    others = [folder.parent / "cli" / "serve.py", *(p for p in folder.rglob("*") if p.suffix in (".py", ".html"))]
    code = "\n".join(path.read_text() for path in others if path.name != "settings.py")
    own = (folder / "settings.py").read_text()
    unread = [one.name for one in fields(Settings) if f".{one.name}" not in code and f"self.{one.name}" not in own]
    assert not unread
