"""Our own JSONL: one object a line, a dilemma or an open question. The published JSON Schema is made from these."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter
from pydantic_core import PydanticCustomError

MAX_TEXT = 100_000
"""Characters in one text field; the longest in published data has under 4,000."""


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise PydanticCustomError("nul", "holds a NUL character, which is no text")
    return text


OptionalText = Annotated[str, Field(strict=True, max_length=MAX_TEXT), AfterValidator(_without_nul)]
Text = Annotated[str, Field(strict=True, max_length=MAX_TEXT, pattern=r"\S"), AfterValidator(_without_nul)]


class Row(BaseModel):
    """Base of row models: unknown keys are errors, nothing is converted."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class OptionRow(Row):
    """One thing a person could do."""

    text: Annotated[Text, Field(description="What is done, in words that do not name the pole.")]
    pole: Annotated[Text, Field(description="Name of the pole of the dilemma's value pair that this option serves.")]
    explanation: Annotated[OptionalText, Field(description="Why somebody would choose it, in a sentence.")] = ""


class DilemmaRow(Row):
    """A situation with two or more options, some for each pole of one value pair."""

    id: Annotated[OptionalText, Field(description="Unique in the file; made from the content where it is absent.")] = ""
    value_pair: Annotated[Text, Field(description="Name of a value pair of the taxonomy.")]
    scene: Annotated[OptionalText, Field(description="The area of life it plays in.")] = ""
    scenario: Annotated[Text, Field(description="The situation.")]
    question: Annotated[OptionalText, Field(description="What is asked, where the scenario does not ask it.")] = ""
    options: Annotated[
        tuple[OptionRow, ...], Field(min_length=2, description="Two or more, of different texts, both poles present.")
    ]
    open_question: Annotated[OptionalText, Field(description="The same, to be answered in free text.")] = ""
    source: Annotated[OptionalText, Field(description="Data set and version the row comes from.")] = ""


class OpenQuestionRow(Row):
    """A question to be answered in free text; the answer shows one pole of the value pair or the other."""

    id: Annotated[OptionalText, Field(description="Unique in the file; made from the content where it is absent.")] = ""
    value_pair: Annotated[Text, Field(description="Name of a value pair of the taxonomy.")]
    prompt: Annotated[Text, Field(description="What is asked.")]
    source: Annotated[OptionalText, Field(description="Data set and version the row comes from.")] = ""


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of one row of our JSONL."""
    adapter: TypeAdapter[DilemmaRow | OpenQuestionRow] = TypeAdapter(DilemmaRow | OpenQuestionRow)
    body = adapter.json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Counterpoint data row, version 1",
        "description": "One line of a Counterpoint JSONL file: a dilemma or an open question.",
        **body,
    }
