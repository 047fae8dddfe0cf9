"""Every answer has a request's name and secure headers; faults of ours say nothing but that name."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

import pytest

from counterpoint.serving.doors.headers import HEADERS, SecureHeaders
from counterpoint.serving.doors.identity import Identity
from counterpoint.serving.doors.logs import JsonFormatter
from counterpoint.serving.metrics import Metrics
from serving.doors.asking import ask, echo
from serving.served import running, settings_for, small_service


def failing(_: Any) -> None:
    """Fails with a secret in its message."""
    raise RuntimeError("the secret is swordfish")


def test_a_given_name_is_kept_if_it_is_plain_and_replaced_otherwise() -> None:
    app = Identity(echo(), metrics=Metrics())
    assert ask(app, headers={"x-request-id": "abc-1.2_3"}).headers["x-request-id"] == "abc-1.2_3"
    for wrong in ("a b", "x" * 65, "", 'a"b', "ä"):
        answer = ask(app, headers={"x-request-id": wrong.encode()})
        assert answer.headers["x-request-id"].startswith("req_")


def test_a_fault_is_500_without_its_text_and_the_log_names_its_places(caplog: pytest.LogCaptureFixture) -> None:
    app = Identity(echo(failing), metrics=Metrics())
    with caplog.at_level(logging.INFO, "counterpoint.serving"):
        answer = ask(app)
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal_error"
    assert answer.headers["x-request-id"] in answer.json()["error"]["message"]
    lines = [json.loads(JsonFormatter().format(record)) for record in caplog.records]
    assert "swordfish" not in answer.text + str(lines)
    assert lines[0]["error"] == "RuntimeError"
    assert "failing" in lines[0]["trace"][-1]
    assert lines[1]["status"] == 500


def test_an_exception_logged_by_anybody_keeps_its_text_to_itself() -> None:
    try:
        failing(None)
    except RuntimeError:
        record = logging.LogRecord("x", logging.ERROR, "f.py", 1, "it broke", None, sys.exc_info())
    line = json.loads(JsonFormatter().format(record))
    assert (line["message"], line["error"]) == ("it broke", "RuntimeError")
    assert "swordfish" not in str(line)


def test_every_answer_has_secure_headers_refusals_too(tmp_path: Path) -> None:
    with running(small_service(settings_for(tmp_path, pages=False, public_url="https://a.example"))) as served:
        with served.client() as client:
            answers = [client.get(path) for path in ("/healthz", "/v1/models", "/nothing", "/v1/users/x/preferences")]
            answers.append(client.post("/v1/chat/completions", content=b"{"))
        for answer in answers:
            assert {name: answer.headers[name] for name in HEADERS} == HEADERS
            assert "max-age" in answer.headers["strict-transport-security"]


def test_without_https_browsers_are_not_told_to_insist_on_it() -> None:
    assert "strict-transport-security" not in ask(SecureHeaders(echo())).headers


def test_requests_are_counted_by_template_and_never_by_person(tmp_path: Path) -> None:
    with running(small_service(settings_for(tmp_path, pages=False))) as served, served.client() as client:
        client.get("/v1/users/wilhelmina/preferences")
        figures = client.get("/metrics").text
        assert (
            'counterpoint_requests_total{method="GET",route="/v1/users/{id}/preferences",status="404"} 1.0' in figures
        )
        assert "wilhelmina" not in figures
        load = served.service.metrics.load()
    assert (load.requests, load.errors) == (1, 0)
    assert load.p99 is not None
