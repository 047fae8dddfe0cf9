"""From the cells of `reproduce pft` to the tables of `results.json`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from counterpoint.data.split import scenario_key
from counterpoint.evaluation import rules
from counterpoint.evaluation.compare import rule_cells
from counterpoint.evaluation.method_labels import label_methods
from counterpoint.evaluation.reproduce.pft_config import PftConfig
from counterpoint.evaluation.reproduce.pft_jobs import TUNED, Jobs, answers_from
from counterpoint.evaluation.reproduce.pft_material import Material
from counterpoint.evaluation.reproduce.variants import DEFAULT, Variant
from counterpoint.evaluation.tables import Cell, Evaluation, rounded
from counterpoint.types import Dilemma, Taxonomy

SHORT = ("acc_one", "acc_all", "nll")
"""Metrics of the tables beside the main one."""

PROPOSAL = "pft"


def tables(
    config: PftConfig,
    material: Material,
    jobs: Jobs,
    found: Mapping[str, Any],
    tried: Sequence[Variant],
    choice: Mapping[int, str],
) -> dict[str, Any]:
    """Everything that is counted, but for people's histories."""
    made = _main(config, material, jobs, found, choice)
    made["ablations"] = _ablations(material, jobs, found, tried, choice) if tried else None
    made["held_out"] = _held_out(config, material, jobs, found, choice)
    return made


def predictions(jobs: Jobs, found: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every answer to a test dilemma."""
    for kind in ("method", "tuned"):
        for (method, seed), part in jobs.parts(kind, found).items():
            for answer in part["test"]["answers"]:
                yield {"method": method, "seed": seed, **answer}


def _main(
    config: PftConfig, material: Material, jobs: Jobs, found: Mapping[str, Any], choice: Mapping[int, str]
) -> dict[str, Any]:
    """The paper's main table on the test parts."""
    cells = _cells(config, jobs, found, choice, "test")
    for fold in material.folds:
        cells += rule_cells(material.data, fold.train, fold.test, fold.seed)
    tested = {d.id: d for fold in material.folds for d in fold.test}
    evaluation = _evaluation(cells, material.data.taxonomy, tested.values())
    chances = {pole: rules.chance(list(tested.values()), pole) for pole in evaluation.poles}
    known = [value for value in chances.values() if value is not None]
    return {
        "rows": evaluation.rows(),
        "summary": evaluation.summary(),
        "per_pole": evaluation.per_pole(),
        "paired": evaluation.paired(_labels(evaluation), against=PROPOSAL),
        "rules": {
            "chance": rounded(sum(known) / len(known)),
            "chance_by_pole": {pole: rounded(value) for pole, value in chances.items()},
            "best": rules.best_rules(material.folds[0].train, material.data.taxonomy),
        },
        "curves": [
            {"method": method, "seed": seed, "points": part["curve"]}
            for (method, seed), part in jobs.parts("method", found).items()
            if part["curve"]
        ],
        "calibration": evaluation.calibration(),
    }


def _ablations(
    material: Material, jobs: Jobs, found: Mapping[str, Any], tried: Sequence[Variant], choice: Mapping[int, str]
) -> dict[str, Any]:
    """One factor at a time on the validation parts, and which setting each seed chose there."""
    methods, ablations = jobs.parts("method", found), jobs.parts("ablation", found)
    cells = []
    for fold in material.folds:
        parts = {DEFAULT: methods[PROPOSAL, fold.seed]}
        parts |= {variant.name: ablations[variant.name, fold.seed] for variant in tried}
        cells += [_cell(name, fold.seed, part["validation"]) for name, part in parts.items()]
    asked = [d for fold in material.folds for d in fold.validation]
    evaluation = _evaluation(cells, material.data.taxonomy, asked)
    factors = {DEFAULT: ("", ""), **{v.name: (v.factor, v.value) for v in tried}}
    summary = [
        {**row, "factor": factors[row["method"]][0], "value": factors[row["method"]][1]}
        for row in evaluation.summary(SHORT)
    ]
    return {
        "asked": "validation",
        "summary": summary,
        "paired": evaluation.paired({}, against=DEFAULT),
        "chosen": [{"seed": seed, "setting": name} for seed, name in sorted(choice.items())],
    }


def _held_out(
    config: PftConfig, material: Material, jobs: Jobs, found: Mapping[str, Any], choice: Mapping[int, str]
) -> dict[str, Any] | None:
    """Another family, or each value pair by models that never trained on it."""
    if material.held_out is not None:
        cells = _cells(config, jobs, found, choice, "held_out")
        return {
            "family": material.held_out.name,
            **_short(cells, material.held_out.taxonomy, material.held_out.dilemmas),
        }
    if not material.left_out:
        return None
    parts: dict[tuple[str, int], list[Any]] = {}
    for (name, seed), part in jobs.parts("left_out", found).items():
        parts.setdefault((name.rpartition(", ")[2], seed), []).extend(part["answers"])
    cells = [_cell(method, seed, {"answers": records}) for (method, seed), records in parts.items()]
    asked = [d for left in material.left_out for d in left.asked]
    return {"family": "each value pair in turn", **_short(cells, material.data.taxonomy, asked)}


def _short(cells: Sequence[Cell], taxonomy: Taxonomy, dilemmas: Sequence[Dilemma]) -> dict[str, Any]:
    evaluation = _evaluation(cells, taxonomy, dilemmas)
    chances = [c for pole in evaluation.poles if (c := rules.chance(list(dilemmas), pole)) is not None]
    return {
        "chance": rounded(sum(chances) / len(chances)),
        "summary": evaluation.summary(SHORT),
        "per_pole": evaluation.per_pole(),
        "paired": evaluation.paired(_labels(evaluation), against=PROPOSAL),
    }


def _cells(config: PftConfig, jobs: Jobs, found: Mapping[str, Any], choice: Mapping[int, str], name: str) -> list[Cell]:
    """Every method's answers; a seed of `pft_tuned` that chose the default has the default's."""
    methods, tuned = jobs.parts("method", found), jobs.parts("tuned", found)
    parts = {(method, seed): methods[method, seed] for method in config.methods for seed in range(config.seeds)}
    for seed in choice:
        parts[TUNED, seed] = tuned.get((TUNED, seed)) or methods[PROPOSAL, seed]
    return [_cell(method, seed, part[name]) for (method, seed), part in parts.items() if name in part]


def _cell(method: str, seed: int, part: Mapping[str, Any]) -> Cell:
    answers = answers_from(part["answers"])
    return Cell(method, seed, answers, tuple(part.get("changed") or (0.0,) * len(answers)))


def _evaluation(cells: Sequence[Cell], taxonomy: Taxonomy, dilemmas: Any) -> Evaluation:
    return Evaluation(cells, taxonomy, {d.id: scenario_key(d) for d in dilemmas})


def _labels(evaluation: Evaluation) -> dict[str, str]:
    return {name: label.label for name, label in label_methods(evaluation.methods).items()}
