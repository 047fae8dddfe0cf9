"""A suite as tasks of the language model evaluation harness (lm_eval): one a pole, and a group, `acc` their mean.

    lm_eval --model hf --model_args pretrained=NAME --include_path FOLDER --tasks counterpoint_vcd --apply_chat_template

What is compared is the letter's probability after what stands before it in a reply, as `LmScorer` reads `letters`. The
harness tokenises context and continuation together, and takes white space at a context's end for the continuation's.
After a chat template a continuation is therefore a reply's whole beginning (what stands before the letter adds the same
to all); in plain text, where a line break before the reply could melt into the token before it, it is the letter alone.
Several right options are several targets. The group's mean gives poles equal say, as Acc_one does. No text of the data
is rendered as a template: texts are columns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from counterpoint.evaluation.interchange.questions import Question
from counterpoint.models.prompts import ANSWER_CUE, SYSTEM

COMMON = "_common_yaml"
"""What the tasks share; without the ending .yaml the harness doesn't take it for a task."""
CODE = "questions.py"


def plain(question: Question) -> Question:
    """The question for a model without a chat template: a text that ends where the reply's letter stands."""
    lead = question.choices[0][:-1]
    letters = tuple(choice[-1] for choice in question.choices)
    return replace(question, prompt=f"{question.prompt}{ANSWER_CUE}{lead}", choices=letters)


def lm_eval_files(name: str, questions: Sequence[Question], *, chat: bool) -> dict[str, str]:
    """The YAML and Python files of a folder, by name; `questions.jsonl` stands beside them.

    Args:
        name: of the suite.
        questions: what is asked.
        chat: for models with a chat template, whose system turn says what form of reply is wanted; otherwise questions
            are `plain`.
    """
    poles = list(dict.fromkeys(question.pole for question in questions))
    group = f"counterpoint_{name}"
    tasks = dict(zip(_slugs(poles), poles, strict=True))
    files = {
        CODE: (Path(__file__).parent / "files" / CODE).read_text(encoding="utf-8"),
        COMMON: _common(chat=chat),
        f"{group}.yaml": _group(group, tasks),
    }
    for slug, pole in tasks.items():
        lines = [f"task: {group}_{slug}", f"task_alias: {_text(pole)}", f"include: {COMMON}"]
        files[f"{group}_{slug}.yaml"] = _lines([*lines, "dataset_kwargs:", f"  pole: {_text(pole)}"])
    return files


def _common(*, chat: bool) -> str:
    """Texts are columns of the data (`prompt`, `choices`, `gold`), which the harness never renders as templates."""
    lines = [
        "custom_dataset: !function questions.questions",
        "test_split: test",
        "output_type: multiple_choice",
        f"description: {_text(SYSTEM if chat else SYSTEM + _GAP)}",
        "doc_to_text: prompt",
        "doc_to_choice: choices",
        "doc_to_target: gold",
        'target_delimiter: ""',
        "num_fewshot: 0",
        "metric_list:",
        "  - metric: acc",
        "    aggregation: mean",
        "    higher_is_better: true",
        "metadata:",
        "  version: 1.0",
    ]
    return _lines(lines)


_GAP = "\n\n"
"""Between what the system says and the question, where both are one text."""


def _group(group: str, slugs: Iterable[str]) -> str:
    lines = [f"group: {group}", "task:", *(f"  - {group}_{slug}" for slug in slugs)]
    lines += ["aggregate_metric_list:", "  - metric: acc", "    aggregation: mean", "    weight_by_size: false"]
    return _lines([*lines, "metadata:", "  version: 1.0"])


def _slugs(poles: Sequence[str]) -> list[str]:
    """Names for files and tasks, no two alike."""
    found: list[str] = []
    for pole in poles:
        slug = re.sub(r"\W+", "_", pole.lower(), flags=re.ASCII).strip("_") or "pole"
        while slug in found:
            slug += "_too"
        found.append(slug)
    return found


def _text(value: str) -> str:
    """A string as YAML: what JSON writes is a double-quoted scalar."""
    return json.dumps(value, ensure_ascii=False)


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"
