"""Slots come out even, and a slot is the same however many there are."""

from collections import Counter

import pytest

from authoring.dilemmas.made_up import VCD
from counterpoint.authoring.dilemmas.plan import plan_slot
from counterpoint.errors import BadInputError

AREAS = ("home", "work", "play")


def slots(count, sizes=(2, 3, 4, 5), seed=0):
    return [plan_slot(i, VCD, areas=AREAS, sizes=sizes, seed=seed) for i in range(count)]


def test_forty_eight_slots_have_each_pair_eight_times_and_every_size_twice_a_pair():
    planned = slots(48)
    assert set(Counter(slot.pair.name for slot in planned).values()) == {8}
    assert set(Counter((slot.pair.name, slot.options) for slot in planned).values()) == {2}
    # 2 + 2 + 3 + 3 + 4 + 4 + 5 + 5 options a pair, half for either pole
    for pair in VCD:
        own = [slot for slot in planned if slot.pair == pair]
        assert (sum(slot.positive for slot in own), sum(slot.negative for slot in own)) == (14, 14)
        assert sum(slot.swapped for slot in own) == 4
        assert sum(slot.longest for slot in own) == 4


@pytest.mark.parametrize("count", range(1, 60, 7))
def test_neither_pole_is_ever_ahead_by_more_than_one_option_in_a_pair(count):
    for pair in VCD:
        own = [slot for slot in slots(count, seed=3) if slot.pair == pair]
        assert abs(sum(slot.positive - slot.negative for slot in own)) <= 1


def test_areas_take_turns():
    counts = Counter(slot.area for slot in slots(90))
    assert max(counts.values()) - min(counts.values()) <= 1


def test_another_seed_gives_other_sizes():
    assert [slot.options for slot in slots(24)] != [slot.options for slot in slots(24, seed=1)]


@pytest.mark.parametrize("sizes", [(), (1,), (2, 6)])
def test_sizes_that_no_dilemma_has_are_refused(sizes):
    with pytest.raises(BadInputError):
        slots(1, sizes)
