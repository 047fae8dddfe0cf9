"""Parts of a data set that share no scenario."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from counterpoint.errors import BadInputError
from counterpoint.types import DataSet, Dilemma, content_hash

_WORD = re.compile(r"[^\W_]+")


class Splits(NamedTuple):
    """The parts of one data set; some may be empty."""

    train: DataSet
    validation: DataSet
    test: DataSet


def split(data_set: DataSet, fractions: Sequence[float] = (0.8, 0.1, 0.1), seed: int = 0) -> Splits:
    """Divide by scenario, each value pair in the same proportions.

    Dilemmas whose scenario has the same words fall into one part. What a part holds, and in which order, depends on the
    seed and the dilemmas' content, not on the order or the ids in the file.

    Args:
        data_set: what to divide; its open questions are left out.
        fractions: of train, validation and test; they are at least 0 and add up to 1.
        seed: which of the possible divisions.

    Raises:
        BadInputError: fractions that are not such.
    """
    if len(fractions) != 3 or not all(f >= 0 for f in fractions) or not math.isclose(sum(fractions), 1):
        raise BadInputError(f"fractions must be three numbers from 0 that add up to 1 (got {tuple(fractions)})")
    parts: tuple[list[Dilemma], ...] = ([], [], [])
    for groups in _strata(data_set.dilemmas, seed):
        total = sum(len(group) for group in groups)
        edges = (total * fractions[0], total * (fractions[0] + fractions[1]))
        before = 0
        for group in groups:
            middle = before + len(group) / 2  # a group goes where its middle falls
            parts[sum(middle > edge for edge in edges)].extend(group)
            before += len(group)
    return Splits(*(data_set.subset(tuple(part)) for part in parts))


def check_no_leak(train: Iterable[Dilemma], test: Iterable[Dilemma]) -> None:
    """Raise `BadInputError` naming the scenarios that are in both, if any."""
    known = {scenario_key(dilemma): dilemma for dilemma in train}
    shared = [(known[key], dilemma) for dilemma in test if (key := scenario_key(dilemma)) in known]
    if shared:
        named = "; ".join(f"{a.id} = {b.id} ({b.scenario[:60]!r})" for a, b in shared[:5])
        more = f" and {len(shared) - 5} more" if len(shared) > 5 else ""
        raise BadInputError(
            f"{len(shared)} test dilemmas have a scenario that is trained on: {named}{more}. "
            "Take them out of one of the two, or make the parts with `counterpoint data split`"
        )


def scenario_key(dilemma: Dilemma) -> str:
    """The scenario's words in lower case, however spaced, punctuated or composed: what two dilemmas may not share."""
    plain = unicodedata.normalize("NFKC", dilemma.scenario).casefold()
    return " ".join(_WORD.findall(plain)) or plain


def _strata(dilemmas: Iterable[Dilemma], seed: int) -> list[list[list[Dilemma]]]:
    """Groups of one scenario by value pair, in the order drawn: `[value_pair][group][dilemma]`."""
    groups: dict[str, list[Dilemma]] = defaultdict(list)
    for dilemma in dilemmas:
        groups[scenario_key(dilemma)].append(dilemma)
    strata: dict[str, list[tuple[str, list[Dilemma]]]] = defaultdict(list)
    for key, group in groups.items():
        group.sort(key=lambda d: (d.digest, d.value_pair))
        pair = min(dilemma.value_pair for dilemma in group)
        strata[pair].append((content_hash("split", seed, key), group))
    return [[group for _, group in sorted(strata[pair], key=lambda item: item[0])] for pair in sorted(strata)]
