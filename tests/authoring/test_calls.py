"""A call's key is made of all that decides its answer and of nothing else."""

from dataclasses import replace

import pytest

from authoring.clients import call
from counterpoint.authoring.calls import Message, Sampling
from counterpoint.errors import BadInputError


def test_what_decides_an_answer_changes_the_key():
    first = call()
    others = [
        call("Name a lake."),
        replace(first, messages=(Message("system", "Name a river."),)),
        replace(first, seed=1),
        replace(first, sampling=Sampling(temperature=0.7)),
        replace(first, sampling=Sampling(max_tokens=7)),
        replace(first, form={"title": "River"}),
    ]
    keys = {each.key("here", "m") for each in [first, *others]} | {first.key("there", "m"), first.key("here", "n")}
    assert len(keys) == 9


def test_what_an_answer_is_for_does_not_change_the_key():
    named = replace(call(), step="scene", prompt="dilemmas.scene/1")
    assert named.key("here", "m") == call().key("here", "m")


@pytest.mark.parametrize("wrong", [{"temperature": -0.1}, {"top_p": 0}, {"max_tokens": 0}])
def test_impossible_sampling_is_refused(wrong):
    with pytest.raises(BadInputError, match=next(iter(wrong))):
        Sampling(**wrong)
