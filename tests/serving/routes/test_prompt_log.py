"""Prompts are kept only where the operator asked for that, only of people who are known, and go with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.served import MODEL, Running, running, settings_for, small_service

SAID = {"events": [{"kind": "said", "pole": "Daring"}]}


def _talk(served: Running, person: str, *, stream: bool = False) -> None:
    body = {"model": MODEL, "user": person, "max_tokens": 3, "stream": stream}
    body["messages"] = [{"role": "user", "content": f"the words of {person}"}]
    with served.client() as client:
        assert client.post("/v1/chat/completions", json=body).status_code == 200


@pytest.mark.parametrize("asked", [True, False])
def test_prompts_are_kept_if_asked_for_and_erased_with_their_person(tmp_path: Path, asked: bool) -> None:
    settings = settings_for(tmp_path, pages=False, log_prompts=asked)
    with running(small_service(settings)) as served, served.client() as client:
        client.post("/v1/users/ann/events", json=SAID)
        for stream in (True, False):
            _talk(served, "ann", stream=stream)
            _talk(served, "stranger", stream=stream)
        prompts = client.get("/v1/users/ann/export").json()["prompts"]
        kept = [prompt["content"]["messages"][0]["content"] for prompt in prompts]
        assert kept == (["the words of ann"] * 2 if asked else [])
        assert all(prompt["content"]["replies"] for prompt in prompts)
        receipt = client.delete("/v1/users/ann").json()
        assert receipt["rows"]["prompt_log"] == (2 if asked else 0)
    assert all(b"the words of" not in file.read_bytes() for file in tmp_path.glob("store.db*"))
