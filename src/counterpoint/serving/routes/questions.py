"""What to ask somebody next, and options in the order they would like them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from counterpoint.serving.doors.errors import documented
from counterpoint.serving.people import Asked
from counterpoint.serving.routes.fields import Person, Reader, Short, Strict, Text
from counterpoint.serving.service import Served
from counterpoint.users.ask import Rule

router = APIRouter(tags=["people"])


class OptionOut(Strict):
    """One thing a person could do. Its place counts; the side it serves is not told."""

    text: str


class DilemmaOut(Strict):
    """What to show. Send `digest` as the event's `dilemma`, options by their place here."""

    digest: str
    id: str
    scenario: str
    question: str
    scene: str
    options: list[OptionOut]


class QuestionOut(Strict):
    """The dilemma that would tell most."""

    dilemma: DilemmaOut | None = Field(description="null: nothing left that is worth asking.")
    information: float | None = Field(description="What the answer is expected to tell, nats.")
    asked: int | None = Field(description="How many were answered before.")


class RankIn(Strict):
    """Options to put in order."""

    options: list[Annotated[Text, Field(min_length=1)]] = Field(min_length=2, max_length=26)
    scenario: Text = ""
    question: Text = ""
    scene: Short = ""


class RankedOut(Strict):
    """One option in its place."""

    index: int = Field(description="Its place in what was sent, from 0.")
    text: str
    probability: float = Field(description="That this person would choose it of all.")


class RankOut(Strict):
    """Best first."""

    person: str
    ranked: list[RankedOut]


@router.get("/v1/users/{id}/next-question", response_model=QuestionOut, responses=documented(404, 410))
def get_next_question(
    person: Person,
    who: Reader,
    service: Served,
    cost: Annotated[
        float, Query(ge=0, le=10, allow_inf_nan=False, description="Nats an answer must tell.")
    ] = Rule.cost,
    certainty: Annotated[
        float, Query(ge=0.5, le=1, description="Stop when every side is this probable; 1: never.")
    ] = Rule.certainty,
    most: Annotated[int, Query(ge=1, le=10_000, description="Ask at most so many in all.")] = Rule.most,
) -> QuestionOut:
    """The dilemma whose answer would tell most about them."""
    rule = Rule(cost=cost, certainty=certainty, most=most)
    return _question(service.people.next_question(who, person, rule=rule))


@router.post("/v1/users/{id}/rank", response_model=RankOut, responses=documented(404, 410))
def post_rank(person: Person, body: RankIn, who: Reader, service: Served) -> RankOut:
    """Options in the order this person would like them. Nothing is learnt from asking."""
    ranked = service.people.rank(
        who, person, body.options, scenario=body.scenario, question=body.question, scene=body.scene
    )
    places = [RankedOut(index=one.index, text=one.text, probability=one.probability) for one in ranked]
    return RankOut(person=person, ranked=places)


def _question(found: Asked | None) -> QuestionOut:
    if found is None:
        return QuestionOut(dilemma=None, information=None, asked=None)
    shown = found.dilemma
    dilemma = DilemmaOut(
        digest=shown.digest,
        id=shown.id,
        scenario=shown.scenario,
        question=shown.question,
        scene=shown.scene,
        options=[OptionOut(text=option.text) for option in shown.options],
    )
    return QuestionOut(dilemma=dilemma, information=found.information, asked=found.asked)
