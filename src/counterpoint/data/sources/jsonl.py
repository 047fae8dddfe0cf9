"""Counterpoint's own form: one object a line, after the published `schemas/dilemma.schema.json`. A dilemma

    {"id": "tea-1", "value_pair": "Risk Orientation", "scenario": "...", "question": "What do you order?",
     "options": [{"text": "...", "pole": "Risk-taking", "explanation": "..."}, {"text": "...", "pole": "Risk-averse"}]}

or an open question `{"id": "tea-2", "value_pair": "Risk Orientation", "prompt": "..."}`. An unknown key is an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Literal

from pydantic import ValidationError

from counterpoint.data.checks import checked, checked_question
from counterpoint.data.faults import Fault, explain
from counterpoint.data.rows import DilemmaRow, OpenQuestionRow
from counterpoint.data.source import Context, Parsed
from counterpoint.data.taxonomy import built_in_with
from counterpoint.types import DataSet, Dilemma, OpenQuestion, Option


class Jsonl:
    """Reads and writes all that a data set holds but the taxonomy, which is a file of its own."""

    names_value_pair = True
    container: Literal["lines"] = "lines"

    def recognises(self, row: Mapping[str, Any]) -> bool:
        return "value_pair" in row and "chosen" not in row

    def default_taxonomy(self, row: Mapping[str, Any]) -> str:
        return built_in_with(value_pair=str(row.get("value_pair")))

    def parse(self, row: object, context: Context) -> Parsed:
        if not isinstance(row, dict):
            return Parsed(None, (Fault("", "must be an object with named fields"),))
        model = OpenQuestionRow if "prompt" in row and "options" not in row else DilemmaRow
        try:
            read = model.model_validate(row)
        except ValidationError as error:
            return Parsed(None, tuple(explain(error, model)))
        if isinstance(read, OpenQuestionRow):
            return checked_question(OpenQuestion(**read.model_dump()), context.taxonomy)
        options = tuple(Option(**option.model_dump()) for option in read.options)
        return checked(Dilemma(**(read.model_dump() | {"options": options})), context.taxonomy)

    def render(self, data_set: DataSet) -> Iterator[dict[str, Any]]:
        for dilemma in data_set.dilemmas:
            fields = _without_empty(asdict(dilemma))
            yield fields | {"options": [_without_empty(asdict(option)) for option in dilemma.options]}
        for question in data_set.open_questions:
            yield _without_empty(asdict(question))


def _without_empty(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value != ""}


SOURCE = Jsonl()
