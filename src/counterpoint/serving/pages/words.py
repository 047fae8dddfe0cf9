"""Leanings in plain words, to the person themselves or about them."""

from __future__ import annotations

from collections.abc import Sequence

from counterpoint.serving.people import Leaning, Preferences
from counterpoint.users.inference import CLEARLY, NO_IDEA, RATHER


def stance(leaning: Leaning, *, own: bool) -> str:
    """One leaning in a few words: `Clearly Risk-averse`."""
    side, sure = _side(leaning)
    if leaning.corrected is not None:
        return f"{'Your' if own else 'Their'} own word: {side if leaning.corrected else 'neither side'}"
    if sure >= RATHER:
        return f"{'Clearly' if sure >= CLEARLY else 'Rather'} {side}"
    return "Not known yet" if leaning.evidence < NO_IDEA else "Could go either way"


def summary(preferences: Preferences, *, own: bool, brief: bool = False) -> str:
    """All leanings in two or three sentences; `brief` leaves out who, for a table with a name in it."""
    sides: dict[str, list[str]] = {"clearly": [], "rather": []}
    said, either, unknown = list[str](), list[str](), list[str]()
    for leaning in preferences.leanings:
        side, sure = _side(leaning)
        if leaning.corrected is not None:
            said.append(side if leaning.corrected else f"neither side of {leaning.value_pair}")
        elif sure >= RATHER:
            sides["clearly" if sure >= CLEARLY else "rather"].append(side)
        elif leaning.evidence < NO_IDEA:
            unknown.append(leaning.value_pair)
        else:
            either.append(f"{leaning.negative} or {leaning.positive}")
    who = "Leans" if brief else "You lean" if own else f"{preferences.person} leans"
    degrees = [f"{how} to {listed(poles)}" for how, poles in sides.items() if poles]
    sentences = [f"{who} {'; '.join(degrees)}."] if degrees else []
    if said:
        sentences.append(f"{'Your' if own else 'Their'} own word: {listed(said)}.")
    if either:
        sentences.append(f"Could go either way: {listed(either)}.")
    if unknown:
        everything = len(unknown) == len(preferences.leanings)
        sentences.append("Nothing is known yet." if everything else f"Not known yet: {listed(unknown)}.")
    return " ".join(sentences)


def listed(parts: Sequence[str]) -> str:
    """`a, b and c`."""
    return ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1]


def _side(leaning: Leaning) -> tuple[str, float]:
    """The likelier side, and its probability."""
    if leaning.probability_positive >= 0.5:
        return leaning.positive, leaning.probability_positive
    return leaning.negative, 1 - leaning.probability_positive
