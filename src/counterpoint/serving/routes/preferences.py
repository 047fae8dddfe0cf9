"""Where somebody stands, their own word on it, and what it rests on."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field

from counterpoint.serving.doors.errors import documented
from counterpoint.serving.people import MOST, Preferences
from counterpoint.serving.routes.events import IdempotencyKey
from counterpoint.serving.routes.fields import Moment, Person, Reader, Short, Strict, Writer, written
from counterpoint.serving.service import Served

router = APIRouter(tags=["people"])
Pair = Annotated[Short, Path(description="Name of a value pair, such as Risk Orientation; see /v1/value-pairs.")]


class LeaningOut(Strict):
    """Where somebody stands on one value pair."""

    value_pair: str
    positive: str
    negative: str
    mean: float = Field(description="Of the preference, positive towards the positive pole; log-odds per nat.")
    sd: float
    low: float = Field(description="Lower end of the central 90% interval.")
    high: float
    probability_positive: float
    evidence: float = Field(description="ln(prior sd / sd), nats; 0: nothing known.")
    corrected: float | None = Field(description="What they said themselves; it outranks inference.")
    words: str


class PreferencesOut(Strict):
    """Where somebody stands."""

    person: str
    value_pairs: list[LeaningOut]
    summary: str
    observations: int
    sequence: int = Field(description="Of the last event this stands on.")
    last_event: str | None
    last_change: str | None
    as_of: str | None


class ReasonOut(Strict):
    """What one event says about one value pair."""

    event: str
    kind: str
    time: str
    words: str
    dilemma: str
    push: float = Field(description="How far it pulls the leaning, positive to the positive pole.")


class ReasonsOut(Strict):
    """What leanings rest on, the strongest reason first."""

    person: str
    value_pairs: dict[str, list[ReasonOut]]


class Word(Strict):
    """A person's own word."""

    value: float = Field(
        ge=-MOST, le=MOST, allow_inf_nan=False, description="The preference, positive to the positive pole; 0: neither."
    )


@router.get("/v1/users/{id}/preferences", response_model=PreferencesOut, responses=documented(404, 410))
def get_preferences(
    person: Person,
    who: Reader,
    service: Served,
    as_of: Annotated[Moment | None, Query(description="As it was at this moment; later events are left out.")] = None,
    known_at: Annotated[
        Moment | None, Query(description="As we knew it then; what we learnt later is left out.")
    ] = None,
) -> PreferencesOut:
    """Where they stand: means, standard deviations, evidence and plain words."""
    return as_answer(service.people.preferences(who, person, as_of=as_of, known_at=known_at))


@router.put("/v1/users/{id}/preferences/{pair}", response_model=PreferencesOut, responses=documented(404, 409, 410))
def put_preference(
    person: Person,
    pair: Pair,
    word: Word,
    who: Writer,
    service: Served,
    key: IdempotencyKey = None,
) -> PreferencesOut:
    """A person's own word on a value pair. It outranks whatever is inferred, until withdrawn."""
    return as_answer(service.people.correct(who, person, pair, word.value, key=key or ""))


@router.delete("/v1/users/{id}/preferences/{pair}", response_model=PreferencesOut, responses=documented(404, 409, 410))
def delete_preference(
    person: Person,
    pair: Pair,
    who: Writer,
    service: Served,
    key: IdempotencyKey = None,
) -> PreferencesOut:
    """Take their own word back: inference counts again. Doing it twice does it once."""
    return as_answer(service.people.withdraw(who, person, pair, key=key or ""))


@router.get("/v1/users/{id}/reasons", response_model=ReasonsOut, responses=documented(404, 410))
def get_reasons(
    person: Person,
    who: Reader,
    service: Served,
    value_pair: Annotated[Short | None, Query(description="Only this one.")] = None,
    most: Annotated[int, Query(ge=1, le=100, description="Reasons a value pair.")] = 20,
) -> ReasonsOut:
    """What each leaning rests on. The person's own texts may be in it."""
    found = service.people.explain(who, person, value_pair=value_pair, most=most)
    pairs = {
        pair: [
            ReasonOut(
                event=r.event, kind=r.kind, time=written(r.time) or "", words=r.words, dilemma=r.dilemma, push=r.push
            )
            for r in reasons
        ]
        for pair, reasons in found.items()
    }
    return ReasonsOut(person=person, value_pairs=pairs)


def as_answer(found: Preferences) -> PreferencesOut:
    """The domain's record as JSON has it."""
    return PreferencesOut(
        person=found.person,
        value_pairs=[
            LeaningOut(
                value_pair=one.value_pair,
                positive=one.positive,
                negative=one.negative,
                mean=one.mean,
                sd=one.sd,
                low=one.low,
                high=one.high,
                probability_positive=one.probability_positive,
                evidence=one.evidence,
                corrected=one.corrected,
                words=one.words,
            )
            for one in found.leanings
        ],
        summary=found.summary,
        observations=found.observations,
        sequence=found.sequence,
        last_event=written(found.last_event),
        last_change=written(found.last_change),
        as_of=written(found.as_of),
    )
