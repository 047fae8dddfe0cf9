"""What every dilemma must satisfy, whatever format it came in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from counterpoint.data.faults import Fault, nearest, shown
from counterpoint.data.source import Parsed
from counterpoint.types import Dilemma, OpenQuestion, Taxonomy, ValuePair, content_hash


@dataclass(frozen=True)
class FieldNames:
    """What a format calls the fields, so that a fault names what stands in the file."""

    value_pair: str = "value_pair"
    options: str = "options"
    text: str = "text"
    pole: str = "pole"


def checked(dilemma: Dilemma, taxonomy: Taxonomy, names: FieldNames = FieldNames()) -> Parsed:
    """The dilemma, or all that is wrong with it."""
    faults = tuple(_faults(dilemma, taxonomy, names))
    return Parsed(None, faults) if faults else Parsed(dilemma)


def checked_question(question: OpenQuestion, taxonomy: Taxonomy, names: FieldNames = FieldNames()) -> Parsed:
    """The open question, or what is wrong with it."""
    if question.value_pair not in taxonomy.by_name:
        return Parsed(None, (unknown_pair(question.value_pair, taxonomy, names.value_pair),))
    return Parsed(question)


def derived_id(record: Dilemma | OpenQuestion) -> str:
    """An id for a record that has none: the same for the same content, in whatever order its options stand."""
    source = record.source or "row"
    if isinstance(record, Dilemma):
        return f"{source}-{content_hash(record.digest, record.value_pair)[:12]}"
    return f"{source}-open-{content_hash(record.value_pair, record.prompt)[:12]}"


NO_PAIR = "no value pair of taxonomy"


def unknown_pair(name: str, taxonomy: Taxonomy, field: str) -> Fault:
    """The fault of a value pair that the taxonomy hasn't."""
    known = ", ".join(taxonomy.by_name)
    message = f"{NO_PAIR} {taxonomy.name!r}.{nearest(name, taxonomy.by_name)} Known: {known}"
    return Fault(field, message, shown(name))


def _faults(dilemma: Dilemma, taxonomy: Taxonomy, names: FieldNames) -> Iterator[Fault]:
    pair = taxonomy.by_name.get(dilemma.value_pair)
    if pair is None:
        yield unknown_pair(dilemma.value_pair, taxonomy, names.value_pair)
    else:
        yield from _pole_faults(dilemma, pair, taxonomy, names)
    first: dict[str, int] = {}
    for i, option in enumerate(dilemma.options):
        words = " ".join(option.text.casefold().split())
        if words in first:
            message = f"says the same as {names.options}[{first[words]}]"
            yield Fault(f"{names.options}[{i}].{names.text}", message, shown(option.text))
        first.setdefault(words, i)
    if len(dilemma.options) < 2:
        yield Fault(names.options, f"has {len(dilemma.options)} of at least 2 entries")


def _pole_faults(dilemma: Dilemma, pair: ValuePair, taxonomy: Taxonomy, names: FieldNames) -> Iterator[Fault]:
    known = [pole.name for pole in pair.poles]
    strangers = False
    for i, option in enumerate(dilemma.options):
        if option.pole in known:
            continue
        strangers = True
        where = f"{names.options}[{i}].{names.pole}"
        if other := taxonomy.by_pole.get(option.pole):
            message = f"is a pole of {other.name!r}, but the row is about {pair.name!r}: one row, one value pair"
        else:
            message = (
                f"no pole of {pair.name!r}, whose poles are {known[0]!r} and {known[1]!r}.{nearest(option.pole, known)}"
            )
        yield Fault(where, message, shown(option.pole))
    if not strangers and len(dilemma.options) > 1 and len({option.pole for option in dilemma.options}) == 1:
        yield Fault(names.options, "all options are of one pole; a dilemma needs both", shown(dilemma.options[0].pole))
