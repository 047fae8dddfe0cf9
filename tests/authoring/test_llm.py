"""The client against a scripted server that is slow, busy, sloppy, refusing or dying."""

import asyncio
import os

import pytest
from pydantic import BaseModel, Field

from authoring.clients import asked, call
from authoring.scripted import Script, ScriptedServer
from counterpoint.authoring.backend import LocalBackend, NoReplyError, Reply
from counterpoint.authoring.budget import Budget
from counterpoint.authoring.cache import AnswerCache
from counterpoint.authoring.calls import CallFailedError, CapReachedError, EndpointDownError, RunStoppedError, Sampling
from counterpoint.authoring.llm import LLM, MENDING, Endpoint, url_and_model
from counterpoint.errors import BadInputError


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("http://localhost:8000/v1#a/b", ("http://localhost:8000/v1", "a/b")),
        ("https://host/v1#m#2", ("https://host/v1", "m#2")),
        ("https://host/v1", None),
        ("https://host/v1#", None),
        ("lm:tiny#m", None),
    ],
)
def test_an_endpoint_is_named_by_its_address_and_model(text, parts):
    assert url_and_model(text) == parts


class River(BaseModel):
    name: str = Field(description="its name")
    length: int = Field(description="in kilometres")


def rivers(**named):
    return {"River": lambda *_: {"name": "Oder", "length": 840, **named}}


def many(count, form=River, **settings):
    """What became of so many calls at once: `good`, `mended`, or the reason of the failure."""

    async def one(llm, i):
        try:
            read = await llm.ask_for(call(f"River {i}?", **settings), form)
        except CallFailedError as error:
            return error.reason
        except RunStoppedError as error:
            return type(error).__name__
        return "mended" if read.repaired else "good"

    async def work(llm):
        return await asyncio.gather(*(one(llm, i) for i in range(count)))

    return work


def test_an_answer_is_read_counted_and_not_paid_for_again(tmp_path):
    async def work(llm):
        read = await llm.ask_for(call(step="river", prompt="p/1"), River)
        return read, llm.budget

    with ScriptedServer(Script(), rivers()) as server:
        read, budget = asked(server.url, tmp_path, work, price_in=1.0, price_out=4.0)
        again, nothing = asked(server.url, tmp_path, work)
        assert server.stats.calls == 1
    answer = read.answers[0]
    assert (read.value, read.repaired) == (River(name="Oder", length=840), False)
    assert (answer.step, answer.prompt, answer.model, answer.endpoint) == ("river", "p/1", "scripted", "scripted")
    assert answer.cost == pytest.approx((answer.tokens_in + 4 * answer.tokens_out) / 1e6)
    assert (budget.spent, budget.calls, budget.cached) == (pytest.approx(answer.cost), 1, 0)
    assert (again.value, again.answers[0].cached) == (read.value, True)
    assert (nothing.spent, nothing.calls, nothing.cached) == (0.0, 0, 1)


def test_equal_calls_at_once_are_sent_once(tmp_path):
    async def work(llm):
        return await asyncio.gather(*(llm.ask(call()) for _ in range(5)))

    with ScriptedServer(Script(latency=0.02), rivers()) as server:
        assert len({answer.text for answer in asked(server.url, tmp_path, work)}) == 1
        assert server.stats.calls == 1


def test_another_seed_is_another_call(tmp_path):
    async def work(llm):
        await llm.ask(call(seed=1))
        await llm.ask(call(seed=2))

    with ScriptedServer() as server:
        asked(server.url, tmp_path, work)
        assert server.stats.calls == 2


def test_malformed_answers_are_mended_or_rejected_and_none_gets_through(tmp_path):
    script = Script(malformed=0.3, truncated=0.05, sloppy=0.2, refusing=0.05)
    with ScriptedServer(script, rivers()) as server:
        became = asked(server.url, tmp_path, many(150))
        kinds = server.stats.kinds
    counts = {reason: became.count(reason) for reason in set(became)}
    assert set(counts) == {"good", "mended", "malformed", "refused", "truncated"}
    # each bad answer was followed by a mending one or by a rejection
    assert kinds["refused"] == counts["refused"]
    mendings = server.stats.calls - 150
    assert kinds["malformed"] + kinds["truncated"] == mendings + counts["malformed"] + counts["truncated"]


def test_the_model_is_shown_what_was_wrong(tmp_path):
    def player(request, chance):  # noqa: ARG001
        return {"name": "Oder", "length": "long"} if len(request["messages"]) == 1 else {"name": "Oder", "length": 840}

    async def work(llm):
        return await llm.ask_for(call(step="river"), River)

    with ScriptedServer(Script(), {"River": player}) as server:
        read = asked(server.url, tmp_path, work)
        shown = server.requests[1]["messages"]
    assert [message["role"] for message in shown] == ["user", "assistant", "user"]
    assert "length: Input should be a valid integer" in shown[2]["content"]
    assert read.value.length == 840
    assert read.answers[1].step == "river" + MENDING


