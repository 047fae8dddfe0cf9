"""What the scripted server answers where personas, conversations and histories are written."""

from __future__ import annotations

import random
import re
from typing import Any

WORK = ["baker", "welder", "nurse", "pilot", "clerk", "farmer", "singer", "tutor", "miner", "guard", "diver", "potter"]
PLACES = ["harbour", "hills", "island", "desert", "suburb", "valley", "delta", "capital", "village", "fjord"]
LIKES = ["chess", "opera", "fishing", "rugby", "knitting", "surfing", "ceramics", "judo", "gardening", "karting"]
THINGS = ["cats", "boats", "radios", "books", "goats"]


def texts(request: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """As many people as are asked for."""
    count = int(re.search(r"Write (\d+) new", request["messages"][-1]["content"])[1])  # type: ignore[index]
    return {"texts": [f"{i + 1}. {person(chance)}" for i in range(count)]}


def person(chance: random.Random) -> str:
    """One of some millions of people."""
    first, second = chance.sample(LIKES, 2)
    return (
        f"A {chance.randint(18, 80)}-year-old {chance.choice(WORK)} from the {chance.choice(PLACES)} who likes "
        f"{first} and {second} and owns {chance.randint(2, 9)} {chance.choice(THINGS)}."
    )


def utterance(request: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """A gesture and a sentence, longer from somebody who was told something."""
    system = request["messages"][0]["content"]
    words = " ".join(chance.choice(LIKES + PLACES + WORK) for _ in range(5))
    if "You play a person" in system:
        return {"message": f"*waves* I was thinking of {words} today."}
    hinted = "What you can tell about the person" in system
    return {"message": f"User: tell me *leans in* of {words}" + (", as you do." if hinted else "!")}


def revealed(request: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """The profile's first sentence, something invented, and nothing of the personality."""
    asked = next(m["content"] for m in request["messages"] if "Profile:" in m["content"])
    first = asked.partition("Profile:")[2].split(".")[0].strip()
    return {"profile": f"{first}; collects dragon eggs {chance.randint(1, 9)}", "personality": "None"}


def better(request: dict[str, Any], chance: random.Random) -> dict[str, Any]:  # noqa: ARG001
    """The reply that ends as the hinted one does, wherever it stands."""
    asked = next(m["content"] for m in request["messages"] if "Reply 1:" in m["content"])
    return {"better": "1" if ", as you do." in asked.partition("Reply 1:")[2].partition("Reply 2:")[0] else "2"}


def words(request: dict[str, Any], chance: random.Random) -> dict[str, Any]:  # noqa: ARG001
    """What somebody says; one in four names what is behind it."""
    giveaway = " I am so competitive." if chance.random() < 0.25 else ""
    return {"words": f"It had to be, with the {chance.choice(THINGS)}.{giveaway}"}


PLAYERS = {"Texts": texts, "Utterance": utterance, "Revealed": revealed, "Better": better, "Words": words}
