"""Two runs compared sample by sample, where both asked the same data; otherwise there is no pair and no test.

The same data are the same hash in `results.json`, the same suite and the same command. What is compared is the share of
answers whose option is right (`acc_one`), or a line's own `score`; for `conflict` a dilemma's answers count as one.
Samples are those of the seeds that both have; units are scenarios.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

from counterpoint.data.split import scenario_key
from counterpoint.evaluation.method_labels import label_methods
from counterpoint.evaluation.report import Run
from counterpoint.evaluation.report_tables import finite
from counterpoint.evaluation.suite_counts import Counts, Score
from counterpoint.types import Dilemma


class Named(NamedTuple):
    """A run with the name it has in a report."""

    name: str
    run: Run

    @property
    def asked(self) -> tuple[str, str, str] | None:
        """What tells whether two runs asked the same; None where the run doesn't say."""
        results = self.run.results
        digest = (results.get("data") or {}).get("sha256")
        return (str(results.get("command")), str(results.get("suite") or ""), str(digest)) if digest else None

    def of(self, method: str) -> str:
        """The method's name among those of other runs."""
        return f"{self.name}: {method}"


class Pairing(NamedTuple):
    """What came of it."""

    rows: list[dict[str, Any]]
    """As `paired` in `results.json`; a and b are `RUN: METHOD`."""
    refused: list[str]
    """Why runs, or methods, stand unpaired."""


def pair_runs(runs: Sequence[Named]) -> Pairing:
    """Every two runs on the same data: methods of the same name, or the only method of each."""
    groups: dict[tuple[str, str, str] | None, list[Named]] = {}
    for run in runs:
        groups.setdefault(run.asked, []).append(run)
    rows: list[dict[str, Any]] = []
    refused = []
    if len(groups) > 1:
        listed = "; ".join(", ".join(run.name for run in members) for members in groups.values())
        refused.append(f"Runs on different data, or of different suites, are not compared in pairs: {listed}.")
    for asked, members in groups.items():
        if len(members) < 2:
            continue
        if asked is None:
            refused.append(f"{', '.join(run.name for run in members)} don't say which data they asked.")
            continue
        found = _paired(members)
        rows += found
        if not found:
            refused.append(
                f"{', '.join(run.name for run in members)} share no method with answers to the same samples."
            )
    return Pairing(rows, refused)


def _paired(runs: Sequence[Named]) -> list[dict[str, Any]]:
    scores = [score for run in runs for score in _scores(run)]
    known = {score.method for score in scores}
    pairs = [pair for one, other in combinations(runs, 2) for pair in _pairs(one, other) if known.issuperset(pair)]
    if not pairs:
        return []
    methods = label_methods([str(p.get("method")) for run in runs for p in run.run.predictions])
    labels = {run.of(name): f"{mark.label} ({run.name})" for run in runs for name, mark in methods.items()}
    counts = Counts(scores, list(dict.fromkeys(s.method for s in scores)), sorted({s.seed for s in scores}))
    return [row for row in counts.paired(counts.metrics, labels, pairs=pairs) if row["difference"] is not None]


def _pairs(one: Named, other: Named) -> list[tuple[str, str]]:
    first, second = (list(dict.fromkeys(str(p.get("method")) for p in run.run.predictions)) for run in (one, other))
    shared = [method for method in first if method in second]
    if not shared and len(first) == len(second) == 1:
        return [(one.of(first[0]), other.of(second[0]))]
    return [(one.of(method), other.of(method)) for method in shared]


def _scores(run: Named) -> Iterator[Score]:
    if run.run.results.get("suite") == "conflict":
        yield from _by_dilemma(run)
        return
    for line in run.run.predictions:
        sample = str(line.get("dilemma") or line.get("sample") or line.get("id") or "")
        pair = str(line.get("value_pair") or "")
        group = str(line.get("pole") or pair)
        value, metric = _value(line)
        seed = line.get("seed", 0)
        if sample and value is not None and isinstance(seed, int):
            yield Score(run.of(str(line.get("method"))), seed, group, _unit(run.run, sample), pair, metric, value)


def _value(line: Mapping[str, Any]) -> tuple[float | None, str]:
    if isinstance(line.get("gold"), list) and "chosen" in line:
        return float(line["chosen"] in line["gold"]), "acc_one"
    return finite(line.get("score")), "score"


def _by_dilemma(run: Named) -> Iterator[Score]:
    """1 where every pole's answer is right."""
    found: dict[tuple[str, int, str, str], float] = {}
    for line in run.run.predictions:
        value, _ = _value(line)
        if value is not None:
            key = (str(line.get("method")), int(line.get("seed", 0)), str(line["dilemma"]), str(line.get("value_pair")))
            found[key] = found.get(key, 1.0) * value
    for (method, seed, sample, pair), value in found.items():
        yield Score(run.of(method), seed, pair, _unit(run.run, sample), pair, "paired_accuracy", value)


def _unit(run: Run, sample: str) -> str:
    row = run.dilemmas.get(sample)
    if row is None:
        return sample
    return scenario_key(Dilemma(sample, str(row.get("value_pair", "")), str(row.get("scenario", "")), ()))
