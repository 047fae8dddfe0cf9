"""Value Conflict Dilemmas as published (PFT, arXiv 2604.12479): an array of

    {"scenario": "...", "preference domain": "Risk Orientation", "scene": "Gaming",
     "options": [{"text": "...", "bias": "Risk-taking"}, {"text": "...", "bias": "Risk-averse"}]}

A row may also have an `id`, a `question` and, for each option, an `explanation`. A row with a `question` and no
`scenario` has its whole text in the question. Other fields are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError

from counterpoint.data.checks import FieldNames, checked
from counterpoint.data.faults import Fault, explain
from counterpoint.data.rows import OptionalText, Row, Text
from counterpoint.data.source import Context, Parsed
from counterpoint.types import DataSet, Dilemma, Option

_NAMES = FieldNames(value_pair="preference domain", pole="bias")


class _VcdOption(Row):
    model_config = ConfigDict(extra="ignore")
    text: Text
    bias: Text
    explanation: OptionalText = ""


class _VcdRow(Row):
    model_config = ConfigDict(extra="ignore")
    id: OptionalText = ""
    scenario: Text
    question: OptionalText = ""
    preference_domain: Annotated[Text, Field(alias="preference domain")]
    scene: OptionalText = ""
    options: Annotated[tuple[_VcdOption, ...], Field(min_length=2)]


class Vcd:
    """Reads and writes the published form."""

    names_value_pair = True
    container: Literal["array"] = "array"

    def recognises(self, row: Mapping[str, Any]) -> bool:
        return "preference domain" in row or ("options" in row and "value_pair" not in row)

    def default_taxonomy(self, row: Mapping[str, Any]) -> str:  # noqa: ARG002
        return "vcd"

    def parse(self, row: object, context: Context) -> Parsed:
        if not isinstance(row, dict):
            return Parsed(None, (Fault("", "must be an object with named fields"),))
        if "scenario" not in row and "question" in row:
            row = {**row, "scenario": row["question"], "question": ""}
        try:
            read = _VcdRow.model_validate(row)
        except ValidationError as error:
            return Parsed(None, tuple(explain(error, _VcdRow)))
        options = tuple(Option(option.text, option.bias, option.explanation) for option in read.options)
        dilemma = Dilemma(
            read.id, read.preference_domain, read.scenario, options, read.question, read.scene, source="vcd"
        )
        return checked(dilemma, context.taxonomy, _NAMES)

    def render(self, data_set: DataSet) -> Iterator[dict[str, Any]]:
        """Ids, sources and open questions are left out: the published form has none."""
        for dilemma in data_set.dilemmas:
            question = {"question": dilemma.question} if dilemma.question else {}
            yield {
                "scenario": dilemma.scenario,
                **question,
                "preference domain": dilemma.value_pair,
                "scene": dilemma.scene,
                "options": [_option(option) for option in dilemma.options],
            }


def _option(option: Option) -> dict[str, str]:
    explanation = {"explanation": option.explanation} if option.explanation else {}
    return {"text": option.text, "bias": option.pole, **explanation}


SOURCE = Vcd()
