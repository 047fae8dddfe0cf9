"""Both sides of the same dilemma at once: a model that serves one side well may serve nobody on the other.

    paired_accuracy  right under both poles
    insensitivity    the same option chosen under both: who asks makes no difference
    swapped          each pole given what serves the other

Only dilemmas with options of both poles are counted; value pairs have equal say. Picking at random, p and q the shares
of the poles' options, is right under both with p q, and insensitive with the sum of squares, 1 / options.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from counterpoint.data.split import scenario_key
from counterpoint.evaluation.answers import ask
from counterpoint.evaluation.method_labels import label_methods
from counterpoint.evaluation.metrics import Answer, acc_one
from counterpoint.evaluation.suite import Tables, by_sample
from counterpoint.evaluation.suite_counts import Counts, Score
from counterpoint.evaluation.suites.vcd import blind
from counterpoint.evaluation.tables import Cell, rounded
from counterpoint.models.scorer import Scorer
from counterpoint.types import DataSet, Dilemma

METRICS = ("paired_accuracy", "insensitivity", "swapped")


@dataclass(frozen=True)
class Conflict:
    """Dilemmas of any taxonomy; those without options of both poles are left out."""

    data: DataSet
    """Where samples come from."""
    train: DataSet | None = None
    """What contenders were trained on, for the rules that read nothing."""
    name: str = "conflict"

    @property
    def samples(self) -> Sequence[Dilemma]:
        """The dilemmas with options of both poles."""
        return [d for d in self.data.dilemmas if len({option.pole for option in d.options}) == 2]

    @property
    def digest(self) -> str:
        """The data's."""
        return self.data.digest

    def ask(self, scorer: Scorer, samples: Sequence[Dilemma], *, order_seed: int) -> list[Answer]:
        """Two answers a sample, one a pole."""
        return ask(scorer, samples, self.data.taxonomy, order_seed=order_seed)

    def grade(self, answers: Sequence[Answer]) -> float:
        """1 where right under both poles."""
        return measures(answers)["paired_accuracy"]

    def count(self, cells: Sequence[Cell]) -> Tables:
        """Rates by value pair, and what picking at random would have."""
        cells = [*cells, *blind(cells, self.train, self.samples)]
        methods, seeds = (list(dict.fromkeys(getattr(c, key) for c in cells)) for key in ("method", "seed"))
        units = {d.id: scenario_key(d) for d in self.samples}
        counts = Counts(list(_scores(cells, units)), methods, sorted(seeds))
        labels = {name: label.label for name, label in label_methods(methods).items()}
        paired = counts.paired(METRICS[:2], labels, lower_is_better=("insensitivity",))
        rows = [{**row, "value_pair": row["group"]} for row in counts.rows()]
        more = {"chance": self._chance(), "left_out": len(self.data) - len(self.samples)}
        return Tables(rows, counts.summary(), paired, more)

    def _chance(self) -> dict[str, float | None]:
        """Rates of somebody who picks at random under each pole, value pairs with equal say."""
        by_pair: dict[str, list[tuple[float, float]]] = {}
        for d in self.samples:
            share = len(d.gold(d.options[0].pole)) / len(d.options)
            by_pair.setdefault(d.value_pair, []).append((share * (1 - share), 1 / len(d.options)))
        means = [[sum(column) / len(found) for column in zip(*found, strict=True)] for found in by_pair.values()]
        both, same = (sum(column) / len(means) for column in zip(*means, strict=True))
        return {"paired_accuracy": rounded(both), "insensitivity": rounded(same), "swapped": rounded(both)}


def measures(answers: Sequence[Answer]) -> dict[str, float]:
    """The three measures of one dilemma's two answers."""
    one, other = answers
    return {
        "paired_accuracy": acc_one(one) * acc_one(other),
        "insensitivity": float(one.chosen == other.chosen),
        "swapped": float(one.chosen in other.gold and other.chosen in one.gold),
    }


def _scores(cells: Sequence[Cell], units: dict[str, str]) -> Iterator[Score]:
    for cell in cells:
        for id_, answers in by_sample(cell.answers).items():
            pair = answers[0].value_pair
            for metric, value in measures(answers).items():
                yield Score(cell.method, cell.seed, pair, units[id_], pair, metric, value)
