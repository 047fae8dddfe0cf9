"""The service as a process: it ends when asked, but finishes what it began; its logs say nothing they shouldn't."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from serving.process import make_parts, serving

pytestmark = pytest.mark.slow
SECRET_TEXT = "the-persons-secret-words"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where model and database are."""
    return tmp_path_factory.mktemp("process")


@pytest.fixture(scope="module")
def parts(folder: Path) -> list[str]:
    """What is served."""
    return make_parts(folder)


def _body(parts: list[str], **more: object) -> dict[str, object]:
    messages = [{"role": "user", "content": f"What now? {SECRET_TEXT}"}]
    return {"model": parts[1], "messages": messages, **more}


def _events(response: httpx.Response) -> Iterator[str]:
    for line in response.iter_lines():
        if line.startswith("data: "):
            yield line.removeprefix("data: ")


def test_streams_under_way_are_finished_after_sigterm(folder: Path, parts: list[str]) -> None:
    with serving(folder, parts) as process:
        begun, told = threading.Semaphore(0), list[list[str]]()

        def stream() -> None:
            body = _body(parts, stream=True, n=4, max_tokens=150, seed=1, temperature=2)
            url = f"{process.url}/v1/chat/completions"
            with httpx.stream("POST", url, json=body, headers=process.headers, timeout=120) as response:
                found = []
                for event in _events(response):
                    found.append(event)
                    if len(found) == 1:
                        begun.release()
                told.append(found)

        with ThreadPoolExecutor(3) as pool:
            streams = [pool.submit(stream) for _ in range(3)]
            assert all(begun.acquire(timeout=60) for _ in streams)
            assert len(told) < len(streams)
            process.terminate()
            for one in streams:
                one.result(120)
        assert process.ended() in (0, -signal.SIGTERM)
        assert len(told) == 3
        for found in told:
            assert found[-1] == "[DONE]"
            ends = [json.loads(event)["choices"][0]["finish_reason"] for event in found[:-1]]
            assert len([end for end in ends if end]) == 4
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{process.url}/healthz")
        assert "stopped" in [line["message"] for line in process.lines()]


def test_logs_are_json_without_prompts_keys_or_names(folder: Path, parts: list[str]) -> None:
    with serving(folder, parts) as process, httpx.Client(base_url=process.url, headers=process.headers) as client:
        events = {"events": [{"kind": "liked", "texts": [SECRET_TEXT]}]}
        assert client.post("/v1/users/wilhelmina/events", json=events).status_code == 201
        answer = client.post("/v1/chat/completions", json=_body(parts, user="wilhelmina", max_tokens=2))
        assert answer.status_code == 200
        client.post("/v1/users/wilhelmina/events", json={"events": [{"kind": SECRET_TEXT}]})
        client.get("/v1/users", params={"after": SECRET_TEXT})
        httpx.get(f"{process.url}/v1/models", headers={"authorization": f"Bearer {SECRET_TEXT}"})
        process.terminate()
        process.ended()
        written = process.log.read_text()
        requests = [line for line in process.lines() if line["message"] == "request"]
    for secret in (SECRET_TEXT, process.key, process.key.rpartition("_")[2], "wilhelmina"):
        assert secret not in written
    routes = [(line["route"], line["status"]) for line in requests]
    assert ("/v1/users/{id}/events", 201) in routes
    assert ("/v1/chat/completions", 200) in routes
    assert all(line["request"] and "ms" in line for line in requests)
    assert any(line["request"] == answer.headers["x-request-id"] for line in requests)


def test_what_one_process_learns_another_knows(folder: Path, parts: list[str]) -> None:
    """Two replicas on one database, one of two workers; their figures are added up."""
    with serving(folder, parts) as one, serving(folder, parts, "--workers", "2") as other:
        said = {"events": [{"kind": "said", "pole": "Risk-taking", "strength": 3, "id": "e1"}]}
        assert httpx.post(f"{one.url}/v1/users/ann/events", json=said, headers=one.headers).json()["added"] == 1
        again = httpx.post(f"{other.url}/v1/users/ann/events", json=said, headers=other.headers).json()
        assert (again["added"], again["repeated"]) == (0, 1)
        found = [
            httpx.get(f"{process.url}/v1/users/ann/preferences", headers=process.headers).json()
            for process in (one, other)
        ]
        assert found[0] == found[1]
        assert found[0]["value_pairs"][0]["mean"] > 0
        for _ in range(20):
            assert httpx.get(f"{other.url}/healthz").is_success
        figures = httpx.get(f"{other.url}/metrics").text
        counted = [line for line in figures.splitlines() if 'route="/healthz"' in line and "requests_total" in line]
        assert sum(float(line.rpartition(" ")[2]) for line in counted) >= 20
        other.terminate()
        assert other.ended() in (0, -signal.SIGTERM)


def test_a_setting_that_cannot_be_is_said_in_one_line(folder: Path, parts: list[str]) -> None:
    for wrong in (["--set", "max_bodi=3"], ["--method", "hypnosis"], ["--upstream", "ftp://x"], ["--adapter", "tide"]):
        with pytest.raises(AssertionError, match="error: ") as said, serving(folder, parts, *wrong):
            pass
        assert str(said.value).strip().splitlines()[-1].startswith("error: ")
        assert "Traceback" not in str(said.value)
