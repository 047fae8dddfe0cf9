"""An upstream endpoint writes the replies: here another service of ours, asked by the real client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from counterpoint.serving.chat.upstream import Upstream
from counterpoint.serving.store.records import NewEvent, Principal, Scope
from counterpoint.types import ChoiceKind
from serving.served import MODEL, Running, plain_server, running, settings_for, small_service
from users.small import TAXONOMY

WHO = Principal("acme", "test", frozenset(Scope), "request")
HELLO = [{"role": "user", "content": "What shall I do tonight?"}]
ADAPTER = "tide-v3"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Databases."""
    return tmp_path_factory.mktemp("upstream")


def _through(folder: Path, name: str, url: str, key: str = "none", **changes: Any) -> Any:
    """A service in front of an endpoint, in which ann leans to Daring."""
    inside = folder / name
    inside.mkdir()
    backend = Upstream(f"{url}/v1", key=key, models=(MODEL, ADAPTER), taxonomy=TAXONOMY, timeout=1.0)
    service = small_service(settings_for(inside, pages=False, **changes), [backend])
    service.people.record(WHO, "ann", [NewEvent(ChoiceKind.SAID, pole="Daring", strength=3.0)])
    service.people.correct(WHO, "ann", "Risk", 2.0)
    return service


@pytest.fixture(scope="module")
def both(folder: Path) -> Iterator[tuple[Running, Running]]:
    """The endpoint and the service in front of it."""
    (folder / "behind").mkdir()
    with running(small_service(settings_for(folder / "behind", pages=False))) as behind:
        service = _through(folder, "before", behind.url, behind.key())
        with running(service) as before:
            yield behind, before


def _post(served: Running, **more: Any) -> httpx.Response:
    with served.client() as client:
        return client.post(
            "/v1/chat/completions",
            json={"model": MODEL, "messages": HELLO, "max_tokens": 8, "temperature": 0, **more},
        )


def test_without_a_person_the_endpoint_answers_as_it_would_itself(both: tuple[Running, Running]) -> None:
    behind, before = both
    own, through = _post(behind).json(), _post(before).json()
    assert through["choices"] == own["choices"]
    assert through["usage"] == own["usage"]


def test_several_replies_and_streams_come_through(both: tuple[Running, Running]) -> None:
    behind, before = both
    more = {"n": 3, "seed": 5, "temperature": 1.0}
    assert _post(before, **more).json()["choices"] == _post(behind, **more).json()["choices"]
    streamed = _post(before, stream=True).text
    assert streamed.endswith("data: [DONE]\n\n")


def test_a_model_it_has_and_we_do_not_serve_is_unknown(both: tuple[Running, Running]) -> None:
    assert _post(both[1], model="lm:other").status_code == 404


