"""The published JSON Schema says what the row models say."""

from __future__ import annotations

import json
from importlib.resources import files

import jsonschema
import pytest
from made_up import row

from counterpoint.data.rows import MAX_TEXT, json_schema

DATA = files("counterpoint.data")
PUBLISHED = json.loads((DATA / "schemas" / "dilemma.schema.json").read_text("utf-8"))


def test_the_published_schema_is_that_of_the_models() -> None:
    assert json_schema() == PUBLISHED, "write it anew: counterpoint data schema --out ... --force"


def test_the_schema_is_a_valid_schema_and_crossroads_follows_it() -> None:
    jsonschema.Draft202012Validator.check_schema(PUBLISHED)
    validator = jsonschema.Draft202012Validator(PUBLISHED)
    lines = (DATA / "crossroads" / "crossroads.jsonl").read_text("utf-8").splitlines()
    assert len(lines) == 180
    for line in lines:
        validator.validate(json.loads(line))


def test_the_schema_takes_an_open_question() -> None:
    jsonschema.validate({"value_pair": "Risk Orientation", "prompt": "What do you do?"}, PUBLISHED)


@pytest.mark.parametrize(
    "wrong",
    [row(scenario=""), row(options=[]), row(colour="red"), row(id=7), row(scene="x" * (MAX_TEXT + 1)), {}, [], "text"],
)
def test_the_schema_refuses_what_the_models_refuse(wrong: object) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, PUBLISHED)
