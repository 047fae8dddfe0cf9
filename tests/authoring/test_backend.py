"""Bodies of completions, waiting times, and models in process."""

import asyncio
import json
import time
from contextlib import nullcontext
from email.utils import formatdate

import pytest

from authoring.clients import call
from counterpoint.authoring.backend import LocalBackend, NoReplyError, Reply, read_completion, retry_after


def body(content="Oder", finish="stop", **more):
    message = {"role": "assistant", "content": content, **more.pop("message", {})}
    return json.dumps({"choices": [{"message": message, "finish_reason": finish}], **more})


def test_a_completion_is_read():
    usage = {"prompt_tokens": 12, "completion_tokens": 3}
    assert read_completion(body(usage=usage), call()) == Reply("Oder", "stop", 12, 3)
    assert read_completion(body(finish="length", usage=usage), call()).finish == "length"


def test_tokens_are_estimated_where_they_are_not_counted():
    reply = read_completion(body("x" * 40), call("y" * 400))
    assert (reply.tokens_in, reply.tokens_out) == (101, 11)


@pytest.mark.parametrize("counts", [{"prompt_tokens": -5, "completion_tokens": -1}, {"prompt_tokens": "12"}, None, {}])
def test_what_is_no_count_of_tokens_is_estimated_for_money_is_counted_by_it(counts):
    reply = read_completion(body("x" * 40, usage=counts), call("y" * 400))
    assert (reply.tokens_in, reply.tokens_out) == (101, 11)


def test_an_answer_may_come_in_parts():
    parts = [{"type": "text", "text": "Od"}, {"type": "image"}, {"type": "text", "text": "er"}]
    assert read_completion(body(parts), call()).text == "Oder"
    assert read_completion(body(None), call()).text == ""


def test_refusals_come_in_two_ways():
    refused = read_completion(body(None, message={"refusal": "No."}), call())
    assert (refused.finish, refused.text) == ("refused", "No.")
    assert read_completion(body("", "content_filter"), call()).finish == "refused"


@pytest.mark.parametrize("text", ["<html>", "[]", '{"choices": []}', '{"choices": [{"message": null}]}', "null"])
def test_what_is_no_completion_is_no_reply(text):
    with pytest.raises(NoReplyError, match="no chat completion"):
        read_completion(text, call())


def test_waiting_times_come_as_milliseconds_seconds_or_dates():
    assert retry_after({"retry-after-ms": "1500", "retry-after": "9"}) == 1.5
    assert retry_after({"retry-after": "2.5"}) == 2.5
    assert retry_after({"retry-after": formatdate(time.time() + 30, usegmt=True)}) == pytest.approx(30, abs=2)
    assert retry_after({"retry-after": formatdate(0, usegmt=True)}) == 0.0
    assert retry_after({}) is None
    assert retry_after({"retry-after": "soon"}) is None


def test_calls_to_a_model_in_process_are_answered_together_and_each_gets_its_own():
    groups = []

    def speak(calls):
        groups.append(len(calls))
        return [Reply(each.messages[0].content.upper(), "stop", 1, 1) for each in calls]

    async def main():
        backend = LocalBackend(speak, batch=4)
        replies = await asyncio.gather(*(backend.send(call(f"r{i}"), nullcontext) for i in range(10)))
        await backend.close()
        return [reply.text for reply in replies]

    assert asyncio.run(main()) == [f"R{i}" for i in range(10)]
    assert groups == [4, 4, 2]


def test_what_goes_wrong_in_process_is_told_to_all_who_wait():
    def speak(_):
        raise ValueError("out of memory")

    async def main():
        backend = LocalBackend(speak)
        results = await asyncio.gather(
            *(backend.send(call(f"r{i}"), nullcontext) for i in range(3)), return_exceptions=True
        )
        await backend.close()
        return [str(result) for result in results]

    assert asyncio.run(main()) == ["out of memory"] * 3
