"""A run's folder with plausible results from a seeded simulation: what the report is tested and looked at with.

By hand: `python tests/evaluation/simulated_run.py FOLDER` writes the run and its report.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

PAIRS = {
    "Risk Orientation": ("Risk-taking", "Risk-averse"),
    "Time Preference": ("Immediate gratification", "Delayed gratification"),
    "Social Strategy": ("Competitive", "Collaborative"),
    "Communication Style": ("Assertive", "Accommodating"),
    "Decision-Making Approach": ("Intuitive", "Analytical"),
    "Change Preference": ("Innovation-seeking", "Stability-seeking"),
}
SKILL = {
    "pft": (2.6, 2.5),
    "sft_mixed": (2.55, 2.5),
    "sft_positive": (2.7, -1.4),
    "sft_negative": (-1.5, 2.7),
    "dpo_mixed": (2.1, 2.0),
    "base": (0.3, 0.2),
    "rule": (0.0, 0.05),
    "rule_published_order": (1.7, 1.5),
}
"""Method -> how many nats the right options are ahead of the wrong ones, for positive and negative poles."""

SCENES = ("family", "workplace", "medical", "gaming", "shopping")
PLACES = ("the allotment society", "a small bakery", "the night shift", "a community choir", "the repair café")
WAYS = (
    "say so at the next meeting and ask for a vote",
    "wait until the lease is settled and look again in spring",
    "take the offer tonight, before the others have slept on it",
    "ask two people who have done it before and write their answers down",
    "split the work with the newcomers and share the credit",
)


def dilemmas(count: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """Own-format rows: two to five options, both poles in each."""
    draw = np.random.default_rng(seed)
    rows = []
    for i in range(count):
        pair = list(PAIRS)[i % len(PAIRS)]
        size = int(draw.integers(2, 6))
        poles = [PAIRS[pair][k % 2] for k in draw.permutation(size)]
        place, way = PLACES[i % 5], WAYS[(i // 5) % 5]
        options = [
            {"text": f"{WAYS[(i + k) % 5].capitalize()}, and tell {PLACES[(i + 2 * k) % 5]} about it.", "pole": pole}
            for k, pole in enumerate(poles)
        ]
        options[0]["explanation"] = "Because what is agreed in the open tends to hold when it gets uncomfortable."
        scenario = f"Noor has kept the books of {place} for six years. This week a friend urges her to {way}. "
        rows.append(
            {
                "id": f"sim-{i:03d}",
                "value_pair": pair,
                "scene": SCENES[i % 5],
                "scenario": scenario + "She has until Friday and has asked nobody.",
            }
            | {"question": "What should Noor do?", "options": options, "open_question": "What would you tell Noor?"}
        )
    return rows


def predictions(rows: list[dict[str, Any]], *, methods: list[str], seeds: int, seed: int = 1) -> list[dict[str, Any]]:
    """One line a method, seed, dilemma and pole: log-softmax of skill plus the dilemma's own difficulty plus noise."""
    draw = np.random.default_rng(seed)
    difficulty = draw.normal(0, 1.1, len(rows))
    lines = []
    for method in methods:
        for run in range(1 if method.startswith("rule") else seeds):
            for i, row in enumerate(rows):
                for side, pole in enumerate(PAIRS[row["value_pair"]]):
                    gold = [k for k, option in enumerate(row["options"]) if option["pole"] == pole]
                    skill = SKILL.get(method, (1.0, 1.0))[side] + difficulty[i]
                    scores = draw.normal(0, 0.9, len(row["options"]))
                    scores[gold] += skill
                    logs = scores - np.logaddexp.reduce(scores)
                    ranks = np.argsort(-logs)[: max(1, len(gold))]
                    lines.append(
                        {"method": method, "seed": run, "dilemma": row["id"], "value_pair": row["value_pair"]}
                        | {"pole": pole, "gold": gold, "log_probs": [round(float(x), 4) for x in logs]}
                        | {"chosen": int(ranks[0]), "selected": sorted(int(k) for k in ranks)}
                    )
    return lines


