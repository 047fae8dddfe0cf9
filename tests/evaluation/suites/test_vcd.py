"""Dilemmas asked for either pole: what the tables say of scorers whose answers are known."""

from __future__ import annotations

from counterpoint.evaluation.answers import order_effect
from counterpoint.evaluation.metrics import Answer
from counterpoint.evaluation.suite import Oracle
from counterpoint.evaluation.suites.vcd import Vcd, blind
from counterpoint.evaluation.tables import Cell
from counterpoint.types import DataSet, Dilemma
from users.small import TAXONOMY, dilemma

DATA = DataSet(
    "small",
    TAXONOMY,
    (
        dilemma("a", "leap a", "guard a", "guard again"),
        dilemma("b", "leap b", "guard b"),
        dilemma("c", "fast c", "slow c", pair="Pace"),
    ),
)


class First:
    """Puts the option shown first first: nothing but order decides."""

    name = "first"

    def score(self, dilemmas, poles):  # type: ignore[no-untyped-def]
        import numpy as np

        rows = [np.log(np.array([0.9, *[0.1 / (len(d.options) - 1)] * (len(d.options) - 1)])) for d in dilemmas]
        return [np.array([row] * len(asked)) for row, asked in zip(rows, poles, strict=True)]


def counted(scorer: object) -> dict[str, float]:
    suite = Vcd(DATA)
    answers, again = (suite.ask(scorer, DATA.dilemmas, order_seed=seed) for seed in (0, 1))  # type: ignore[arg-type]
    tables = suite.count([Cell("pft", 0, tuple(answers), tuple(order_effect(answers, again)))])
    return {row["metric"]: row["mean"] for row in tables.summary}


def test_gold_has_every_accuracy_and_its_opposite_none() -> None:
    found = counted(Oracle(right=True))
    assert (found["acc_one"], found["acc_all"]) == (1.0, 1.0)
    assert counted(Oracle(right=False))["acc_one"] == 0.0


def test_who_goes_by_place_is_caught_by_the_effect_of_order() -> None:
    orders = {d.id: [Vcd(DATA).ask(First(), [d], order_seed=s)[0].chosen for s in (0, 1)] for d in DATA.dilemmas}
    shares = {pair: [orders[d.id] for d in DATA.dilemmas if d.value_pair == pair] for pair in ("Risk", "Pace")}
    changed = [sum(one != other for one, other in found) / len(found) for found in shares.values()]
    assert counted(First())["order_effect"] == round(sum(changed) / 2, 6)
    assert sum(changed) > 0


def test_chance_is_the_share_of_options_of_a_pole() -> None:
    suite = Vcd(DATA)
    answers = suite.ask(Oracle(right=True), DATA.dilemmas, order_seed=0)
    chance = suite.count([Cell("pft", 0, tuple(answers), (0.0,) * len(answers))]).more["chance"]
    assert chance == {"Daring": round((1 / 3 + 1 / 2) / 2, 6), "Careful": round((2 / 3 + 1 / 2) / 2, 6), "Now": 0.5} | {
        "Later": 0.5
    }


def test_a_grade_is_the_mean_over_poles() -> None:
    def answer(pole: str, chosen: int, dilemma: Dilemma = DATA.dilemmas[1]) -> Answer:
        return Answer(dilemma.id, "Risk", pole, dilemma.gold(pole), (), chosen, (chosen,), None)

    assert Vcd(DATA).grade([answer("Daring", 0), answer("Careful", 0)]) == 0.5


def test_rules_that_read_nothing_stand_beside_where_training_is_of_the_same_poles() -> None:
    train = DataSet("train", TAXONOMY, tuple(dilemma(f"t{i}", f"leap far {i}", f"guard {i}") for i in range(20)))
    suite = Vcd(DATA.subset(DATA.dilemmas[:2]), train)
    answers = suite.ask(Oracle(right=True), suite.samples, order_seed=0)
    tables = suite.count([Cell("pft", 0, tuple(answers), (0.0,) * len(answers))])
    found = {(row["method"], row["pole"]): row["value"] for row in tables.rows if row["metric"] == "acc_one"}
    # in training the longest option is daring and the shortest careful; asked, "guard again" and "guard b" are the
    # longest, "leap a" and "leap b" the shortest: the rule is always wrong
    assert (found["pft", "Daring"], found["rule", "Daring"], found["rule", "Careful"]) == (1.0, 0.0, 0.0)
    assert blind([], train, DATA.dilemmas) == []  # DATA has poles that train has not


def test_no_rule_is_made_up_without_training() -> None:
    assert blind([], None, DATA.dilemmas) == []
