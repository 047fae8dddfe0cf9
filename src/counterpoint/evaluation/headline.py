"""What a run says in plain words: a tie is called a tie, and no winner is named without a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from counterpoint.evaluation.charts import Estimate, number
from counterpoint.evaluation.method_labels import MethodLabel

ALPHA = 0.05


@dataclass(frozen=True)
class Paired:
    """A paired difference a - b in one metric; `p` is Holm's where there is one."""

    a: str
    b: str
    metric: str
    difference: float | None
    low: float | None
    high: float | None
    p_value: float | None
    p_holm: float | None
    verdict: str = ""

    @property
    def shown(self) -> bool:
        """Whether the data show a difference: the corrected p-value is below 5%."""
        p = self.p_holm if self.p_holm is not None else self.p_value
        return p is not None and p < ALPHA

    @property
    def about_pft(self) -> bool:
        """Whether PFT is one of the two."""
        return "pft" in (self.a, self.b)

    def between(self, one: str, other: str) -> bool:
        """Whether this compares these two methods, either way round."""
        return {self.a, self.b} == {one, other}


@dataclass(frozen=True)
class Headline:
    """A title and a few sentences."""

    title: str
    sentences: tuple[str, ...]


def compose(
    labels: Mapping[str, MethodLabel],
    scores: Mapping[str, Estimate],
    paired: Sequence[Paired],
    *,
    chance: float | None,
) -> Headline:
    """The headline on Acc_one. `scores` maps method to its mean over poles and seeds."""
    means = {name: score.mean for name, score in scores.items() if score.mean is not None and not labels[name].rule}
    if not means:
        return Headline("No method has a defined accuracy in this run", ("Nothing can be said from these data.",))
    best = max(means, key=lambda name: means[name])
    tests = [row for row in paired if row.metric == "acc_one"]
    rivals = [name for name in means if name != best]
    against = {name: row for name in rivals for row in tests if row.between(best, name)}
    tied = [name for name in rivals if name in against and not against[name].shown]
    untested = [name for name in rivals if name not in against]
    floor_title, floor = _against_floor(labels, scores, best, tests, chance)
    sentences = [_reach(labels[best].label, scores[best]), *floor]
    sentences += _standing(labels, best, tied, untested, rivals)
    sentences += _ahead(labels, tied, untested, tests)
    sentences += _pairing(labels, tests)
    lost = [labels[name].label for name, score in scores.items() if score.mean is None]
    if lost:
        sentences.append(f"No accuracy is defined for {_join(lost)}: nothing was measured, which is not a 0.")
    return Headline(floor_title or _title(labels, best, tied, untested, rivals), tuple(sentences))


def _title(
    labels: Mapping[str, MethodLabel], best: str, tied: Sequence[str], untested: Sequence[str], rivals: Sequence[str]
) -> str:
    name = labels[best].label
    if not rivals:
        return f"{name} is the only method in this run"
    if tied:
        return f"{_join([name, *(labels[other].label for other in tied)])} tie for first place"
    if untested:
        return f"{name} has the highest accuracy; whether it leads is not tested"
    return f"{name} leads, and the data support it"


def _reach(name: str, score: Estimate) -> str:
    inside = f" (95% interval {percent(score.low)} to {percent(score.high)})" if score.low is not None else ""
    share = f"{percent(score.mean)} of cases{inside}"
    return f"Asked for a pole, {name} picks an option of it in {share}, averaged over poles."


def _against_floor(
    labels: Mapping[str, MethodLabel],
    scores: Mapping[str, Estimate],
    best: str,
    tests: Sequence[Paired],
    chance: float | None,
) -> tuple[str, list[str]]:
    """A title that overrides all others where no method beats the rule, and sentences on rule and chance."""
    name, mean = labels[best].label, scores[best].mean or 0.0
    guess = "" if chance is None else f" Picking at random reaches {percent(chance)}."
    rule = scores.get("rule", Estimate(None)).mean
    if rule is None:
        low = scores[best].low
        if chance is not None and (low if low is not None else mean) <= chance:
            return f"{name} is not shown to beat chance", [guess.strip()]
        return "", [guess.strip()] if guess else []
    sentence = f"The best rule that reads nothing reaches {percent(rule)}.{guess}"
    test = next((row for row in tests if row.between(best, "rule")), None)
    if mean <= rule or (test is not None and not test.shown):
        return f"No method is shown to beat a rule that reads nothing; {name} comes closest", [sentence]
    return "", [sentence]


def _standing(
    labels: Mapping[str, MethodLabel], best: str, tied: Sequence[str], untested: Sequence[str], rivals: Sequence[str]
) -> list[str]:
    name, sentences = labels[best].label, []
    behind = [other for other in rivals if other not in tied and other not in untested]
    if behind:
        sentences.append(
            f"It is ahead of {_join([labels[other].label for other in behind])} by more than chance explains."
        )
    if tied and {best, *tied} != {"pft", "sft_mixed"}:
        others = _join([labels[other].label for other in tied])
        sentences.append(
            f"Between {name} and {others} these data show no difference; that is no proof that there is none."
        )
    if untested:
        others = _join([labels[other].label for other in untested])
        sentences.append(f"{name} was not compared with {others} in pairs, so no order between them is claimed.")
    return sentences


def _ahead(
    labels: Mapping[str, MethodLabel], tied: Sequence[str], untested: Sequence[str], tests: Sequence[Paired]
) -> list[str]:
    """Where the best was not compared with everybody, what a method that ties with it was shown to beat."""
    sentences = []
    for name in tied:
        beaten = [
            other
            for other in untested
            for row in tests
            if row.between(name, other) and row.shown and ((row.difference or 0.0) > 0) == (row.a == name)
        ]
        if beaten:
            others = _join([labels[other].label for other in beaten])
            sentences.append(f"{labels[name].label}, which ties with it, is shown to be ahead of {others}.")
    return sentences


def _pairing(labels: Mapping[str, MethodLabel], tests: Sequence[Paired]) -> list[str]:
    """The question the paired objective stands or falls with: does pairing beat the same data unpaired?"""
    test = next((row for row in tests if row.between("pft", "sft_mixed")), None)
    if test is None or test.difference is None:
        return []
    sign = 1 if test.a == "pft" else -1
    gap = sign * test.difference
    ends = sorted(sign * end for end in (test.low, test.high) if end is not None)
    inside = f", 95% interval {points(ends[0])} to {points(ends[-1])}" if len(ends) == 2 else ""
    a, b = labels["pft"].label, labels["sft_mixed"].label
    found = f"{a} minus {b} is {points(gap)} points{inside}"
    if not test.shown:
        answer = f"It is a tie here: {found}, no difference shown, which is no proof that there is none."
        return [f"Does pairing the two sides pay? {answer}"]
    return [f"Does pairing the two sides pay? {'It does' if gap > 0 else 'It costs accuracy'} here: {found}."]


def percent(value: float | None) -> str:
    """A share as a percentage with one decimal."""
    return "–" if value is None else f"{number(100 * value, 1)}%"


def points(value: float) -> str:
    """A difference of shares in percentage points, signed."""
    rounded = round(100 * value, 1)
    return ("+" if rounded > 0 else "") + number(rounded + 0.0, 1)


def _join(names: Sequence[str]) -> str:
    quiet = [f"“{name}”" if "," in name else name for name in names]
    return quiet[0] if len(quiet) == 1 else f"{', '.join(quiet[:-1])} and {quiet[-1]}"