def results(lines: list[dict[str, Any]], *, methods: list[str], seeds: int, tests: int) -> dict[str, Any]:
    """`results.json` from the predictions, with intervals by the normal approximation: near enough to look at."""
    by_pole: dict[tuple[str, str, str], list[float]] = {}
    for line in lines:
        by_pole.setdefault((line["method"], line["value_pair"], line["pole"]), []).append(
            line["chosen"] in line["gold"]
        )
    poles = [
        {"method": m, "value_pair": pair, "pole": pole, "metric": "acc_one", **_around(float(np.mean(hits)), len(hits))}
        for (m, pair, pole), hits in by_pole.items()
    ]
    one = {m: float(np.mean([row["mean"] for row in poles if row["method"] == m])) for m in methods}
    shifts = {"acc_one": 0.0, "acc_all": -0.22, "precision": -0.05, "recall": -0.07, "f1": -0.06}
    summary = [
        {
            "method": m,
            "metric": metric,
            "sd_seeds": 0.008,
            "seeds": seeds,
            "undefined": 0,
            **_around(one[m] + shift, 600),
        }
        for m in methods
        for metric, shift in shifts.items()
    ]
    for m in methods:
        if not m.startswith("rule"):
            for metric, value in (("ece", 0.12 - 0.08 * one[m]), ("nll", 1.3 - one[m]), ("order_effect", 0.0)):
                summary.append({"method": m, "metric": metric, "undefined": 0, **_around(value, 4000)})
    paired = [_compared("pft", other, one["pft"] - one[other]) for other in methods[1:]] if "pft" in methods else []
    trained = [m for m in methods if m not in ("base", "rule", "rule_published_order")]
    return {
        "schema": "counterpoint.results/1",
        "command": "compare",
        "version": "0.1.0",
        "config": {"data": "crossroads", "test": None, "model": "encoder", "finetune": False, "methods": methods}
        | {"seeds": seeds, "epochs": 30, "learning_rate": 0.002, "shuffle_options": True},
        "data": {"name": "crossroads", "train": 240, "test": tests, "sha256": "3f" * 32},
        "rows": [],
        "summary": summary,
        "per_pole": poles,
        "paired": paired,
        "rules": {"chance": 0.49, "best": {"Risk-taking": "longest"}, "published_order": {}},
        "curves": [{"method": m, "seed": s, "points": _curve(m, s)} for m in trained for s in range(seeds)],
        "calibration": [{"method": m, "bins": _bins(m, lines)} for m in methods if not m.startswith("rule")],
        "seconds": {"total": 41.2, "embed": 12.3, "train": 25.1},
    }


def write_run(folder: Path, *, methods: list[str] | None = None, seeds: int = 5, count: int = 60) -> dict[str, Any]:
    """Write the three files of a run and return `results.json`'s content."""
    methods = methods or list(SKILL)
    rows = dilemmas(count)
    lines = predictions(rows, methods=methods, seeds=seeds)
    found = results(lines, methods=methods, seeds=seeds, tests=count)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(found), encoding="utf-8")
    for name, records in (("predictions.jsonl", lines), ("dilemmas.jsonl", rows)):
        (folder / name).write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return found


def _around(mean: float, n: int) -> dict[str, float]:
    half = 1.96 * float(np.sqrt(max(mean * (1 - mean), 1e-4) / max(n / 3, 1)))
    return {"mean": mean, "ci_low": max(0.0, mean - half), "ci_high": min(1.0, mean + half), "n": n}


def _compared(a: str, b: str, gap: float) -> dict[str, Any]:
    shown = abs(gap) > 0.02
    return {
        "a": a,
        "b": b,
        "metric": "acc_one",
        "difference": gap,
        "ci_low": gap - 0.015,
        "ci_high": gap + 0.015,
        "p_value": 0.0002 if shown else 0.41,
        "p_holm": 0.0014 if shown else 0.41,
        "verdict": f"{a if gap > 0 else b} is better" if shown else "no difference shown",
    }


def _curve(method: str, seed: int) -> list[dict[str, float]]:
    draw = np.random.default_rng([seed, len(method)])
    steps = np.arange(1, 201)
    loss = (1.4 if method == "pft" else 0.7) * (0.25 + 0.75 * np.exp(-steps / 45)) + draw.normal(0, 0.03, 200)
    return [{"step": int(s), "epoch": s * 0.15, "loss": float(x)} for s, x in zip(steps, loss, strict=True)]


def _bins(method: str, lines: list[dict[str, Any]]) -> list[dict[str, float]]:
    mine = [line for line in lines if line["method"] == method]
    sure = np.exp([line["log_probs"][line["chosen"]] for line in mine])
    right = np.array([line["chosen"] in line["gold"] for line in mine])
    index = np.clip(np.ceil(sure * 10).astype(int) - 1, 0, 9)
    return [
        {
            "confidence": float(sure[index == b].mean()),
            "accuracy": float(right[index == b].mean()),
            "n": int((index == b).sum()),
        }
        for b in range(10)
        if (index == b).any()
    ]


if __name__ == "__main__":
    from counterpoint.evaluation.report import write_report

    target = Path(sys.argv[1])
    write_run(target, count=298)
    print(write_report(target))
