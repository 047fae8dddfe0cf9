"""`counterpoint demo`: the main job on the built-in data, in words for newcomers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from counterpoint.cli.compare import print_results
from counterpoint.cli.progress import progress_bar
from counterpoint.config import resolve

METHODS = ("pft", "sft_mixed", "sft_positive", "sft_negative", "dpo_mixed", "base")

INTRO = (
    "People disagree, with each other and with themselves. Crossroads holds 180 everyday dilemmas; each option leans "
    "to one of two poles, such as Risk-taking or Risk-averse. A small sentence encoder is trained on 144 of them, then "
    "asked the 36 it has never seen twice: once to choose as someone at one pole would, once as someone at the other.",
    "PFT learns both sides of every dilemma in one step. Its rivals see one side, or both unpaired, or right against "
    "wrong.",
)

READING = (
    "How to read it: a model trained on one side serves that side only; PFT serves both. A rule that reads nothing "
    "shows what position and length alone would give. Intervals are wide, because 36 dilemmas a seed are few: believe "
    "no smaller gap."
)

NEXT = """\
Next:
  open {report}
  counterpoint data inspect crossroads
  counterpoint ask --out me.jsonl
  counterpoint compare --data YOUR.json --out runs/yours
  counterpoint compare --finetune --methods pft --seeds 1 --out runs/tuned
"""


def demo(
    out: Annotated[Path, typer.Option(help="Where the run's folder goes.")] = Path("runs/demo"),
    seeds: Annotated[int, typer.Option(help="How many seeds.", min=1)] = 5,
) -> None:
    """Train and compare on the built-in dilemmas, and write a report. Example: counterpoint demo --out runs/demo"""
    from counterpoint.evaluation.compare import compare
    from counterpoint.evaluation.compare_config import CompareConfig

    console = Console()
    for paragraph in INTRO:
        console.print(paragraph, highlight=False)
    console.print()
    flags: dict[str, Any] = {"data": "crossroads", "methods": METHODS, "seeds": seeds}
    with progress_bar() as report:
        results = compare(resolve(CompareConfig, flags=flags), out, report=report)
    print_results(results, console)
    console.print("\n" + READING + "\n", highlight=False)
    console.print(NEXT.format(report=out / "report.html"), highlight=False, soft_wrap=True)
