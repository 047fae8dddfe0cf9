"""The order of options, drawn anew."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st
from made_up import AVERSE, TAKING, dilemma, dilemmas

from counterpoint.data import load, shuffle_options
from counterpoint.types import Dilemma


@given(dilemmas(), st.integers())
def test_only_the_order_changes(found: Dilemma, seed: int) -> None:
    shuffled = shuffle_options(found, seed)
    assert set(shuffled.options) == set(found.options)
    assert shuffled.digest == found.digest
    assert shuffled.reordered(tuple(shuffled.options.index(option) for option in found.options)) == found


@given(dilemmas(), st.integers(), st.randoms(use_true_random=False))
def test_the_order_in_the_file_does_not_matter(found: Dilemma, seed: int, random: object) -> None:
    order = list(range(len(found.options)))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert shuffle_options(found.reordered(tuple(order)), seed) == shuffle_options(found, seed)


def test_every_order_of_three_options_is_about_as_likely() -> None:
    found = dilemma("d", ("a", TAKING), ("b", AVERSE), ("c", AVERSE))
    seen = Counter(tuple(o.text for o in shuffle_options(found, seed).options) for seed in range(3000))
    assert set(seen) == set(permutations("abc"))
    # 500 of each are expected with a standard deviation of 20.4; five of those are allowed
    assert all(abs(count - 500) < 102 for count in seen.values())


def test_the_leak_of_position_in_the_published_file_is_gone(published_data: object) -> None:
    found = load(f"{published_data}/vcd/vcd_dev.json")
    firsts = [found.taxonomy.by_name[d.value_pair].positive.name == d.options[0].pole for d in found.dilemmas]
    assert round(sum(firsts) / 895, 2) == 0.86
    shuffled = [shuffle_options(d, 0) for d in found.dilemmas]
    firsts = [found.taxonomy.by_name[d.value_pair].positive.name == d.options[0].pole for d in shuffled]
    assert abs(sum(firsts) / 895 - 0.49) < 0.05
