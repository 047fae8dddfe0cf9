"""Faults said so that a person can mend them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from counterpoint.data.faults import Fault, explain, nearest, shown
from counterpoint.data.rows import DilemmaRow


def faults_of(value: object, model: type[BaseModel] = DilemmaRow) -> list[Fault]:
    with pytest.raises(ValidationError) as refused:
        model.model_validate(value)
    return explain(refused.value, model)


def test_a_path_reads_like_python() -> None:
    faults = faults_of({"value_pair": "x", "scenario": "y", "options": [{"text": "a", "pole": "b"}, {"pole": 1}]})
    assert [fault.field for fault in faults] == ["options[1].text", "options[1].pole"]
    assert faults[1] == Fault("options[1].pole", "must be text", "1")


def test_known_keys_are_those_of_the_place() -> None:
    (fault,) = (f for f in faults_of({"options": [{"txt": 1}]}) if f.field == "options[0].txt")
    assert fault.message == "unknown key. Did you mean 'text'? Known: text, pole, explanation"


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_a_shown_value_is_short_and_can_be_printed(value: object) -> None:
    assert len(shown(value).encode("utf-8")) < 3000


def test_a_value_nested_deeper_than_the_stack_is_shown() -> None:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    assert shown(value) == "[[[[...]]]]"


def test_nothing_near_is_said_where_nothing_is_near() -> None:
    assert nearest("zzz", ["text", "pole"]) == ""
    assert nearest("txt", ["text", "pole"]) == " Did you mean 'text'?"
