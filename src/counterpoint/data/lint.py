"""What can be proved about a data set by counting: balance, giveaways, repeats, and how cheap rules do on it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from counterpoint.data.rules_of_thumb import RuleScore, bag_of_words, reading_nothing, words
from counterpoint.types import DataSet, Dilemma, ValuePair

TOLERANCE = 0.05
"""How far from chance a rule that reads nothing may be; where one dilemma weighs more than that, by one dilemma."""
SAME_SCENARIO, SAME_OPTION = 0.8, 0.95
"""Cosine of sentence embeddings from which two scenarios, or two options of one dilemma, count as near duplicates."""

Severity = Literal["error", "warning"]
Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts in, unit vectors `[text, dimension]` out."""


@dataclass(frozen=True)
class Finding:
    """One thing to mend: an error makes results on the data misleading, a warning is for an editor to judge."""

    severity: Severity
    check: str
    where: str
    message: str


@dataclass(frozen=True)
class Lint:
    """All findings, and the figures of every rule whether or not it is a finding."""

    findings: tuple[Finding, ...]
    rules: tuple[RuleScore, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


def lint(data_set: DataSet, embed: Embed | None = None) -> Lint:
    """Check a data set. Near duplicates are looked for only where `embed` is given."""
    blind = reading_nothing(data_set)
    findings = [
        *_rule_findings(blind),
        *_pole_balance(data_set),
        *(found for pair, dilemmas in _by_pair(data_set) for dilemma in dilemmas for found in giveaways(dilemma, pair)),
        *_repeats(data_set),
        *(near_duplicates(data_set, embed) if embed else ()),
    ]
    order = {"error": 0, "warning": 1}
    findings.sort(key=lambda finding: order[finding.severity])
    return Lint(tuple(findings), (*blind, *bag_of_words(data_set)))


def near_duplicates(data_set: DataSet, embed: Embed) -> list[Finding]:
    """Scenarios that tell nearly the same story, and options of one dilemma that say nearly the same."""
    ids = [dilemma.id for dilemma in data_set.dilemmas]
    scenarios = embed([dilemma.scenario for dilemma in data_set.dilemmas])
    options = embed([option.text for dilemma in data_set.dilemmas for option in dilemma.options])
    found = [
        Finding("warning", "near duplicates", f"{ids[i]}, {ids[j]}", f"scenarios have cosine {cosine:.2f}")
        for i, j, cosine in _pairs_above(scenarios, SAME_SCENARIO)
    ]
    start = 0
    for dilemma in data_set.dilemmas:
        end = start + len(dilemma.options)
        found += [
            Finding("warning", "near duplicates", dilemma.id, f"options {i + 1} and {j + 1} have cosine {cosine:.2f}")
            for i, j, cosine in _pairs_above(options[start:end], SAME_OPTION)
        ]
        start = end
    return found


def _pairs_above(vectors: NDArray[np.float32], threshold: float) -> Iterator[tuple[int, int, float]]:
    """Pairs i < j whose cosine is at least the threshold; a row at a time, so memory stays linear."""
    for i in range(len(vectors) - 1):
        cosines = vectors[i + 1 :] @ vectors[i]
        for j in np.flatnonzero(cosines >= threshold):
            yield i, i + 1 + int(j), float(cosines[j])


def _rule_findings(scores: Iterable[RuleScore]) -> Iterator[Finding]:
    for score in scores:
        allowed = max(TOLERANCE, 1 / score.n) + 1e-9
        gap = score.acc_one - score.chance
        if abs(gap) > allowed:
            kind = "length" if score.rule in ("longest", "shortest") else "position"
            yield Finding(
                "error",
                f"{kind} balance",
                f"{score.value_pair}, {score.pole}",
                f"the rule '{score.rule}' has Acc_one {score.acc_one:.3f} where chance is {score.chance:.3f} "
                f"(n = {score.n}): more than {allowed:.3f} apart",
            )


def _pole_balance(data_set: DataSet) -> Iterator[Finding]:
    for pair, dilemmas in _by_pair(data_set):
        total = sum(len(dilemma.options) for dilemma in dilemmas)
        share = sum(len(dilemma.gold(pair.positive.name)) for dilemma in dilemmas) / total
        if abs(share - 0.5) > max(TOLERANCE, 1 / total) + 1e-9:
            message = f"{share:.1%} of {total} options are of pole '{pair.positive.name}'; half would be fair"
            yield Finding("warning", "pole balance", pair.name, message)


def giveaways(dilemma: Dilemma, pair: ValuePair) -> Iterator[Finding]:
    """Poles' words in a dilemma's options and explanations."""
    stems = tuple(stem for pole in pair.poles for stem in pole.stems)
    names = [words(pole.name) for pole in pair.poles]
    for i, option in enumerate(dilemma.options, start=1):
        for field, text in (("text", option.text), ("explanation", option.explanation)):
            if given := _given_away(words(text), stems, names):
                severity: Severity = "error" if field == "text" else "warning"
                message = f"the {field} of option {i} has a pole's word: {', '.join(given)}"
                yield Finding(severity, "pole words", dilemma.id, message)


def _given_away(text: list[str], stems: tuple[str, ...], names: Sequence[list[str]]) -> list[str]:
    """Words that begin with a stem, and names of poles that stand in the text whole."""
    found = [word for word in text if stems and word.startswith(stems)]
    for name in names:
        if any(text[i : i + len(name)] == name for i in range(len(text))):
            found.append(" ".join(name))
    return sorted(set(found))


def _repeats(data_set: DataSet) -> Iterator[Finding]:
    same: dict[str, list[Dilemma]] = defaultdict(list)
    for dilemma in data_set.dilemmas:
        same[dilemma.digest].append(dilemma)
    for group in same.values():
        if len(group) > 1:
            where = ", ".join(dilemma.id for dilemma in group)
            yield Finding("error", "repeats", where, "the same scenario and options stand here several times")


def _by_pair(data_set: DataSet) -> Iterator[tuple[ValuePair, list[Dilemma]]]:
    for pair in data_set.taxonomy:
        dilemmas = [dilemma for dilemma in data_set.dilemmas if dilemma.value_pair == pair.name]
        if dilemmas:
            yield pair, dilemmas
