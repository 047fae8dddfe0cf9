"""`counterpoint demo`: the main job on the built-in data, in words for newcomers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter
from rich.console import Console
from rich.table import Table

from counterpoint.cli.compare import estimate, print_results
from counterpoint.cli.progress import progress_bar
from counterpoint.config import resolve
from counterpoint.evaluation.method_labels import label_methods
from counterpoint.types import Dilemma

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

IN_WORDS = (
    "The same with a language model that writes its answers. lm:tiny is a small Llama with a toy world, built "
    "here in about a minute. Nothing tells it what hares or tortoises go for: it has to learn that from choices."
)
WORDS_METHODS = ("base", "pft", "sft_positive", "sft_negative")
SHOWN = 2
"""Dilemmas shown with all replies."""

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
    words: Annotated[bool, typer.Option("--words/--no-words", help="Train the toy language model too.")] = True,
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
    if words:
        demo_in_words(out / "words", console)
    console.print(NEXT.format(report=out / "report.html"), highlight=False, soft_wrap=True)


def demo_in_words(out: Path, console: Console) -> None:
    """Train `lm:tiny` on both sides and on one, and show what each says to the same unseen dilemma."""
    from counterpoint.evaluation.compare import compare
    from counterpoint.evaluation.compare_config import CompareConfig, presets

    console.print(IN_WORDS + "\n", highlight=False)
    flags: dict[str, Any] = {"data": "toy", "model": "lm:tiny", "methods": WORDS_METHODS, "seeds": 1}
    flags["lm"] = {"reading": "generation"}
    with progress_bar() as report:
        results = compare(resolve(CompareConfig, flags=flags, presets=presets), out, report=report)
    rows = {(row["method"], row["metric"]): row for row in results["summary"]}
    labels = label_methods(WORDS_METHODS)
    table = Table(title=f"lm:tiny in words: {results['data']['test']} unseen dilemmas", title_justify="left")
    for heading in ("method", "Acc_one (95% interval)", "unreadable"):
        table.add_column(heading, justify="left" if heading == "method" else "right")
    for method, label in labels.items():
        table.add_row(label.label, estimate(rows[method, "acc_one"]), f"{rows[method, 'unreadable']['mean']:.0%}")
    console.print(table)
    for text in side_by_side(out, SHOWN):
        console.print(text, highlight=False, markup=False, soft_wrap=True)


def side_by_side(folder: Path, count: int) -> Iterator[str]:
    """The first dilemmas of seed 0, as they were shown, with every method's reply for either pole."""
    from counterpoint.evaluation.answers import order_of
    from counterpoint.models.prompts import letter

    said: dict[str, list[dict[str, Any]]] = {}
    for line in (folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines():
        answer = json.loads(line)
        said.setdefault(answer["dilemma"], []).append(answer)
    dilemmas = map(json.loads, (folder / "dilemmas.jsonl").read_text(encoding="utf-8").splitlines())
    for dilemma in islice(map(TypeAdapter(Dilemma).validate_python, dilemmas), count):
        shown = dilemma.reordered(order_of(dilemma, 0))
        options = "  ".join(f"{letter(i)}. {option.text}" for i, option in enumerate(shown.options))
        yield f"\n{dilemma.scenario} {dilemma.question}  {options}"
        for pole in dict.fromkeys(answer["pole"] for answer in said[dilemma.id]):
            yield f"  answering for {pole}:"
            for answer in (answer for answer in said[dilemma.id] if answer["pole"] == pole):
                mark = "right" if answer["chosen"] in answer["gold"] else "wrong"
                label = label_methods([answer["method"]])[answer["method"]].label
                yield f"    {label:14} {mark}   {answer['replies'][0]}"
    yield ""
