"""The order of a dilemma's options, drawn anew.

In the published Value Conflict Dilemmas the first option has the first pole in 86% of rows, so an order that was found
must never be trained or tested on.
"""

from __future__ import annotations

from counterpoint.types import Dilemma, content_hash


def shuffle_options(dilemma: Dilemma, seed: int) -> Dilemma:
    """The same dilemma with its options in an order drawn by `seed` and the dilemma's content.

    Options are sorted by a hash of (seed, content, text): every order is as likely as any other, and neither the order
    in the file nor the place of the dilemma in it matters. `seed` may be any whole number.
    """
    keys = [content_hash("option order", seed, dilemma.digest, option.text) for option in dilemma.options]
    return dilemma.reordered(tuple(sorted(range(len(keys)), key=keys.__getitem__)))
