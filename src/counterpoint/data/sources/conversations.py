"""Conversations (`data/conversations.py` says their form), each seen as one dilemma: which reply to the last turn?

The scenario is what was said up to the user's last message, the options are the two replies, labelled by the built-in
taxonomy `preference`. That is the view for checks, statistics and scoring. Training reads all turns instead
(`training/lm/conversations.py`), and `preference_rows` writes a row a turn. Worked example: a conversation of three
turns is one dilemma, whose scenario holds the user's three messages and the two replies that were heard.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from counterpoint.data.checks import FieldNames, checked
from counterpoint.data.conversations import parse_conversation
from counterpoint.data.faults import Fault
from counterpoint.data.source import Context, Parsed
from counterpoint.errors import BadInputError
from counterpoint.types import DataSet, Dilemma, Option

NAME = "conversations"


class ConversationSource:
    """Reads conversations; dilemmas can't be written as such."""

    names_value_pair = True
    container: Literal["lines"] = "lines"

    def recognises(self, row: Mapping[str, Any]) -> bool:
        return "turns" in row and "persona" in row

    def default_taxonomy(self, row: Mapping[str, Any]) -> str:  # noqa: ARG002
        return "preference"

    def parse(self, row: object, context: Context) -> Parsed:
        conversation, faults = parse_conversation(row)
        if conversation is None:
            return Parsed(None, faults)
        if len(context.taxonomy) != 1:
            message = f"says which reply was preferred, and taxonomy {context.taxonomy.name!r} has several value pairs"
            return Parsed(None, (Fault("turns", f"{message}; use preference"),))
        (pair,) = context.taxonomy.pairs
        last = conversation.turns[-1]
        said = conversation.before(len(conversation.turns) - 1)
        scenario = "\n\n".join(f"{role.capitalize()}: {text}" for role, text in said)
        options = (Option(last.preferred, pair.positive.name), Option(last.rejected, pair.negative.name))
        dilemma = Dilemma(conversation.id, pair.name, scenario, options, source=conversation.source or NAME)
        return checked(dilemma, context.taxonomy, FieldNames(options="turns[-1]", text="reply"))

    def render(self, data_set: DataSet) -> Iterator[dict[str, Any]]:
        raise BadInputError(f"{data_set.name}: dilemmas can't be written as conversations; use jsonl or trl")


SOURCE = ConversationSource()