def test_a_method_that_needs_the_inside_of_a_model_is_an_error(both: tuple[Running, Running]) -> None:
    refused = _post(both[1], user="ann", counterpoint={"method": "mixture"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "unknown_method")


def test_an_adapter_it_does_not_have_is_a_failure_of_the_operators(both: tuple[Running, Running]) -> None:
    failed = _post(both[1], model=ADAPTER)
    assert (failed.status_code, failed.json()["error"]["code"]) == (502, "upstream_error")


class Scripted:
    """An endpoint that notes what it is sent and answers as told."""

    def __init__(self) -> None:
        self.status, self.delay = 200, 0.0
        self.after = ""
        """What comes after the first piece: a line of the stream, `break` off, `stall`; nothing: it ends well."""
        self.sent: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.app = FastAPI()
        self.app.add_api_route("/v1/chat/completions", self.answer, methods=["POST"])
        self.app.add_api_route("/v1/models", self.models, methods=["GET"])

    async def models(self) -> dict[str, Any]:
        """None."""
        return {"object": "list", "data": []}

    async def answer(self, request: Request) -> Response:
        """One word, or what was told."""
        self.sent.append(await request.json())
        self.headers.append(dict(request.headers))
        await asyncio.sleep(self.delay)
        if self.status != 200:
            error = {"error": {"message": "no", "type": "x", "param": None, "code": None}}
            return JSONResponse(error, self.status)
        head = '{"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":'
        said = f'data: {head}[{{"index":0,"delta":{{"content":"Yes"}},"finish_reason":null}}]}}\n\n'
        end = f'data: {head}[{{"index":0,"delta":{{}},"finish_reason":"stop"}}]}}\n\n'
        if self.after:
            return StreamingResponse(self._goes_wrong(said), media_type="text/event-stream")
        return Response(said + end + "data: [DONE]\n\n", media_type="text/event-stream")

    async def _goes_wrong(self, said: str) -> AsyncIterator[str]:
        yield said
        if self.after == "break":
            raise ConnectionAbortedError
        if self.after == "stall":
            await asyncio.sleep(3.0)
        else:
            yield f"data: {self.after}\n\n"


@pytest.fixture
def scripted(tmp_path: Path) -> Iterator[tuple[Scripted, Running]]:
    """A service in front of it."""
    endpoint = Scripted()
    with (
        plain_server(endpoint.app) as url,
        running(_through(tmp_path, "before", url, "sk-upstream-secret")) as served,
    ):
        yield endpoint, served


def test_the_persons_instruction_is_added_and_their_name_is_not_sent(scripted: tuple[Scripted, Running]) -> None:
    endpoint, served = scripted
    told = _post(served, user="ann").json()
    assert told["choices"][0]["message"]["content"] == "Yes"
    assert told["counterpoint"]["method"] == "instruction"
    sent = endpoint.sent[0]
    assert HELLO[0]["content"] in sent["messages"][-1]["content"]
    assert "leap" in str(sent["messages"])  # what Daring is described by
    assert "ann" not in str(sent).split()
    assert "user" not in sent
    assert endpoint.headers[0]["authorization"] == "Bearer sk-upstream-secret"


def test_an_adapter_is_named_as_the_model(scripted: tuple[Scripted, Running]) -> None:
    endpoint, served = scripted
    assert _post(served, model=ADAPTER).json()["model"] == ADAPTER
    assert endpoint.sent[0]["model"] == ADAPTER
    assert endpoint.sent[0]["messages"] == HELLO


@pytest.mark.parametrize(
    ("status", "ours", "code"),
    [
        (400, 400, "upstream_refused"),
        (401, 502, "upstream_error"),
        (404, 502, "upstream_error"),
        (429, 503, "upstream_busy"),
        (500, 502, "upstream_error"),
    ],
)
def test_its_failures_are_told_apart(scripted: tuple[Scripted, Running], status: int, ours: int, code: str) -> None:
    endpoint, served = scripted
    endpoint.status = status
    failed = _post(served)
    assert (failed.status_code, failed.json()["error"]["code"]) == (ours, code)
    assert "sk-upstream-secret" not in failed.text


def test_an_endpoint_that_is_too_slow_is_given_up(scripted: tuple[Scripted, Running]) -> None:
    endpoint, served = scripted
    endpoint.delay = 4.0
    assert _post(served).status_code == 504


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("after", "ours", "code"),
    [
        ("break", 502, "upstream_error"),
        ("stall", 504, "upstream_timeout"),
        ("[DONE]", 502, "upstream_error"),  # of a reply that has not ended
        ('{"error": {"message": "out of memory"}}', 502, "upstream_error"),
        ("<html>", 502, "upstream_error"),
        ("7", 502, "upstream_error"),
        ('{"choices": null}', 502, "upstream_error"),
        ('{"choices": [{"index": 9, "delta": {"content": "to somebody else"}}]}', 502, "upstream_error"),
    ],
)
def test_what_goes_wrong_in_the_middle_of_a_reply_is_told_as_the_endpoints(
    scripted: tuple[Scripted, Running], after: str, ours: int, code: str, stream: bool
) -> None:
    endpoint, served = scripted
    endpoint.after = after
    failed = _post(served, stream=stream)
    if stream:
        assert failed.status_code == 200
        assert '"Yes"' in failed.text
        last = failed.text.removesuffix("\n\n").rsplit("data: ", 1)[-1]
        error = json.loads(last)["error"]
    else:
        assert failed.status_code == ours
        error = failed.json()["error"]
    assert error["code"] == code
    assert "sk-upstream-secret" not in failed.text


def test_a_service_is_not_ready_while_its_endpoint_is_away(folder: Path) -> None:
    with running(_through(folder, "away", "http://127.0.0.1:9")) as served:
        assert httpx.get(f"{served.url}/healthz").status_code == 200
        assert httpx.get(f"{served.url}/readyz").status_code == 503
        assert _post(served).status_code == 502
