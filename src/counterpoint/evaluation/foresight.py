"""What a run can show, worked out before it starts: from an assumption, or from an earlier run as its pilot."""

from __future__ import annotations

import json
import math
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from counterpoint.errors import BadInputError
from counterpoint.evaluation.power import Plan, Spread, assumed, plan

PERSON_SD = 0.25
"""Assumed standard deviation of a person's difference in alignment between two methods; simulated people had 0.19 to
0.24 (`docs/evaluation.md`, people who change)."""

CASE_SD = 1.0
"""Of a case's difference in AL, points on the scale of 1 to 5."""

QUESTION_SD = 2.0
"""Of a question's difference in contrast, points of 10; pole judges on VCD and Crossroads had 1.5 and 1.8."""


def foresee(units: int, methods: int, *, pilot: Path | None = None, unit: str = "scenarios") -> Plan | None:
    """What comparing every pair of so many methods over `units` can show; None with fewer than two methods.

    Args:
        units: independent units that all methods answer.
        methods: how many are compared, rules that read nothing among them.
        pilot: the folder of an earlier run on like data, whose spread is taken; else `power.assumed()`.
        unit: what units are, in the plural.

    Raises:
        BadInputError: the pilot holds no two methods that answered the same dilemmas.
    """
    if methods < 2:
        return None
    spread = spread_of(pilot) if pilot else assumed()
    return plan(units, comparisons=math.comb(methods, 2), spread=spread, unit=unit)


def foresee_people(people: int, comparisons: int) -> Plan | None:
    """What so many comparisons of user models over the same people can show."""
    if comparisons < 1:
        return None
    basis = f"a person's difference has a standard deviation of {100 * PERSON_SD:.0f} points"
    return plan(people, comparisons=comparisons, spread=Spread(PERSON_SD, basis), unit="people")


def foresee_cases(cases: int, methods: int) -> Plan | None:
    """What comparing every pair of models in AL over the same cases can show; None with fewer than two."""
    return _of_grades(cases, methods, Spread(CASE_SD, f"a case's difference has a standard deviation of {CASE_SD:g}"))


def foresee_questions(questions: int, methods: int) -> Plan | None:
    """What comparing every pair of methods in contrast over the same open questions can show."""
    basis = f"a question's difference in contrast has a standard deviation of {QUESTION_SD:g}"
    return _of_grades(questions, methods, Spread(QUESTION_SD, basis), "questions")


def _of_grades(units: int, methods: int, spread: Spread, unit: str = "cases") -> Plan | None:
    pairs = math.comb(methods, 2)
    return plan(units, comparisons=pairs, spread=spread, unit=unit, scale=1.0) if pairs else None


def spread_of(folder: Path) -> Spread:
    """Standard deviation of a dilemma's difference in Acc_one, over poles and seeds, of the two methods of an earlier
    run that differ most: a cautious figure, because the test part is no part of the pilot's design.

    Raises:
        BadInputError: there is nothing to take it from.
    """
    table = _shares(folder / "predictions.jsonl")
    found = [_sd(table[a], table[b]) for a, b in combinations(table, 2)]
    known = [sd for sd in found if sd is not None]
    if not known or max(known) == 0:
        raise BadInputError(
            f"{folder}: no pilot: it holds no two methods that answered the same 2 dilemmas at least, and differently"
        )
    return Spread(max(known), f"differences vary as in {folder.name} (standard deviation {max(known):.2f})")


def _shares(path: Path) -> dict[str, dict[str, float]]:
    """Share of right answers, by method and dilemma."""
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        answers: list[tuple[str, str, bool]] = [(r["method"], r["dilemma"], r["chosen"] in r["gold"]) for r in lines]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInputError(f"{path}: can't be read as a pilot's predictions: {error}") from error
    right: dict[str, dict[str, list[bool]]] = {}
    for method, dilemma, correct in answers:
        right.setdefault(method, {}).setdefault(dilemma, []).append(correct)
    return {method: {d: float(np.mean(v)) for d, v in by.items()} for method, by in right.items()}


def _sd(one: dict[str, float], other: dict[str, float]) -> float | None:
    shared = [dilemma for dilemma in one if dilemma in other]
    return float(np.std([one[d] - other[d] for d in shared], ddof=1)) if len(shared) > 1 else None


def told(found: Plan | None) -> dict[str, Any] | None:
    """As `results.json` has it."""
    return None if found is None else found._asdict()
