"""Value conflict dilemmas asked for either pole (PFT, arXiv 2604.12479): Acc_one, Acc_all, the effect of order.

    acc_one       the option put first serves the pole asked for
    acc_all       how well the set of options that serve it is found (precision, recall, f1 beside it)
    order_effect  another order of the options changed the choice
    ece, nll      calibration

Options are shuffled by a seed: the published order gives most answers away. Where training dilemmas are of the same
poles, the best rules that read nothing stand in the table, as in `compare`. Poles have equal say; intervals resample
scenarios. `conflict` and `bqd` are other views of the same answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from counterpoint.data.order import shuffle_options
from counterpoint.data.split import scenario_key
from counterpoint.evaluation import rules
from counterpoint.evaluation.answers import ask
from counterpoint.evaluation.compare import rule_cells
from counterpoint.evaluation.method_labels import label_methods
from counterpoint.evaluation.metrics import Answer, acc_one
from counterpoint.evaluation.suite import Tables
from counterpoint.evaluation.tables import Cell, Evaluation, rounded
from counterpoint.models.scorer import Scorer
from counterpoint.types import DataSet, Dilemma


@dataclass(frozen=True)
class Vcd:
    """Dilemmas of any taxonomy."""

    data: DataSet
    """What is asked."""
    train: DataSet | None = None
    """What contenders were trained on, for the rules that read nothing."""
    name: str = "vcd"

    @property
    def samples(self) -> Sequence[Dilemma]:
        """All dilemmas."""
        return self.data.dilemmas

    @property
    def digest(self) -> str:
        """The data's."""
        return self.data.digest

    def ask(self, scorer: Scorer, samples: Sequence[Dilemma], *, order_seed: int) -> list[Answer]:
        """One answer a sample and pole that has an option."""
        return ask(scorer, samples, self.data.taxonomy, order_seed=order_seed)

    def grade(self, answers: Sequence[Answer]) -> float:
        """Mean Acc_one over the poles asked for."""
        return sum(map(acc_one, answers)) / len(answers)

    def count(self, cells: Sequence[Cell]) -> Tables:
        """Every metric of `compare`, per pole too, beside the chance of a random pick."""
        everybody = [*cells, *blind(cells, self.train, self.samples)]
        evaluation = Evaluation(everybody, self.data.taxonomy, {d.id: scenario_key(d) for d in self.samples})
        labels = {name: label.label for name, label in label_methods(evaluation.methods).items()}
        more = {
            "per_pole": evaluation.per_pole(),
            "chance": {pole: rounded(rules.chance(self.samples, pole)) for pole in evaluation.poles},
            "calibration": evaluation.calibration(),
        }
        return Tables(evaluation.rows(), evaluation.summary(), evaluation.paired(labels), more)


def blind(cells: Sequence[Cell], train: DataSet | None, samples: Sequence[Dilemma]) -> list[Cell]:
    """Answers of the best rules that read nothing, for every seed; none where training has other poles."""
    trained = {option.pole for d in train.dilemmas for option in d.options} if train else set()
    if train is None or not {option.pole for d in samples for option in d.options} <= trained:
        return []
    return [
        cell
        for seed in sorted({cell.seed for cell in cells})
        for cell in rule_cells(train, [shuffle_options(d, seed) for d in train.dilemmas], samples, seed)
    ]
