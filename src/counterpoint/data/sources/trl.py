"""Preference rows as TRL's trainers take them (Hugging Face TRL, "preference" dataset format), one object a line:

    {"prompt": "...", "chosen": "...", "rejected": "...", "pole": "Risk-taking", "value_pair": "Risk Orientation"}

Texts, or lists of chat messages `{"role", "content"}`; the prompt may then be absent and is what `chosen` and
`rejected` begin with in common. A row is read as a dilemma of two options. Its `pole` is that of the chosen option;
where no row says one, the options are the poles of the built-in taxonomy `preference`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError

from counterpoint.data.checks import FieldNames, checked, unknown_pair
from counterpoint.data.faults import Fault, explain, nearest, shown
from counterpoint.data.rows import OptionalText, Row, Text
from counterpoint.data.source import Context, Parsed
from counterpoint.data.taxonomy import built_in_with
from counterpoint.types import DataSet, Dilemma, Option, Pole, Taxonomy, ValuePair


class _Message(Row):
    model_config = ConfigDict(extra="ignore")
    role: Text
    content: OptionalText


_Messages = Annotated[tuple[_Message, ...], Field(min_length=1)]


class _Labels(Row):
    model_config = ConfigDict(extra="ignore")
    id: OptionalText = ""
    pole: OptionalText = ""
    value_pair: OptionalText = ""


class _TextRow(_Labels):
    prompt: Text
    chosen: Text
    rejected: Text


class _ChatRow(_Labels):
    prompt: tuple[_Message, ...] = ()
    chosen: _Messages
    rejected: _Messages


class Trl:
    """Reads preference rows; writes one for each dilemma, pole and pair of a right and a wrong option."""

    names_value_pair = True
    container: Literal["lines"] = "lines"

    def recognises(self, row: Mapping[str, Any]) -> bool:
        return "chosen" in row or "rejected" in row

    def default_taxonomy(self, row: Mapping[str, Any]) -> str:
        return built_in_with(str(row.get("value_pair", "")), str(row.get("pole", "")), default="preference")

    def parse(self, row: object, context: Context) -> Parsed:
        if not isinstance(row, dict):
            return Parsed(None, (Fault("", "must be an object with named fields"),))
        model: type[_TextRow | _ChatRow] = _ChatRow if isinstance(row.get("chosen"), list) else _TextRow
        if model is _ChatRow and isinstance(row.get("prompt"), str):
            row = {**row, "prompt": [{"role": "user", "content": row["prompt"]}]}
        try:
            read = model.model_validate(row)
        except ValidationError as error:
            return Parsed(None, tuple(explain(error, model)))
        prompt, chosen, rejected = _texts(read)
        faults = [
            Fault(name, "is empty")
            for name, text in (("prompt", prompt), ("chosen", chosen), ("rejected", rejected))
            if not text.strip()
        ]
        pair, pole = _side(read.value_pair, read.pole, context.taxonomy)
        if isinstance(pair, Fault):
            faults.append(pair)
        elif chosen == rejected:
            faults.append(Fault("rejected", "says the same as chosen", shown(rejected)))
        if faults or isinstance(pair, Fault):
            return Parsed(None, tuple(faults))
        options = (Option(chosen, pole), Option(rejected, pair.other(pole).name))
        names = FieldNames(options="chosen, rejected")
        return checked(Dilemma(read.id, pair.name, prompt, options, source="trl"), context.taxonomy, names)

    def render(self, data_set: DataSet) -> Iterator[dict[str, Any]]:
        """The prompt holds the scenario and, after it, the description of the pole: one row is right under one pole."""
        for dilemma in data_set.dilemmas:
            for pole in data_set.taxonomy.by_name[dilemma.value_pair].poles:
                yield from _rows(dilemma, pole)


def _rows(dilemma: Dilemma, pole: Pole) -> Iterator[dict[str, Any]]:
    told = (dilemma.scenario, dilemma.question, f"Lean this way: {pole.description}")
    for i, chosen in enumerate(dilemma.options):
        for j, rejected in enumerate(dilemma.options):
            if chosen.pole == pole.name != rejected.pole:
                yield {
                    "id": f"{dilemma.id}/{i}-{j}",
                    "prompt": "\n\n".join(part for part in told if part),
                    "chosen": chosen.text,
                    "rejected": rejected.text,
                    "pole": pole.name,
                    "value_pair": dilemma.value_pair,
                }


def _side(value_pair: str, pole: str, taxonomy: Taxonomy) -> tuple[ValuePair | Fault, str]:
    """The value pair of a row and the pole of its chosen option."""
    pair: ValuePair | None
    if value_pair and value_pair not in taxonomy.by_name:
        return unknown_pair(value_pair, taxonomy, "value_pair"), pole
    pair = taxonomy.by_name.get(value_pair) or taxonomy.by_pole.get(pole)
    if pair is None and not pole and len(taxonomy) == 1:
        pair = taxonomy.pairs[0]
    if pair is None:
        message = "names no value pair and no pole" if not pole else f"no pole of taxonomy {taxonomy.name!r}."
        return Fault("pole", message + nearest(pole, taxonomy.by_pole), shown(pole)), pole
    known = [known.name for known in pair.poles]
    if pole and pole not in known:
        message = f"no pole of {pair.name!r}, whose poles are {known[0]!r} and {known[1]!r}"
        return Fault("pole", message, shown(pole)), pole
    return pair, pole or known[0]


def _texts(row: _TextRow | _ChatRow) -> tuple[str, str, str]:
    """Prompt, chosen and rejected as plain text."""
    if isinstance(row, _TextRow):
        return row.prompt, row.chosen, row.rejected
    prompt, chosen, rejected = row.prompt, row.chosen, row.rejected
    if not prompt:
        shared = 0
        while shared < min(len(chosen), len(rejected)) and chosen[shared] == rejected[shared]:
            shared += 1
        prompt, chosen, rejected = chosen[:shared], chosen[shared:], rejected[shared:]
    return _plain(prompt), _plain(chosen), _plain(rejected)


def _plain(messages: tuple[_Message, ...]) -> str:
    """One message as its content; several as `Role: content` paragraphs."""
    if len(messages) == 1:
        return messages[0].content
    return "\n\n".join(f"{message.role.capitalize()}: {message.content}" for message in messages)


SOURCE = Trl()
