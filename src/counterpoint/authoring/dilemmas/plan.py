"""Which dilemma each slot is for, so that value pairs, areas, numbers of options and poles come out even."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from counterpoint.errors import BadInputError
from counterpoint.types import Taxonomy, ValuePair

FEWEST, MOST = 2, 5
"""Options of a dilemma, as VCD has them (PFT, arXiv 2604.12479)."""


@dataclass(frozen=True)
class Slot:
    """What one row is to be."""

    pair: ValuePair
    """What it is about."""
    area: str
    """The area of life it plays in."""
    positive: int
    """Options for the positive pole."""
    negative: int
    """Options for the negative pole."""
    swapped: bool
    """Whether the writer is told of the negative pole first. Half are: a habit of the writer then favours no pole."""
    longest: bool
    """Whether an option of the positive pole should be the longest, and one of the negative pole the shortest, by a
    little; or the other way round. Within a value pair they take turns."""

    @property
    def options(self) -> int:
        """Options in all."""
        return self.positive + self.negative


def plan_slot(index: int, taxonomy: Taxonomy, *, areas: Sequence[str], sizes: Sequence[int], seed: int) -> Slot:
    """The slot of that index, the same however many slots there are.

    Value pairs take turns. Within a pair, areas take turns, and each block of slots has every number of options equally
    often, uneven splits once for either pole.

    Args:
        index: from 0.
        taxonomy: value pairs to write about.
        areas: areas of life.
        sizes: numbers of options.
        seed: another seed, another order.

    Raises:
        BadInputError: a number of options is out of range, or a list is empty.
    """
    if not sizes or not areas:
        raise BadInputError("at least one scene and one number of options are needed")
    for size in sizes:
        if not FEWEST <= size <= MOST:
            raise BadInputError(f"dilemmas have {FEWEST} to {MOST} options (got {size})")
    turn, which = divmod(index, len(taxonomy))
    pair = taxonomy.pairs[which]
    block = _block(tuple(sorted(set(sizes))), f"{seed} {which} {turn // (2 * len(set(sizes)))}")
    positive, negative = block[turn % len(block)]
    return Slot(
        pair=pair,
        area=areas[(turn + which) % len(areas)],
        positive=positive,
        negative=negative,
        swapped=(turn // 2 + which) % 2 == 1,
        longest=(turn + which) % 2 == 0,
    )


@cache
def _block(sizes: tuple[int, ...], seed: str) -> tuple[tuple[int, int], ...]:
    """Two splits for each number of options, mixed; after each slot neither pole is ahead by more than one option."""
    chance = random.Random(f"block {seed}")
    mixed = [size for size in sizes for _ in range(2)]
    chance.shuffle(mixed)
    splits, ahead = [], chance.choice((0, 1))
    for size in mixed:
        more, less = (size + 1) // 2, size // 2
        splits.append((more, less) if ahead <= 0 else (less, more))
        ahead += splits[-1][0] - splits[-1][1]
    return tuple(splits)
