"""Plays the models that `counterpoint author dilemmas` asks, well: word salads in the right form, labels that hold.

Each leaning has a code word made from its description. Options carry the code word of their side; who reads labels
looks for it. In a twin's scenario stands a word that turns all labels round. Nothing is remembered from call to call.
"""

from __future__ import annotations

import hashlib
import random
import re
from functools import cache
from typing import Any

from counterpoint.data import load, taxonomy
from counterpoint.data.rules_of_thumb import words

TURNED = "quixotry"
_SIDE = re.compile(r"^- (?:side )?(?:one|two|first|second)(?: way)?: (.+)$", re.MULTILINE)
_COUNTS = re.compile(r"(\d+) for side one\s+and (\d+) for side two")
_LONGEST = re.compile(r"number 1 of side (one|two)\s+is the longest")
_OPTION = re.compile(r"^\d+\. (.+)$", re.MULTILINE)
_TWIN_OPTION = re.compile(r"^Option \d+, which here shows", re.MULTILINE)


def players() -> dict[str, Any]:
    """By the title of the form asked for."""
    return {"Scene": scene, "Dilemma": dilemma, "Labels": labels, "Appeal": appeal, "Twin": twin}


def scene(_: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    return {"setting": _salad(25, chance), "stakes": _salad(15, chance)}


def dilemma(request: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    asked = request["messages"][1]["content"]
    first, second = _SIDE.findall(asked)[:2]
    counts = _COUNTS.search(asked)
    assert counts is not None
    longest = _LONGEST.search(asked)
    assert longest is not None
    asked_for = zip((first, second), counts.groups(), strict=True)
    sides = [[_option(side, chance) for _ in range(int(count))] for side, count in asked_for]
    two = longest[1] == "two"
    sides[two][0]["text"] += f" {_salad(4, chance)}"
    sides[not two][-1]["text"] = f"{_salad(17, chance)} {code((first, second)[not two])}"
    return {
        "scenario": _salad(70, chance),
        "question": _salad(7, chance) + "?",
        "side_one": sides[0],
        "side_two": sides[1],
        "open_question": _salad(12, chance) + "?",
    }


def labels(request: dict[str, Any], _: random.Random) -> dict[str, Any]:
    asked = request["messages"][1]["content"]
    codes = [code(description) for description in _SIDE.findall(asked)]
    names = ["second", "first"] if TURNED in asked else ["first", "second"]
    options = _OPTION.findall(asked)
    return {"leanings": [names[0] if codes[0] in option else names[1] for option in options]}


def appeal(request: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    options = _OPTION.findall(request["messages"][1]["content"])
    return {"appeal": [chance.randint(3, 5) for _ in options], "dominated": []}


def twin(request: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    options = _TWIN_OPTION.findall(request["messages"][1]["content"])
    return {
        "scenario": f"{_salad(70, chance)} {TURNED}",
        "reasons": [_salad(12, chance) for _ in options],
    }


def code(description: str) -> str:
    """A word that stands for a leaning and for nothing else."""
    return "zq" + hashlib.sha256(description.strip().encode()).hexdigest()[:8].translate(
        str.maketrans("0123456789", "ghijklmnop")
    )


def _option(description: str, chance: random.Random) -> dict[str, str]:
    return {"text": f"{_salad(22, chance)} {code(description)}", "reason": _salad(12, chance)}


def _salad(count: int, chance: random.Random) -> str:
    return " ".join(chance.sample(_vocabulary(), count))


@cache
def _vocabulary() -> list[str]:
    """Words of the built-in data that give no side away."""
    stems = tuple(stem for pair in taxonomy("vcd") for pole in pair.poles for stem in pole.stems)
    names = {word for pair in taxonomy("vcd") for pole in pair.poles for word in words(pole.name)}
    said = {word for row in load("crossroads").dilemmas for word in words(row.scenario)}
    return sorted(word for word in said if len(word) > 3 and not word.startswith(stems) and word not in names)
