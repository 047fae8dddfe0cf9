"""How far rules that read nothing, or next to nothing, get on a data set. A good data set defeats them.

Acc_one (PFT, arXiv 2604.12479) for a target pole p: of the dilemmas that have an option of p, the share whose selected
option is of pole p. Chance for p is the mean over the same dilemmas of the share of options that are of p: what picking
blindly comes to. A rule that can't choose between options takes each of them in part (a tie of two counts half each).
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from counterpoint.data.split import scenario_key
from counterpoint.types import DataSet, Dilemma, content_hash

OVERALL = "all"
"""What stands for the value pair in a score over the whole data set; its pole is then `positive` or `negative`."""

FOLDS = 5
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")

Weights = list[float]
"""`[option]`: the share of the choice that each option gets; adds up to 1."""


@dataclass(frozen=True)
class RuleScore:
    """A rule's Acc_one for one target pole, beside chance on the same `n` dilemmas."""

    rule: str
    value_pair: str
    pole: str
    acc_one: float
    chance: float
    n: int


def reading_nothing(data_set: DataSet) -> list[RuleScore]:
    """Scores of the rules `first`, `last`, `position 1` and on, `longest` and `shortest` (in characters).

    `position k` is asked only where there are k options.
    """
    most = max((len(dilemma.options) for dilemma in data_set.dilemmas), default=0)
    rules: dict[str, Callable[[Dilemma], Weights | None]] = {
        "first": lambda dilemma: _place(dilemma, 0),
        "last": lambda dilemma: _place(dilemma, len(dilemma.options) - 1),
        **{f"position {k + 1}": lambda dilemma, k=k: _place(dilemma, k) for k in range(1, most)},  # type: ignore[misc]
        "longest": lambda dilemma: _extreme([len(option.text) for option in dilemma.options]),
        "shortest": lambda dilemma: _extreme([-len(option.text) for option in dilemma.options]),
    }
    scores: list[RuleScore] = []
    for name, rule in rules.items():
        picks = [(dilemma, weights) for dilemma in data_set.dilemmas if (weights := rule(dilemma)) is not None]
        scores += _scores(name, data_set, lambda _pole, picks=picks: picks)  # type: ignore[misc]
    return scores


def bag_of_words(data_set: DataSet) -> list[RuleScore]:
    """Naive Bayes on the words of the options, in 5-fold cross-validation by scenario, a model for each value pair.

    Multinomial with one count added to every word; the option with the largest log-odds for the target pole is chosen.
    """
    folds = {id(d): int(content_hash(scenario_key(d))[:8], 16) % FOLDS for d in data_set.dilemmas}
    picks: dict[bool, list[tuple[Dilemma, Weights]]] = {True: [], False: []}
    for pair in data_set.taxonomy:
        rows = [dilemma for dilemma in data_set.dilemmas if dilemma.value_pair == pair.name]
        for fold in range(FOLDS):
            odds = _word_odds([d for d in rows if folds[id(d)] != fold], pair.positive.name)
            for dilemma in (d for d in rows if folds[id(d)] == fold):
                scores = [sum(odds[word] for word in words(option.text)) for option in dilemma.options]
                picks[True].append((dilemma, _extreme(scores)))
                picks[False].append((dilemma, _extreme([-score for score in scores])))
    return list(_scores("bag of words", data_set, lambda positive: picks[positive]))


def words(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return _WORD.findall(text.casefold())


def _scores(
    rule: str, data_set: DataSet, picked_for: Callable[[bool], Sequence[tuple[Dilemma, Weights]]]
) -> Iterator[RuleScore]:
    """Scores per pole, then over all value pairs. `picked_for` says what is chosen when asked for the positive pole."""
    for positive in (True, False):
        hits: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for dilemma, weights in picked_for(positive):
            pair = data_set.taxonomy.by_name[dilemma.value_pair]
            gold = dilemma.gold((pair.positive if positive else pair.negative).name)
            if gold:
                hits[pair.name].append((sum(weights[i] for i in gold), len(gold) / len(dilemma.options)))
        for pair in data_set.taxonomy:
            if hits[pair.name]:
                pole = pair.positive if positive else pair.negative
                yield _score(rule, pair.name, pole.name, hits[pair.name])
        if everything := [hit for pair_hits in hits.values() for hit in pair_hits]:
            yield _score(rule, OVERALL, "positive" if positive else "negative", everything)


def _score(rule: str, pair: str, pole: str, hits: Sequence[tuple[float, float]]) -> RuleScore:
    n = len(hits)
    return RuleScore(rule, pair, pole, math.fsum(h for h, _ in hits) / n, math.fsum(c for _, c in hits) / n, n)


def _place(dilemma: Dilemma, place: int) -> Weights | None:
    return [float(i == place) for i in range(len(dilemma.options))] if place < len(dilemma.options) else None


def _extreme(scores: Sequence[float]) -> Weights:
    """The whole choice to the highest score, shared between equals."""
    best = [score == max(scores) for score in scores]
    return [flag / sum(best) for flag in best]


def _word_odds(dilemmas: Sequence[Dilemma], positive: str) -> defaultdict[str, float]:
    """log P(word | positive) - log P(word | negative) in nats; 0 for words never seen."""
    counts: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for dilemma in dilemmas:
        for option in dilemma.options:
            counts[option.pole == positive].update(words(option.text))
    vocabulary = set(counts[True]) | set(counts[False])
    totals = {side: count.total() + len(vocabulary) for side, count in counts.items()}
    odds: defaultdict[str, float] = defaultdict(float)
    for word in sorted(vocabulary):
        odds[word] = math.log((counts[True][word] + 1) / totals[True]) - math.log(
            (counts[False][word] + 1) / totals[False]
        )
    return odds