def test_what_a_check_says_is_mended_too(tmp_path):
    def player(request, chance):  # noqa: ARG001
        return {"name": "Oder", "length": 840 if len(request["messages"]) > 1 else 8}

    async def work(llm):
        return await llm.ask_for(call(), River, check=lambda river: ["too short"] if river.length < 100 else [])

    with ScriptedServer(Script(), {"River": player}) as server:
        assert asked(server.url, tmp_path, work).value.length == 840
        assert "too short" in server.requests[1]["messages"][2]["content"]


def test_a_failure_names_its_reason_and_what_was_paid(tmp_path):
    async def work(llm):
        with pytest.raises(CallFailedError) as failed:
            await llm.ask_for(call(), River, repairs=2)
        return failed.value

    with ScriptedServer(Script(malformed=1.0), rivers()) as server:
        error = asked(server.url, tmp_path, work)
    assert (error.reason, len(error.answers)) == ("malformed", 3)


def test_a_cut_answer_is_asked_for_again_more_briefly(tmp_path):
    with ScriptedServer(Script(truncated=1.0), rivers()) as server:
        assert asked(server.url, tmp_path, many(1)) == ["truncated"]
        assert "much shorter" in server.requests[1]["messages"][0]["content"]


def test_an_empty_answer_is_asked_for_again_and_is_no_refusal(tmp_path):
    def player(request, chance):  # noqa: ARG001
        return "" if "was empty" not in request["messages"][-1]["content"] else {"name": "Oder", "length": 840}

    with ScriptedServer(Script(), {"River": player}) as server:
        assert asked(server.url, tmp_path, many(3)) == ["mended"] * 3
    with ScriptedServer(Script(), {"River": lambda *_: ""}) as server:
        assert asked(server.url, tmp_path / "never", many(2)) == ["malformed"] * 2


def test_requests_that_fail_or_die_in_the_middle_are_sent_again(tmp_path):
    with ScriptedServer(Script(fails=0.3, dies=0.3), rivers()) as server:
        assert set(asked(server.url, tmp_path, many(40))) == {"good"}
        assert server.stats.kinds["500"] > 0
        assert server.stats.kinds["died"] > 0
        assert server.stats.paid_twice == 0


def test_a_call_that_always_kills_its_connection_fails_alone(tmp_path):
    with ScriptedServer(Script(dies=0.1, times=99), rivers()) as server:
        became = asked(server.url, tmp_path, many(40), retries=2)
    assert set(became) == {"good", "unavailable"}


def test_a_busy_endpoint_is_left_alone_as_long_as_it_asks(tmp_path):
    with ScriptedServer(Script(per_second=40, retry_after=0.05), rivers()) as server:
        assert set(asked(server.url, tmp_path, many(60), retries=0)) == {"good"}
        assert 0 < server.stats.kinds["429"] < 60


def test_a_busy_endpoint_that_does_not_say_how_long_is_asked_less_and_less_often(tmp_path):
    with ScriptedServer(Script(per_second=40, retry_after=None), rivers()) as server:
        assert set(asked(server.url, tmp_path, many(60), retries=0)) == {"good"}
        assert 0 < server.stats.kinds["429"] < 400


@pytest.mark.parametrize("known", ["json_object", "text"])
def test_an_endpoint_that_knows_no_schemas_is_asked_in_plain_words(tmp_path, known):
    with ScriptedServer(Script(knows_forms=known), {"": lambda *_: {"name": "Oder", "length": 1}}) as server:
        assert asked(server.url, tmp_path, many(5), concurrency=1) == ["good"] * 5
        assert server.stats.kinds["400"] == {"json_object": 1, "text": 2}[known]  # what worked is remembered
        assert "in kilometres" in server.requests[0]["messages"][0]["content"]


def test_a_call_that_waits_for_its_turn_when_the_run_stops_is_not_sent(tmp_path):
    async def work(llm):
        await llm.ask_for(call("first"), River)  # from now on requests are made before their turn
        calls = [asyncio.create_task(llm.ask_for(call(f"{i}"), River)) for i in range(6)]
        await asyncio.sleep(0.1)
        llm.budget.stop(RunStoppedError("enough"))
        return await asyncio.gather(*calls, return_exceptions=True), llm.budget.repeats

    with ScriptedServer(Script(latency=0.4), rivers()) as server:
        became, repeats = asked(server.url, tmp_path, work, concurrency=2)
        assert server.stats.calls == 3
    assert [type(each).__name__ for each in became] == ["Read"] * 2 + ["RunStoppedError"] * 4
    assert repeats == 0


