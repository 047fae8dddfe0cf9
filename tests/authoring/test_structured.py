"""An answer is read as tolerantly as can be without guessing."""

import json
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from counterpoint.authoring.structured import in_words, read_as, refuses, schema_of


class Town(BaseModel):
    name: str = Field(description="its name")


class River(BaseModel):
    name: str = Field(description="as the map has it")
    towns: list[Town] = Field(min_length=2, max_length=2, description="towns on it")
    kind: Literal["stream", "river"]
    length: int = 0


OBJECT = {"name": "Oder", "towns": [{"name": "Wrocław"}, {"name": "Szczecin"}], "kind": "river", "length": 840}
TEXT = json.dumps(OBJECT, ensure_ascii=False)


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        f"```json\n{TEXT}\n```",
        f"Gladly! Here it is:\n\n{TEXT}\n\nIs that {{what}} you meant?",
        TEXT.replace("}]", "},\n]").replace("840}", "840,\n}"),
        f"<think>They want {{a river}}.</think>\n{TEXT}",
        "\ufeff" + TEXT,
        json.dumps({"answer": OBJECT}),
        TEXT.replace("Oder", "Od\ner"),
    ],
    ids=["plain", "fence", "words", "commas", "thinking", "byte order mark", "wrapped", "raw line break"],
)
def test_sloppy_answers_are_read(text):
    read = read_as(River, text)
    assert isinstance(read, River)
    assert (read.name.replace("\n", ""), read.length) == ("Oder", 840)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TEXT[: len(TEXT) // 2], "no JSON object|towns"),
        ("It depends.", "no JSON object"),
        (json.dumps({**OBJECT, "towns": []}), "towns: List should have at least 2 items"),
        (json.dumps({**OBJECT, "kind": "sea"}), "kind: "),
        (json.dumps({"name": "Oder"}), "towns: Field required"),
        ("[]", "no JSON object"),
    ],
)
def test_what_is_wrong_is_said(text, said):
    problem = read_as(River, text)
    assert isinstance(problem, str)
    assert any(part in problem for part in said.split("|"))


@given(st.text(max_size=200))
def test_any_text_is_read_or_explained(text):
    assert isinstance(read_as(River, text), str | River)


@given(st.text(alphabet='{}[],"\\ab:1 \n', max_size=60))
def test_texts_like_json_are_read_or_explained(text):
    assert isinstance(read_as(Town, text), str | Town)


def test_commas_inside_strings_stay():
    read = read_as(Town, '{"name": "a,} b,] c",}')
    assert isinstance(read, Town)
    assert read.name == "a,} b,] c"


def test_the_schema_has_no_references_and_requires_all():
    schema = schema_of(River)
    assert "$ref" not in json.dumps(schema)
    assert schema["required"] == ["name", "towns", "kind", "length"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["towns"]["items"]["required"] == ["name"]


def test_the_form_in_words_says_what_belongs_where():
    words = in_words(schema_of(River))
    for said in ("as the map has it", "exactly 2 of these", "towns on it", "its name", '"stream" or "river"', "whole"):
        assert said in words


@pytest.mark.parametrize("text", ["I'm sorry, but I can't help with that.", "I cannot write this.", "As an AI ..."])
def test_refusals_are_told(text):
    assert refuses(text)


@pytest.mark.parametrize("text", ["It depends.", "", TEXT, "I'm sorry for the wait: " + TEXT])
def test_other_answers_are_no_refusals(text):
    assert not refuses(text)
