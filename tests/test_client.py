"""The typed client against a real service: everything a product does with a person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from counterpoint.client import Client, Event, ServiceError
from counterpoint.serving.store.records import Scope
from serving.served import MODEL, Running, plain_server, running, settings_for, small_service


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service."""
    with running(small_service(settings_for(tmp_path_factory.mktemp("client"), pages=False))) as found:
        yield found


@pytest.fixture
def client(served: Running) -> Iterator[Client]:
    """A client with a key for everything."""
    with Client(served.url, served.key()) as client:
        yield client


def test_a_person_is_learnt_asked_corrected_ranked_for_and_answered(client: Client) -> None:
    question = client.next_question("ann")
    assert question is not None
    assert question.asked == 0
    daring = next(i for i, text in enumerate(question.options) if "leap" in text)
    recorded = client.record("ann", [Event("chose", dilemma=question.digest, groups=[[daring]], time="2026-03-01")])
    assert (recorded.added, recorded.repeated, len(recorded.events)) == (1, 0, 1)
    risk = client.preferences("ann").value_pairs[0]
    assert (risk.value_pair, risk.corrected) == ("Risk", None)
    assert risk.mean > 0
    assert client.preferences("ann", as_of="2026-02-01").observations == 0
    assert client.correct("ann", "Risk", -2.0).value_pairs[0].corrected == -2.0
    assert [one.text for one in client.rank("ann", ["leap now", "guard it"])] == ["guard it", "leap now"]
    reply = client.reply("What now?", person="ann", explain=True, max_tokens=4, seed=1)
    assert reply.about_person["explanation"]["leanings"][0]["pole"] == "Careful"
    withdrawn = client.withdraw("ann", "Risk").value_pairs[0]
    assert withdrawn.corrected is None
    assert withdrawn.mean == pytest.approx(risk.mean)
    asked = client.next_question("ann")
    assert asked is not None
    assert asked.asked == 1
    assert client.models() == [MODEL]


def test_what_is_exported_imports_again_with_the_same_belief(client: Client, served: Running) -> None:
    client.record("eve", [Event("said", pole="Daring", strength=2.0, id="e1"), Event("liked", texts=["leap fast"])])
    before, document = client.preferences("eve"), client.export("eve")
    with Client(served.url, served.key(tenant="rival")) as other:
        assert other.take_in(document).value_pairs == before.value_pairs
        assert "eve" in other.people()


def test_a_deleted_person_is_gone_and_the_receipt_verifies(client: Client) -> None:
    client.record("bob", [Event("said", pole="Daring")])
    receipt = client.delete("bob")
    assert client.verify(receipt)
    assert not client.verify({**receipt, "deleted_at": "2020-01-01T00:00:00Z"})
    assert client.delete("bob") == receipt
    for late in (lambda: client.record("bob", [Event("said", pole="Daring")]), lambda: client.preferences("bob")):
        with pytest.raises(ServiceError) as refused:
            late()
        assert (refused.value.status, refused.value.code) == (410, "person_deleted")


def test_an_event_sent_twice_counts_once_and_an_id_used_for_two_things_is_a_conflict(client: Client) -> None:
    event = Event("said", pole="Daring", strength=2.0, id="e1", time=1_700_000_000)
    assert client.record("cat", [event]).added == 1
    assert client.record("cat", [event]).repeated == 1
    with pytest.raises(ServiceError, match="409"):
        client.record("cat", [Event("said", pole="Careful", id="e1", time=1_700_000_000)])


def test_refusals_say_what_and_by_which_request(client: Client, served: Running) -> None:
    with pytest.raises(ServiceError, match="unknown_person") as refused:
        client.preferences("nobody")
    assert refused.value.request.startswith("req_")
    with Client(served.url, served.key(Scope.READ)) as reader, pytest.raises(ServiceError, match="403"):
        reader.record("ann", [Event("said", pole="Daring")])
    with pytest.raises(ServiceError, match="no dilemma"):
        client.record("ann", [Event("chose", dilemma="d999", groups=[[0]])])


def test_a_service_that_is_not_there_is_an_error_of_its_own_kind() -> None:
    with (
        Client("http://127.0.0.1:9", "cp_x", retries=0) as client,
        pytest.raises(ServiceError, match="reached") as away,
    ):
        client.models()
    assert away.value.status == 0


def test_attempts_are_repeated_with_the_same_idempotency_key() -> None:
    app, keys = FastAPI(), list[str]()

    async def flaky(request: Request) -> Response:
        keys.append(request.headers["idempotency-key"])
        if len(keys) < 3:
            return JSONResponse({"error": {"code": "x", "message": "busy"}}, 503, {"Retry-After": "0"})
        return JSONResponse({"events": ["e1"], "added": 1, "repeated": 0, "new_field": True}, 201)

    app.add_api_route("/v1/users/ann/events", flaky, methods=["POST"])
    with plain_server(app) as url, Client(url, "cp_x", retries=2) as client:
        assert client.record("ann", [Event("said", pole="Daring")]).added == 1
    assert len(keys) == 3
    assert len(set(keys)) == 1


def test_a_reply_is_not_asked_for_twice_where_the_first_may_have_been_given() -> None:
    app, count = FastAPI(), list[int]()

    async def failing() -> Any:
        count.append(1)
        return JSONResponse({"error": {"code": "x", "message": "broken"}}, 502)

    app.add_api_route("/v1/chat/completions", failing, methods=["POST"])
    with plain_server(app) as url, Client(url, "cp_x") as client, pytest.raises(ServiceError, match="502"):
        client.reply("Hello", model="m")
    assert len(count) == 1
