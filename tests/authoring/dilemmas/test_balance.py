"""Rules about length are kept near chance."""

from authoring.dilemmas.made_up import VCD, many
from counterpoint.authoring.dilemmas.balance import Lengths, length_offs
from counterpoint.data.lint import lint
from counterpoint.types import DataSet


def test_differences_from_chance_as_worked_by_hand():
    # positives: 2 of 3, chance 2/3; the longest is the negative one: 0 - 2/3; the shortest is shared by two positives
    offs = length_offs([True, True, False], [5, 5, 9])
    assert offs == {"longest": -2 / 3, "shortest": 1 - 2 / 3}
    # a tie between the sides hits half: 1/2 - 1/2
    assert length_offs([True, False], [7, 7]) == {"longest": 0.0, "shortest": 0.0}


def test_a_third_dilemma_that_leans_the_same_way_is_too_much():
    lengths = Lengths()
    for _ in range(2):
        assert lengths.leaning("p", [True, False], [9, 5]) == ""
        lengths.add("p", [True, False], [9, 5])  # longest +1/2, shortest -1/2: now at 1 and -1
    assert lengths.leaning("p", [True, False], [9, 5]) == "longest"
    assert lengths.leaning("p", [True, False], [5, 9]) == ""
    assert lengths.leaning("q", [True, False], [9, 5]) == "longest"  # over all pairs it is as bad


def test_what_is_kept_passes_the_lint():
    lengths, kept = Lengths(), []
    for each in many(200, seed=1):
        positive = [option.pole == VCD.by_name[each.value_pair].positive.name for option in each.options]
        sizes = [len(option.text) for option in each.options]
        if not lengths.leaning(each.value_pair, positive, sizes):
            lengths.add(each.value_pair, positive, sizes)
            kept.append(each)
            found = lint(DataSet("kept", VCD, tuple(kept))).findings if len(kept) % 20 == 0 else ()
            assert not [finding for finding in found if finding.check == "length balance"]
    assert len(kept) > 80
