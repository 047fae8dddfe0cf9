"""What can be said against a dilemma by reading it without a model, in words that its writer can act on."""

from __future__ import annotations

from collections.abc import Sequence

from counterpoint.data.checks import checked
from counterpoint.data.lint import giveaways
from counterpoint.data.rules_of_thumb import words
from counterpoint.types import Dilemma, Taxonomy, ValuePair

LEAST_SCENARIO, LEAST_OPTION = 8, 3
"""Words: less is no situation and no deed."""
UNEVEN = 2.0
"""The longest option may have so many times the characters of the shortest."""


def problems(dilemma: Dilemma, taxonomy: Taxonomy) -> list[str]:
    """What is wrong, in words; nothing where the dilemma may stand."""
    pair = taxonomy.by_name[dilemma.value_pair]
    found = [f"{fault.field} {fault.message}" for fault in checked(dilemma, taxonomy).faults]
    found += [finding.message for finding in giveaways(dilemma, pair)]
    return found + _named(dilemma, pair) + _lengths(dilemma)


def forbidden(pair: ValuePair) -> str:
    """The words that give a side away, for a prompt."""
    stems = [f"{stem}..." for stem in dict.fromkeys(stem for pole in pair.poles for stem in pole.stems)]
    return ", ".join([*(pole.name for pole in pair.poles), *stems])


def _named(dilemma: Dilemma, pair: ValuePair) -> list[str]:
    """Names of the poles or of the pair in what is told before the options."""
    found = []
    for field, text in (("scenario", dilemma.scenario), ("question", dilemma.question)):
        said = words(text)
        names = [name for name in (pair.name, *(pole.name for pole in pair.poles)) if _stands_in(words(name), said)]
        found += [f"the {field} names '{name}', which it must not" for name in names]
    return found


def _lengths(dilemma: Dilemma) -> list[str]:
    found = []
    if len(words(dilemma.scenario)) < LEAST_SCENARIO:
        found.append(f"the scenario has fewer than {LEAST_SCENARIO} words")
    for number, option in enumerate(dilemma.options, start=1):
        if len(words(option.text)) < LEAST_OPTION:
            found.append(f"option {number} has fewer than {LEAST_OPTION} words")
    lengths = [len(option.text) for option in dilemma.options]
    if max(lengths) > UNEVEN * min(lengths):
        found.append(f"options have {min(lengths)} to {max(lengths)} characters: make them about equally long")
    return found


def _stands_in(name: Sequence[str], said: Sequence[str]) -> bool:
    return any(list(said[i : i + len(name)]) == list(name) for i in range(len(said)))
