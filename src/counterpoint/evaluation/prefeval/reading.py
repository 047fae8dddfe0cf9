"""Reads the four forms of PrefEval's files, one topic a file, the file's name being the topic's.

    explicit  {"preference", "question"}
    choice    {"preference", "question", "conversation": {"query", "assistant_options", "user_selection",
               "assistant_acknowledgment"}}                                   shown by a choice among options
    persona   {"preference", "question", "persona", "conversation": {"0": {"user", "assistant"}, ...}}  hinted at
    mcq       {"preference", "question", "classification_task_options": [right, wrong, wrong, wrong]}

The published folders are `explicit_preference`, `implicit_preference/choice-based`,
`implicit_preference/persona-driven` and `mcq_options`; rows of one question stand at the same place in all four. The
data are CC BY-NC 4.0 and not part of this package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, ValidationError

from counterpoint.data.faults import Fault, explain, shown
from counterpoint.data.json_records import records
from counterpoint.data.rows import Row, Text
from counterpoint.errors import BadDataError, BadInputError
from counterpoint.types import Problem


class Form(StrEnum):
    """How a preference comes to be known; `MCQ` states it, and has options to choose from."""

    EXPLICIT = "explicit"
    CHOICE = "choice"
    PERSONA = "persona"
    MCQ = "mcq"


FOLDERS: Mapping[Form, str] = {
    Form.EXPLICIT: "explicit_preference",
    Form.CHOICE: "implicit_preference/choice-based",
    Form.PERSONA: "implicit_preference/persona-driven",
    Form.MCQ: "mcq_options",
}


@dataclass(frozen=True)
class Turn:
    """One message of a conversation and the reply to it."""

    user: str
    assistant: str


@dataclass(frozen=True)
class Item:
    """One row of one file."""

    topic: str
    """Name of the file."""
    form: Form
    """Which form the file has."""
    preference: str
    """The preference, spelled out; rows of the implicit forms hold it as the answer, not as what was said."""
    question: str
    """What is asked later, where the preference matters."""
    turns: tuple[Turn, ...] = ()
    """The conversation of the implicit forms."""
    options: tuple[str, ...] = ()
    """Of the multiple-choice form, the first being the right one."""

    @property
    def said(self) -> str:
        """What the person said from which the preference is to be known: the statement itself, the choice among
        options with their reason, or all their messages."""
        if self.form is Form.CHOICE:
            return self.turns[-1].user
        if self.form is Form.PERSONA:
            return "\n".join(turn.user for turn in self.turns)
        return self.preference


class _Loose(Row):
    """Rows hold notes of their authors that nothing reads."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _Stated(_Loose):
    preference: Text
    question: Text


class _Chosen(_Loose):
    query: Text
    assistant_options: Text
    user_selection: Text
    assistant_acknowledgment: Text


class _ChoiceRow(_Stated):
    conversation: _Chosen


class _Exchange(_Loose):
    user: Text
    assistant: Text


class _PersonaRow(_Stated):
    conversation: Annotated[dict[str, _Exchange], Field(min_length=1)]


class _McqRow(_Stated):
    classification_task_options: Annotated[list[Text], Field(min_length=2)]


_ROWS: Mapping[Form, type[_Stated]] = {
    Form.EXPLICIT: _Stated,
    Form.CHOICE: _ChoiceRow,
    Form.PERSONA: _PersonaRow,
    Form.MCQ: _McqRow,
}


def form_of(row: Mapping[str, object]) -> Form:
    """The form that a row has."""
    if "classification_task_options" in row:
        return Form.MCQ
    conversation = row.get("conversation")
    if conversation is None:
        return Form.EXPLICIT
    return Form.CHOICE if isinstance(conversation, dict) and "user_selection" in conversation else Form.PERSONA


def read_file(path: Path, form: Form | None = None) -> tuple[Item, ...]:
    """Every row of a file.

    Args:
        path: one topic.
        form: what the rows must be; told by the rows where not given.

    Raises:
        BadDataError: with every problem found.
    """
    items: list[Item] = []
    problems: list[Problem] = []
    for record in records(path):
        if isinstance(record, Problem):
            problems.append(record)
            continue
        found = _item(record.value, path.stem, form)
        if isinstance(found, Item):
            items.append(found)
        else:
            problems += [Problem(str(path), record.place, *fault) for fault in found]
    if problems:
        raise BadDataError(problems, f"Expected PrefEval's {form or 'files'}: {', '.join(FOLDERS.values())}")
    return tuple(items)


def read_folder(folder: Path) -> dict[Form, tuple[Item, ...]]:
    """All topics of every form that the published folder layout has here, topics in alphabetical order.

    Raises:
        BadInputError: there is none of the four folders.
        BadDataError: a file is wrong.
    """
    found = {
        form: tuple(item for file in sorted((folder / name).glob("*.json")) for item in read_file(file, form))
        for form, name in FOLDERS.items()
        if (folder / name).is_dir()
    }
    if not any(found.values()):
        raise BadInputError(f"{folder}: holds none of PrefEval's folders ({', '.join(FOLDERS.values())})")
    return found


def _item(value: object, topic: str, wanted: Form | None) -> Item | list[Fault]:
    if not isinstance(value, dict):
        return [Fault("", "must be an object with named fields", shown(value))]
    form = wanted or form_of(value)
    try:
        row = _ROWS[form].model_validate(value)
    except ValidationError as error:
        return explain(error, _ROWS[form])
    item = Item(topic, form, row.preference.strip(), row.question.strip())
    match row:
        case _McqRow():
            options = tuple(text.strip() for text in row.classification_task_options)
            if len({" ".join(text.casefold().split()) for text in options}) < len(options):
                return [Fault("classification_task_options", "must all be different")]
            return Item(topic, form, item.preference, item.question, options=options)
        case _ChoiceRow():
            said = row.conversation
            first = Turn(said.query, said.assistant_options)
            second = Turn(said.user_selection, said.assistant_acknowledgment)
            return Item(topic, form, item.preference, item.question, (first, second))
        case _PersonaRow():
            numbered = sorted(row.conversation.items(), key=lambda pair: (len(pair[0]), pair[0]))
            turns = tuple(Turn(turn.user, turn.assistant) for _, turn in numbered)
            return Item(topic, form, item.preference, item.question, turns)
    return item
