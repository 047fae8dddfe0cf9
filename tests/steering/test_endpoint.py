"""Steering through an endpoint, against a real HTTP server on this machine that speaks the protocol."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from counterpoint.data import taxonomy
from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.models.decoding import Decoding
from counterpoint.models.prompts import SYSTEM
from counterpoint.steering.asking import Asked, Conversation, Message, Request
from counterpoint.steering.endpoint import Endpoint, EndpointError, EndpointSettings, turns_of
from counterpoint.steering.methods.rerank import Reranking
from counterpoint.steering.steering import Steering, from_leans, nothing
from counterpoint.types import Dilemma, Option, Pole
from small_server import Server

pytest.importorskip("openai")

TOY = taxonomy("toy")
HARE = from_leans({"Hare": 2.0}, TOY)
HELLO = Conversation.said("Hello?")
DILEMMA = Dilemma("d", "Tempo", "Anna is at the mill.", (Option("dash", "Hare"), Option("stroll", "Tortoise")), "What?")


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.stop()


@pytest.fixture
def endpoint(server: Server) -> Iterator[Endpoint]:
    found = Endpoint("m", server.url, TOY, settings=EndpointSettings(back_off=0.001, retries=2, concurrency=2))
    yield found
    found.close()


def test_an_instruction_goes_where_the_person_is_asked_for_and_the_rest_as_it_is(
    server: Server, endpoint: Endpoint
) -> None:
    decoding = Decoding(0.5, 0.8, 33, ("END",), seed=3)
    (reply,) = endpoint.answer([Request(HELLO, HARE, "instruction", decoding, seed=5)])
    assert (reply.text, reply.finish, reply.method, reply.prompt_tokens) == ("Hi there.", "stop", "instruction", 7)
    (body,) = server.bodies
    said = "Hello?\n\nWho answers: strongly Hare. Leans to the hare."
    assert body["messages"] == [{"role": "user", "content": said}]
    assert (body["model"], body["temperature"], body["top_p"], body["max_tokens"]) == ("m", 0.5, 0.8, 33)
    assert (body["stop"], body["seed"], body["stream"]) == (["END"], 5, True)


def test_no_steering_and_base_send_the_question_unchanged(server: Server, endpoint: Endpoint) -> None:
    talk = Conversation((Message("system", "Be brief."), Message("user", "Hello?")))
    replies = endpoint.answer([Request(talk, nothing(TOY), "instruction"), Request(talk, HARE, "base")])
    assert [reply.method for reply in replies] == ["base", "base"]
    assert server.bodies[0] == server.bodies[1]
    assert server.bodies[0]["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello?"},
    ]


def test_a_dilemma_is_put_as_in_training() -> None:
    system, user = turns_of(Asked(DILEMMA, Pole("Hare", "Leans to the hare.")))
    assert system == {"role": "system", "content": SYSTEM}
    assert user["content"].startswith("Anna is at the mill.\n\nWhat?\n\nA. dash\nB. stroll\n\nReply with JSON")
    assert user["content"].endswith("\n\nWho answers: Hare. Leans to the hare.")
    assert "letters of all options" in turns_of(Asked(DILEMMA, several=True))[1]["content"]


def test_equal_requests_get_equal_seeds_and_others_other_ones(server: Server, endpoint: Endpoint) -> None:
    other = Conversation.said("Bye?")
    endpoint.answer([Request(HELLO, HARE, "instruction"), Request(HELLO, nothing(TOY)), Request(other, nothing(TOY))])
    seeds = {body["messages"][0]["content"]: body["seed"] for body in server.bodies}
    assert len(seeds) == 3
    assert len(set(seeds.values())) == 2


def test_text_is_told_as_it_comes_and_never_any_of_a_stop_string(server: Server, endpoint: Endpoint) -> None:
    server.play = lambda _: ["One E", "N", "E two EN", "D three"]
    told: list[tuple[int, str]] = []
    request = Request(HELLO, nothing(TOY), decoding=Decoding(stop_strings=("END",)))
    (reply,) = endpoint.answer([request], on_text=lambda i, text: told.append((i, text)))
    assert reply.text == "One ENE two "
    assert told == [(0, "One "), (0, "ENE two ")]


def test_replies_come_in_the_order_of_requests(server: Server, endpoint: Endpoint) -> None:
    server.play = lambda body: [body["messages"][0]["content"]]
    texts = [f"number {i}" for i in range(9)]
    told: dict[int, str] = {}
    requests = [Request(Conversation.said(text), nothing(TOY)) for text in texts]
    replies = endpoint.answer(requests, on_text=lambda i, text: told.update({i: told.get(i, "") + text}))
    assert [reply.text for reply in replies] == texts
    assert [told[i] for i in range(9)] == texts


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_it_tries_again_where_that_may_help(server: Server, endpoint: Endpoint, status: int) -> None:
    server.headers = {"Retry-After": "0"}
    server.play = lambda _: status if len(server.bodies) < 3 else ["ok"]
    (reply,) = endpoint.answer([Request(HELLO, nothing(TOY))])
    assert reply.text == "ok"
    assert len(server.bodies) == 3


def test_it_gives_up_after_the_last_try_and_at_once_where_trying_is_no_use(server: Server, endpoint: Endpoint) -> None:
    server.play = lambda _: 503
    with pytest.raises(EndpointError, match="status 503"):
        endpoint.answer([Request(HELLO, nothing(TOY))])
    assert len(server.bodies) == 3
    server.play = lambda _: 404
    with pytest.raises(EndpointError, match="m: the endpoint answered status 404"):
        endpoint.answer([Request(HELLO, nothing(TOY))])
    assert len(server.bodies) == 4


def test_a_refused_key_is_told_and_not_shown(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-secret")
    found = Endpoint("m", server.url, TOY, settings=EndpointSettings(api_key_env="MY_KEY"))
    server.play, server.error = lambda _: 401, "bad key sk-secret"
    with pytest.raises(EndpointError) as caught:
        found.answer([Request(HELLO, nothing(TOY))])
    found.close()
    assert server.keys == ["Bearer sk-secret"]
    assert "MY_KEY" in str(caught.value)
    assert "sk-secret" not in str(caught.value)


def test_a_reply_cut_off_is_asked_for_again_unless_some_of_it_was_told(server: Server, endpoint: Endpoint) -> None:
    server.play = lambda _: ["One", None] if len(server.bodies) < 2 else ["One", " two"]
    (reply,) = endpoint.answer([Request(HELLO, nothing(TOY))])
    assert reply.text == "One two"
    server.bodies.clear()
    told: list[str] = []
    with pytest.raises(EndpointError, match="broke off"):
        endpoint.answer([Request(HELLO, nothing(TOY))], on_text=lambda _, text: told.append(text))
    assert told == ["One"]
    assert len(server.bodies) == 1


def test_settings_that_it_refuses_are_left_out_from_then_on(server: Server, endpoint: Endpoint) -> None:
    def play(body: dict[str, Any]) -> int | list[Any]:
        server.error = "use max_completion_tokens, not max_tokens" if "max_tokens" in body else "no seed here"
        return 400 if "max_tokens" in body or "seed" in body else ["ok"]

    server.play = play
    for _ in range(2):
        (reply,) = endpoint.answer([Request(HELLO, nothing(TOY), decoding=Decoding(max_new_tokens=9))])
        assert reply.text == "ok"
    assert len(server.bodies) == 4
    assert server.bodies[-1]["max_completion_tokens"] == 9


def test_nobody_there_is_an_error_in_one_line() -> None:
    gone = Endpoint("m", "http://127.0.0.1:9/v1", TOY, settings=EndpointSettings(retries=1, back_off=0.0))
    with pytest.raises(EndpointError, match="does not answer"):
        gone.answer([Request(HELLO, nothing(TOY))])
    gone.close()


def test_methods_that_choose_draw_their_candidates_there(server: Server) -> None:
    class Loud:
        """Likes exclamation marks as Hare does."""

        name = "loud"

        def score(self, dilemmas: Any, poles: Any) -> Any:
            import numpy as np

            found = []
            for dilemma, asked in zip(dilemmas, poles, strict=True):
                loud = np.array([option.text.count("!") for option in dilemma.options], np.float32)
                rows = np.stack([loud if pole.name == "Hare" else -loud for pole in asked])
                found.append(rows)
            return found

        def save(self, folder: Any) -> None:
            """Nothing to keep."""

        def describe(self) -> dict[str, Any]:
            return {}

    turned: list[tuple[float, ...]] = []

    def dial(steering: Steering) -> Steering:
        turned.append(steering.vector)
        return steering

    by = {"rerank": Reranking(by=Loud(), candidates=3)}
    found = Endpoint("m", server.url, TOY, materials=by, dials={"rerank": dial})
    server.play = lambda _: [{0: "Yes.", 1: "Yes!!", 2: "Yes!"}[len(server.bodies) % 3]]
    told: list[str] = []
    request = Request(HELLO, HARE, "rerank", Decoding(temperature=0))
    (reply,) = found.answer([request], on_text=lambda _, text: told.append(text))
    found.close()
    assert reply.text == "Yes!!"
    assert sorted(reply.others) == ["Yes!", "Yes."]
    assert (reply.method, reply.steering) == ("rerank", HARE)
    assert told == ["Yes!!"]
    assert turned == [HARE.vector]


def test_what_is_wrong_is_told_before_anything_is_sent(server: Server, endpoint: Endpoint) -> None:
    with pytest.raises(BadInputError, match="mixture needs an lm: model in process"):
        endpoint.answer([Request(HELLO, HARE, "instruction"), Request(HELLO, HARE, "mixture")])
    with pytest.raises(UnknownNameError, match="instruction"):
        endpoint.answer([Request(HELLO, HARE, "instructions")])
    with pytest.raises(BadInputError, match="value pairs"):
        endpoint.answer([Request(HELLO, nothing(taxonomy("vcd")))])
    with pytest.raises(BadInputError, match="base URL"):
        Endpoint("m", "localhost:8000", TOY)
    assert server.bodies == []
