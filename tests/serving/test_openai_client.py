"""The real `openai` client works unchanged: chat, streams, models, and the right exception for every refusal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from counterpoint.serving.store.records import NewEvent, Principal, Scope
from counterpoint.types import ChoiceKind
from serving.served import MODEL, Running, running, settings_for, small_service

HELLO: Any = [{"role": "user", "content": "What shall I do tonight?"}]
WHO = Principal("acme", "test", frozenset(Scope), "request")


def asking(**extension: Any) -> dict[str, Any]:
    """What is asked beyond OpenAI's fields."""
    return {"extra_body": {"counterpoint": extension}}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service in which ann leans to Daring."""
    service = small_service(settings_for(tmp_path_factory.mktemp("openai"), pages=False))
    with running(service) as found:
        said = [NewEvent(ChoiceKind.SAID, pole="Daring", strength=3.0)]
        service.people.record(WHO, "ann", said)
        service.people.correct(WHO, "ann", "Risk", 2.0)
        yield found


@pytest.fixture
def client(served: Running) -> Iterator[openai.OpenAI]:
    """The client as its makers ship it."""
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key=served.key(), max_retries=0) as client:
        yield client


def test_a_reply_is_a_chat_completion(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=5, temperature=0, n=2)
    assert completion.object == "chat.completion"
    assert [choice.index for choice in completion.choices] == [0, 1]
    assert completion.choices[0].message.content == completion.choices[1].message.content
    assert completion.choices[0].finish_reason in ("stop", "length")
    assert completion.usage is not None
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens
    assert completion._request_id


def test_a_stream_says_what_the_whole_reply_says(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=12, seed=7)
    options: Any = {"include_usage": True}
    chunks = list(
        client.chat.completions.create(
            model=MODEL, messages=HELLO, max_tokens=12, seed=7, stream=True, stream_options=options
        )
    )
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(pieces) == whole.choices[0].message.content
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] is not None
    assert chunks[-1].usage == whole.usage


def test_the_clients_own_stream_helper_works(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=6, seed=1).choices[0].message.content
    assert whole
    with client.chat.completions.stream(model=MODEL, messages=HELLO, max_tokens=6, seed=1, stop=whole[-1]) as stream:
        said = [event.delta for event in stream if event.type == "content.delta"]
        final = stream.get_final_completion()  # it takes replies that were not cut alone
    assert final.choices[0].message.content == "".join(said) == whole[: whole.index(whole[-1])]


def test_equal_seeds_give_equal_replies_and_no_seed_gives_others(client: openai.OpenAI) -> None:
    def reply(**more: Any) -> str | None:
        made = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=16, temperature=1, **more)
        return made.choices[0].message.content

    assert reply(seed=3) == reply(seed=3)
    assert len({reply() for _ in range(4)}) > 1


def test_a_stop_string_ends_a_reply(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=12, seed=7).choices[0].message
    assert whole.content is not None
    stop = whole.content[3:5]
    cut = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=12, seed=7, stop=stop)
    assert cut.choices[0].message.content == whole.content[: whole.content.index(stop)]
    assert cut.choices[0].finish_reason == "stop"


def test_models_are_listed_and_found(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == [MODEL]
    assert client.models.retrieve(MODEL).id == MODEL
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("lm:other")


def test_turns_may_be_parts_and_a_developer_may_speak(client: openai.OpenAI) -> None:
    turns: Any = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Hello."}, {"type": "text", "text": "Who?"}]},
    ]
    assert client.chat.completions.create(model=MODEL, messages=turns, max_tokens=3, seed=1).choices


@pytest.mark.parametrize(
    ("wrong", "kind", "code", "param"),
    [
        ({"model": "gpt-x"}, openai.NotFoundError, "model_not_found", "model"),
        (asking(method="hypnosis"), openai.BadRequestError, "unknown_method", "counterpoint.method"),
        (asking(methode="mixture"), openai.BadRequestError, "unknown_parameter", "counterpoint.methode"),
        ({"extra_body": {"colour": "red"}}, openai.BadRequestError, "unknown_parameter", "colour"),
        ({"temperature": 9}, openai.BadRequestError, "invalid_value", "temperature"),
        ({"n": 9}, openai.BadRequestError, "too_many_choices", "n"),
        ({"max_tokens": 10**6}, openai.BadRequestError, "too_many_tokens", "max_tokens"),
        ({"presence_penalty": 1.5}, openai.BadRequestError, "invalid_value", None),
        ({"messages": [{"role": "assistant", "content": "Hm."}]}, openai.BadRequestError, "invalid_value", None),
        ({"messages": []}, openai.BadRequestError, "invalid_value", "messages"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_an_error_and_never_a_fallback(
    client: openai.OpenAI, wrong: dict[str, Any], kind: type[openai.APIStatusError], code: str, param: str | None
) -> None:
    with pytest.raises(kind) as refused:
        client.chat.completions.create(**{"model": MODEL, "messages": HELLO, "max_tokens": 3, **wrong})
    assert (refused.value.code, refused.value.param) == (code, param)


def test_parameters_that_ask_for_nothing_are_accepted(client: openai.OpenAI) -> None:
    neutral: dict[str, Any] = {"presence_penalty": 0, "logprobs": False, "response_format": {"type": "text"}}
    assert client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=2, **neutral).choices


def test_a_wrong_key_is_an_authentication_error(served: Running) -> None:
    for key in ("cp_0_0", "sk-unknown", served.key()[:-1] + "x"):
        with (
            openai.OpenAI(base_url=f"{served.url}/v1", api_key=key, max_retries=0) as client,
            pytest.raises(openai.AuthenticationError) as refused,
        ):
            client.models.list()
        assert refused.value.code == "invalid_api_key"


def test_a_key_without_the_scope_is_denied(served: Running) -> None:
    with (
        openai.OpenAI(base_url=f"{served.url}/v1", api_key=served.key(Scope.READ), max_retries=0) as client,
        pytest.raises(openai.PermissionDeniedError),
    ):
        client.chat.completions.create(model=MODEL, messages=HELLO)


def test_a_key_that_comes_too_often_is_a_rate_limit_error_that_the_client_waits_out(tmp_path: Path) -> None:
    with running(small_service(settings_for(tmp_path, pages=False, rate=5.0, burst=1))) as slow:
        key = slow.key()
        with openai.OpenAI(base_url=f"{slow.url}/v1", api_key=key, max_retries=0) as client:
            client.models.list()
            with pytest.raises(openai.RateLimitError) as refused:
                client.models.list()
            assert refused.value.code == "rate_limit_exceeded"
        with openai.OpenAI(base_url=f"{slow.url}/v1", api_key=key, max_retries=3) as patient:
            assert [len(patient.models.list().data) for _ in range(3)] == [1, 1, 1]


def test_the_person_named_is_answered_and_the_reply_says_how(client: openai.OpenAI) -> None:
    extra = {"counterpoint": {"explain": True}}
    made: Any = client.chat.completions.create(
        model=MODEL, messages=HELLO, max_tokens=8, temperature=0, user="ann", extra_body=extra
    )
    told = made.counterpoint
    assert told["person_known"]
    assert told["method"] == "mixture"
    assert [(one["value_pair"], one["pole"]) for one in told["explanation"]["leanings"]] == [("Risk", "Daring")]
    assert told["explanation"]["leanings"][0]["reasons"][0]["kind"] == "corrected"


def test_somebody_unknown_gets_the_base_answer_and_is_told_so(client: openai.OpenAI) -> None:
    def reply(**more: Any) -> Any:
        return client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=8, temperature=0, **more)

    base, unknown = reply(), reply(user="nobody")
    assert unknown.choices[0].message.content == base.choices[0].message.content
    assert (unknown.counterpoint["person_known"], unknown.counterpoint["method"]) == (False, "base")
    assert base.counterpoint["person_known"] is None


def test_strength_0_is_the_base_and_minus_1_the_opposite_person(client: openai.OpenAI) -> None:
    def reply(strength: float) -> Any:
        extra = {"counterpoint": {"strength": strength, "explain": True}}
        return client.chat.completions.create(
            model=MODEL, messages=HELLO, max_tokens=8, temperature=0, user="ann", extra_body=extra
        )

    base = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=8, temperature=0)
    assert reply(0).choices[0].message.content == base.choices[0].message.content
    assert reply(0).counterpoint["method"] == "base"
    assert reply(-1).counterpoint["explanation"]["leanings"][0]["pole"] == "Careful"


def test_explaining_needs_the_right_to_read_about_people(served: Running) -> None:
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key=served.key(Scope.CHAT), max_retries=0) as client:
        plain: Any = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=2, user="ann")
        assert "explanation" not in plain.counterpoint
        with pytest.raises(openai.PermissionDeniedError):
            client.chat.completions.create(
                model=MODEL, messages=HELLO, user="ann", extra_body={"counterpoint": {"explain": True}}
            )


def test_a_deleted_person_is_answered_as_nobody(served: Running, client: openai.OpenAI) -> None:
    served.service.people.record(WHO, "gone", [NewEvent(ChoiceKind.SAID, pole="Daring", strength=9.0)])
    served.service.people.delete(WHO, "gone")
    made: Any = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=2, user="gone")
    assert made.counterpoint["person_known"] is False


def test_another_tenants_person_is_unknown(served: Running) -> None:
    key = served.key(tenant="rival")
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key=key, max_retries=0) as client:
        made: Any = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=2, user="ann")
    assert made.counterpoint["person_known"] is False