def test_a_body_that_is_no_completion_is_asked_for_once_more(tmp_path):
    asked_for = []

    class Garbled:
        async def send(self, given, turn):  # noqa: ARG002
            asked_for.append(given)
            raise NoReplyError("<html>", garbled=True)

        async def close(self):
            pass

    async def main():
        with AnswerCache(tmp_path) as cache:
            endpoint = Endpoint("m", "http://x", back_off=0.01)
            async with LLM(endpoint, cache=cache, budget=Budget(), backend=Garbled()) as llm:
                with pytest.raises(CallFailedError, match="unavailable"):
                    await llm.ask(call())

    asyncio.run(main())
    assert len(asked_for) == 2


def test_what_the_endpoint_refuses_altogether_fails_as_refused(tmp_path):
    async def work(llm):
        with pytest.raises(CallFailedError, match="refused"):
            await llm.ask(call())

    with ScriptedServer(Script(), {"": lambda *_: 1 / 0}) as server:  # status 418
        asked(server.url, tmp_path, work)


def test_the_key_is_sent_and_stands_nowhere(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("RIVER_KEY", "sk-very-secret")
    with caplog.at_level("DEBUG"), ScriptedServer(Script(key="sk-very-secret"), rivers()) as server:
        assert asked(server.url, tmp_path, many(1), api_key_env="RIVER_KEY") == ["good"]
    kept = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert b"sk-very-secret" not in kept
    assert "sk-very-secret" not in caplog.text


def test_a_wrong_key_stops_the_run_at_once(tmp_path):
    with ScriptedServer(Script(key="right"), rivers()) as server:
        assert set(asked(server.url, tmp_path, many(20))) == {"EndpointDownError"}
        assert server.stats.most_in_flight <= 16


def test_nobody_there_stops_the_run(tmp_path):
    async def work(llm):
        with pytest.raises(EndpointDownError, match="does not answer"):
            await llm.ask(call())

    asked("http://127.0.0.1:9/v1", tmp_path, work, retries=1)


def test_the_cap_is_not_passed(tmp_path):
    budget = Budget(0.002)
    with ScriptedServer(Script(latency=0.01), rivers()) as server:
        became = asked(server.url, tmp_path, many(200, sampling=Sampling(max_tokens=20)), budget=budget)
        paid = (server.stats.tokens_in + 4 * server.stats.tokens_out) / 1e6
    assert {"good", CapReachedError.__name__} == set(became)
    assert budget.spent == pytest.approx(paid)
    assert 0.5 * 0.002 < paid <= 0.002


def test_concurrency_is_kept(tmp_path):
    with ScriptedServer(Script(latency=0.01), rivers()) as server:
        asked(server.url, tmp_path, many(40), concurrency=7)
        assert server.stats.most_in_flight == 7


def test_requests_a_minute_are_kept(tmp_path):
    with ScriptedServer(Script(), rivers()) as server:
        asked(server.url, tmp_path, many(6), requests_per_minute=1200)  # 50 ms apart
        assert server.stats.last - server.stats.first > 0.1


def test_a_stopped_run_keeps_what_is_in_flight(tmp_path):
    async def work(llm):
        flying = asyncio.create_task(llm.ask(call("one")))
        await asyncio.sleep(0.1)
        llm.budget.stop(RunStoppedError("interrupted"))
        with pytest.raises(RunStoppedError):
            await llm.ask(call("two"))
        return await flying

    with ScriptedServer(Script(latency=0.3)) as server:
        assert not asked(server.url, tmp_path, work).cached
        assert asked(server.url, tmp_path, lambda llm: llm.ask(call("one"))).cached


def test_a_model_in_process_is_asked_by_the_same_contract(tmp_path):
    async def main():
        with AnswerCache(tmp_path) as cache:
            backend = LocalBackend(lambda calls: [Reply('{"name": "Oder", "length": 1}', "stop", 1, 1) for _ in calls])
            async with LLM(Endpoint("lm:x"), cache=cache, budget=Budget(), backend=backend) as llm:
                return await llm.ask_for(call(), River)

    read = asyncio.run(main())
    assert (read.value.name, read.answers[0].endpoint) == ("Oder", "in process")


def test_a_url_is_named_without_its_secrets():
    assert Endpoint("m", "https://user:word@models.example:8443/v1?key=x").name == "models.example:8443"
    assert Endpoint("m", "https://models.example/v1").name == "models.example"
    assert Endpoint("m", "https://models.example/v1", label="ours").name == "ours"


@pytest.mark.parametrize("wrong", [{"concurrency": 0}, {"requests_per_minute": 0}, {"timeout": -1}, {"price_in": -1}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(BadInputError):
        Endpoint("m", "http://x", **wrong)


def test_a_model_needs_a_url_or_a_backend(tmp_path):
    with AnswerCache(tmp_path) as cache, pytest.raises(BadInputError, match="no base URL"):
        LLM(Endpoint("m"), cache=cache, budget=Budget())


def test_the_environment_needs_no_key_for_a_local_server(tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with ScriptedServer(Script(), rivers()) as server:
        assert asked(server.url, tmp_path, many(1)) == ["good"]
    assert "OPENAI_API_KEY" not in os.environ
