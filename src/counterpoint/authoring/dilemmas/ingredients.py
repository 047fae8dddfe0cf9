"""What settings are made from: areas of life, people, places and changes, drawn anew for each attempt.

A model left to itself writes the same dozen stories. Ingredients from a list make attempts differ in what is asked, and
so also give each attempt a call of its own.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

AREAS = (
    "Family and intimate relationships",
    "Workplace HR",
    "Medical",
    "Gaming",
    "Shopping decisions",
)
"""The five scenes of VCD (PFT, arXiv 2604.12479)."""

PEOPLE = (
    "a ferry mate of 31 who has two weeks off",
    "a widowed piano teacher of 67",
    "an apprentice electrician in her last year",
    "a night nurse with three children",
    "a tax adviser who has just become a partner",
    "a beekeeper of 45 with a stall at the market",
    "a student of geology who works in a bakery",
    "a bus driver close to retirement",
    "a single father who teaches sport",
    "a translator who has moved countries twice",
    "a chef who runs a kitchen of nine",
    "a librarian looking after her grandmother",
    "a software tester on parental leave",
    "a carpenter who has taken over his aunt's shop",
    "a vet in a farming district",
    "a graduate in her first job at a town hall",
    "a lorry driver who plays in a band",
    "a pharmacist of 52 who has started to run",
    "a couple in their thirties, both nurses",
    "a retired surveyor who mends radios",
    "a hairdresser with a waiting list",
    "a physiotherapist new in town",
    "a brother and sister who share a flat",
    "a call-centre team leader of 28",
    "a gardener employed by a castle",
    "a midwife who is learning to sail",
    "a train dispatcher on shifts",
    "a former swimmer who sells insurance",
    "an art teacher with a small inheritance",
    "a warehouse worker who takes evening classes",
    "a dairy farmer whose son wants to study",
    "a laboratory assistant who fosters dogs",
)

PLACES = (
    "a port town with one big employer",
    "the edge of a capital city",
    "a mountain village in the off season",
    "a block of flats with a shared courtyard",
    "a market town on a river",
    "a small island with two shops",
    "a university town in the holidays",
    "a suburb built ten years ago",
    "a coastal resort in winter",
    "an old mining valley",
    "a commuter train and the streets around its last stop",
    "a hospital quarter",
    "a row of allotments behind a factory",
    "a border town where two languages are spoken",
    "a shopping street that is emptying",
    "a farming plain an hour from the next city",
    "an online community of a few hundred",
    "a terraced house with thin walls",
    "a business park beside a motorway",
    "a quarter that is getting expensive",
    "a village with a music festival",
    "a northern city in a dark month",
    "a new office on the fourteenth floor",
    "a housing cooperative",
)

CHANGES = (
    "an offer has come with an answer due in three days",
    "somebody close has asked a favour",
    "a date has been moved forward",
    "a long-planned thing has fallen through",
    "some money has come in that nobody counted on",
    "a rule has been changed from above",
    "a colleague has left without notice",
    "test results are in and are neither good nor bad",
    "a neighbour has started something new",
    "an old device has broken at a bad moment",
    "a friend has said something in public",
    "a place has come free for a short time",
    "two invitations are for the same evening",
    "a price has gone up sharply",
    "a mistake has come to light that was nobody's fault",
    "a newcomer does things differently",
    "a contract is up for renewal",
    "a secret has been shared by accident",
    "a team has been put together by lot",
    "the usual way of doing it is no longer free",
    "somebody else has been praised for shared work",
    "a second opinion contradicts the first",
    "a trial version ends on Friday",
    "a promise made lightly is being taken seriously",
    "a parent has become forgetful",
    "a rival has offered a truce",
    "the weather has ruined the first plan",
    "a child has made up their own mind",
)


@dataclass(frozen=True)
class Ingredients:
    """What one setting is to be made from."""

    person: str
    """Whom it happens to."""
    place: str
    """Where."""
    change: str
    """What has just changed."""


def draw(chance: random.Random) -> Ingredients:
    """One of each."""
    return Ingredients(chance.choice(PEOPLE), chance.choice(PLACES), chance.choice(CHANGES))
