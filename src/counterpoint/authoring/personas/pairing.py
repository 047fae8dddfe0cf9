"""Pools to personas: a profile and a personality each, every member used as often as any other, no pair twice."""

from __future__ import annotations

import math
import random
from typing import NamedTuple

from counterpoint.authoring.personas.pool import Member, Pool
from counterpoint.data.conversations import Persona
from counterpoint.types import content_hash


class Paired(NamedTuple):
    """A persona and the pool members it is made of."""

    persona: Persona
    profile: Member
    personality: Member


def pair(profiles: Pool, personalities: Pool, count: int, *, seed: int = 0, seeds: bool = True) -> list[Paired]:
    """So many personas, or as many as there are pairs.

    Seeds are used only where the new members don't make enough pairs: what everybody with this package begins with is
    the least worth having; without `seeds` not even then.
    """
    draw = random.Random(content_hash("personas", seed))
    firsts, seconds = list(profiles.new), list(personalities.new)
    if seeds and len(firsts) * len(seconds) < count:
        firsts, seconds = list(profiles.members), list(personalities.members)
    draw.shuffle(firsts)
    draw.shuffle(seconds)
    pairs = []
    for i in range(min(count, len(firsts) * len(seconds))):
        # along the diagonal of the table of all pairs, round and round; back where it began, along the next one
        profile = firsts[i % len(firsts)]
        personality = seconds[(i + i // math.lcm(len(firsts), len(seconds))) % len(seconds)]
        name = f"persona-{content_hash(profile.text, personality.text)[:12]}"
        pairs.append(Paired(Persona(name, profile.text, personality.text), profile, personality))
    return pairs
