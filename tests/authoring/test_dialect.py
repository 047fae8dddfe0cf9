"""A refused request is said more plainly, step by step, until nothing is left to leave out."""

from dataclasses import replace

from authoring.clients import call
from counterpoint.authoring.calls import Sampling
from counterpoint.authoring.dialect import Dialect

FORMED = replace(call(sampling=Sampling(0.5, 0.9, 70), seed=3), form={"title": "River", "type": "object"})


def test_the_request_is_a_standard_chat_completion():
    body = Dialect().body(FORMED, "m")
    form = {"name": "River", "schema": FORMED.form, "strict": True}
    assert body == {
        "model": "m",
        "messages": [{"role": "user", "content": "Name a river."}],
        "max_tokens": 70,
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 3,
        "response_format": {"type": "json_schema", "json_schema": form},
    }


def test_forms_fall_back_to_objects_and_then_to_text():
    once = Dialect().plainer(FORMED, "response_format is unknown")
    assert once.body(FORMED, "m")["response_format"] == {"type": "json_object"}
    twice = once.plainer(FORMED, "response_format is unknown")
    assert "response_format" not in twice.body(FORMED, "m")
    assert twice.plainer(FORMED, "response_format is unknown") is None


def test_a_setting_that_is_refused_is_left_out():
    body = Dialect().plainer(call(), "unsupported value: 'temperature'").body(call(), "m")
    assert "temperature" not in body
    assert "top_p" in body


def test_newer_models_want_another_name_for_the_limit():
    body = Dialect().plainer(call(), "use 'max_completion_tokens' instead of 'max_tokens'").body(call(), "m")
    assert "max_tokens" not in body
    assert body["max_completion_tokens"] == 1024


def test_a_call_without_a_form_has_nothing_to_fall_back_to():
    assert Dialect().plainer(call(), "no") is None
