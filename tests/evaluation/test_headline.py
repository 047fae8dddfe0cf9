"""The headline claims what the tests of a run support, and no more."""

from __future__ import annotations

from counterpoint.evaluation.charts import Estimate
from counterpoint.evaluation.headline import Headline, Paired, compose, points
from counterpoint.evaluation.method_labels import label_methods


def headline(means: dict[str, float | None], tests: list[Paired], *, chance: float | None = 0.49) -> Headline:
    """The headline of these means, each with an interval of 0.02 to either side."""
    scores = {
        name: Estimate(None) if mean is None else Estimate(mean, mean - 0.02, mean + 0.02, 9)
        for name, mean in means.items()
    }
    return compose(label_methods(means), scores, tests, chance=chance)


def compared(a: str, b: str, difference: float, p: float, *, metric: str = "acc_one") -> Paired:
    """A paired comparison whose interval is 0.02 to either side."""
    return Paired(a, b, metric, difference, difference - 0.02, difference + 0.02, p / 2, p)


def test_a_difference_that_is_not_shown_is_a_tie_whichever_mean_is_higher() -> None:
    said = headline({"pft": 0.88, "sft_mixed": 0.89, "rule": 0.5}, [compared("pft", "sft_mixed", -0.01, 0.4)])
    assert said.title == "SFT mixed and PFT tie for first place"
    assert "PFT minus SFT mixed is −1.0 points, 95% interval −3.0 to +1.0, no difference shown" in said.sentences[-1]


def test_a_leader_is_named_only_when_it_beat_every_rival() -> None:
    tests = [compared("pft", "sft_mixed", 0.05, 0.001), compared("base", "pft", -0.3, 0.001)]
    said = headline({"pft": 0.9, "sft_mixed": 0.85, "base": 0.6, "rule": 0.5}, tests)
    assert said.title == "PFT leads, and the data support it"
    assert "Does pairing the two sides pay? It does here" in " ".join(said.sentences)
    assert headline({"pft": 0.9, "sft_mixed": 0.85, "base": 0.6}, tests[:1]).title.endswith(
        "whether it leads is not tested"
    )


def test_the_corrected_p_value_decides() -> None:
    uncorrected_only = Paired("pft", "base", "acc_one", 0.04, 0.001, 0.08, 0.02, 0.12)
    assert "tie" in headline({"pft": 0.9, "base": 0.86}, [uncorrected_only]).title


def test_a_comparison_in_another_metric_settles_nothing() -> None:
    said = headline({"pft": 0.9, "base": 0.6}, [compared("pft", "base", 0.3, 0.001, metric="acc_all")])
    assert "not tested" in said.title


def test_no_method_wins_against_a_rule_that_does_as_well() -> None:
    below = headline({"pft": 0.8, "rule": 0.85}, [])
    assert below.title == "No method is shown to beat a rule that reads nothing; PFT comes closest"
    tied = headline({"pft": 0.86, "rule": 0.85}, [compared("pft", "rule", 0.01, 0.6)])
    assert tied.title == below.title


def test_one_method_alone_is_only_described() -> None:
    said = headline({"pft": 0.9, "rule": 0.5}, [])
    assert said.title == "PFT is the only method in this run"
    assert said.sentences[0].startswith("Asked for a pole, PFT picks an option of it in 90.0% of cases")
    assert "rule that reads nothing reaches 50.0%" in said.sentences[1]


def test_without_a_rule_chance_is_the_floor() -> None:
    assert headline({"pft": 0.5}, []).title == "PFT is not shown to beat chance"


def test_what_a_tied_method_beat_is_said_where_the_highest_was_not_compared() -> None:
    tests = [compared("pft", "sft_mixed", -0.01, 0.4), compared("pft", "base", 0.3, 0.001)]
    said = " ".join(headline({"pft": 0.88, "sft_mixed": 0.89, "base": 0.6}, tests).sentences)
    assert "PFT, which ties with it, is shown to be ahead of Untrained." in said
    lost = " ".join(
        headline(
            {"pft": 0.88, "sft_mixed": 0.89, "base": 0.6}, [tests[0], compared("pft", "base", -0.3, 0.001)]
        ).sentences
    )
    assert "is shown to be ahead" not in lost


def test_a_method_without_accuracy_is_named_and_not_ranked() -> None:
    said = headline({"pft": 0.9, "base": None}, [])
    assert said.title == "PFT is the only method in this run"
    assert "No accuracy is defined for Untrained" in said.sentences[-1]
    assert headline({"pft": None}, []).title == "No method has a defined accuracy in this run"


def test_points_are_signed_and_never_minus_zero() -> None:
    assert [points(value) for value in (0.0123, -0.0123, -0.0001)] == ["+1.2", "−1.2", "0.0"]
