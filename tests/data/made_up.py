"""Rows, dilemmas and hypothesis strategies that several tests use."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from counterpoint.data import taxonomy
from counterpoint.types import DataSet, Dilemma, OpenQuestion, Option

RISK, TIME = "Risk Orientation", "Time Preference"
TAKING, AVERSE = "Risk-taking", "Risk-averse"
VCD = taxonomy("vcd")


def row(**changes: Any) -> dict[str, Any]:
    """A good row of our own form, with fields replaced."""
    good = {
        "id": "tea-1",
        "value_pair": RISK,
        "scenario": "You are in a tea house.",
        "options": [{"text": "Order the unknown one.", "pole": TAKING}, {"text": "Order the usual.", "pole": AVERSE}],
    }
    return {**good, **changes}


def vcd_row(**changes: Any) -> dict[str, Any]:
    """A good row of the published form, with fields replaced."""
    good = {
        "scenario": "You are in a tea house.",
        "preference domain": RISK,
        "scene": "Gaming",
        "options": [{"text": "Order the unknown one.", "bias": TAKING}, {"text": "Order the usual.", "bias": AVERSE}],
    }
    return {**good, **changes}


def options_row(*options: tuple[str, str]) -> dict[str, Any]:
    """A row of our own form with these (text, pole) options."""
    return row(options=[{"text": text, "pole": pole} for text, pole in options])


def dilemma(name: str, *options: tuple[str, str], pair: str = RISK, scenario: str = "") -> Dilemma:
    """A dilemma of (text, pole) options, its scenario made from its name."""
    return Dilemma(name, pair, scenario or f"scenario {name}", tuple(Option(text, pole) for text, pole in options))


def data_set(*dilemmas: Dilemma) -> DataSet:
    """A data set over the taxonomy of VCD."""
    return DataSet("made up", VCD, dilemmas)


def two_options(name: str, pair: str = RISK, scenario: str = "") -> Dilemma:
    """A dilemma with one option of each pole, texts as long as each other."""
    positive, negative = (pole.name for pole in VCD.by_name[pair].poles)
    return dilemma(name, (f"{name} yes", positive), (f"{name} not", negative), pair=pair, scenario=scenario)


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30).filter(
    lambda text: any(c.isprintable() and not c.isspace() for c in text)
)
maybe_texts = st.just("") | texts


@st.composite
def dilemmas(draw: st.DrawFn) -> Dilemma:
    """Any good dilemma without an id."""
    pair = draw(st.sampled_from(VCD.pairs))
    wordings = draw(st.lists(texts, min_size=2, max_size=5, unique_by=lambda text: " ".join(text.casefold().split())))
    poles = draw(st.lists(st.sampled_from(pair.poles), min_size=len(wordings), max_size=len(wordings)))
    poles[:2] = draw(st.permutations(pair.poles))
    options = tuple(Option(text, pole.name, draw(maybe_texts)) for text, pole in zip(wordings, poles, strict=True))
    scenario, question, scene, open_question = draw(texts), draw(maybe_texts), draw(maybe_texts), draw(maybe_texts)
    return Dilemma("", pair.name, scenario, options, question, scene, open_question)


@st.composite
def data_sets(draw: st.DrawFn) -> DataSet:
    """Any data set whose rows have ids of their own."""
    found = draw(st.lists(dilemmas(), min_size=1, max_size=4))
    named = tuple(Dilemma(**{**vars_of(d), "id": f"d{i}", "source": draw(maybe_texts)}) for i, d in enumerate(found))
    asked = tuple(
        OpenQuestion(f"q{i}", draw(st.sampled_from(VCD.pairs)).name, prompt)
        for i, prompt in enumerate(draw(st.lists(texts, max_size=3)))
    )
    return DataSet("made up", VCD, named, asked)


def vars_of(record: Dilemma) -> dict[str, Any]:
    """The fields of a dilemma, without what it has cached."""
    return {name: getattr(record, name) for name in record.__dataclass_fields__}
