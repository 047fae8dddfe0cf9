"""What the model is asked for, as pydantic models: names and descriptions of the fields are read by it."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints, create_model

Said = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Leaning = Literal["first", "second", "neither"]


class Scene(BaseModel):
    """Where a dilemma will play."""

    setting: Said = Field(description="who and where, and what is going on, in two or three sentences")
    stakes: Said = Field(description="what can be won and lost either way, in one or two sentences")


class Choice(BaseModel):
    """One option as written."""

    text: Said = Field(description="what the reader does, in one sentence of 20 to 35 words")
    reason: Said = Field(description="why somebody would choose it, in one sentence")


class Written(BaseModel):
    """A dilemma as written; `dilemma_form` says how many options of each side it must have."""

    scenario: Said = Field(description="the situation in 60 to 120 words, told to the reader as you")
    question: Said = Field(description="one short question: what does the reader do?")
    side_one: list[Choice]
    side_two: list[Choice]
    open_question: Said = Field(description="a question about the same scenario to be answered in free text")


class Labels(BaseModel):
    """Which leaning each option shows, in the order shown."""

    leanings: list[Leaning]


class Appeal(BaseModel):
    """What each option has going for it, in the order shown."""

    appeal: list[int]
    dominated: list[int] = Field(description="numbers of dominated options; empty if there are none")


class Rewritten(BaseModel):
    """A twin's scenario and reasons."""

    scenario: Said = Field(description="the scenario with the changed facts, as long as the first")
    reasons: list[Said]


@cache
def dilemma_form(first: int, second: int) -> type[Written]:
    """The form of a dilemma with so many options of either side."""
    return create_model(
        "Dilemma",
        __base__=Written,
        side_one=(list[Choice], _exactly(first, "options for side one")),
        side_two=(list[Choice], _exactly(second, "options for side two")),
    )


@cache
def labels_form(options: int) -> type[Labels]:
    """The form of a label check of so many options."""
    said = "which leaning each option shows, in the order of the options"
    return create_model("Labels", __base__=Labels, leanings=(list[Leaning], _exactly(options, said)))


@cache
def appeal_form(options: int) -> type[Appeal]:
    """The form of an appeal check of so many options."""
    mark = Annotated[int, Field(ge=1, le=5)]
    said = "marks from 1 to 5, in the order of the options"
    return create_model("Appeal", __base__=Appeal, appeal=(list[mark], _exactly(options, said)))


@cache
def twin_form(options: int) -> type[Rewritten]:
    """The form of a twin of so many options."""
    said = "the new reasons, in the order of the options"
    return create_model("Twin", __base__=Rewritten, reasons=(list[Said], _exactly(options, said)))


def _exactly(count: int, description: str) -> object:
    return Field(min_length=count, max_length=count, description=description)
