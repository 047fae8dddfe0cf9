"""Rows in PrefEval's four forms, written here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from counterpoint.evaluation.prefeval.reading import FOLDERS, Form

DRINKS = ("tea", "cocoa", "juice", "cider")


def stated(number: int) -> dict[str, Any]:
    """A preference and a question."""
    drink = DRINKS[number % 4]
    return {"preference": f"I only ever drink {drink}.", "question": f"What goes with meal {number}?"}


def row(form: Form, number: int) -> dict[str, Any]:
    """One row; the right option holds the drink preferred."""
    found, drink = stated(number), DRINKS[number % 4]
    others = [other for other in DRINKS if other != drink]
    if form is Form.MCQ:
        options = [f"Have {drink} with meal {number}.", *(f"Have {other} with it." for other in others)]
        return {**found, "explanation": "", "classification_task_options": options}
    if form is Form.CHOICE:
        said = {
            "query": "What is there?",
            "assistant_options": "Many things.",
            "user_selection": f"Then {drink} please.",
            "assistant_acknowledgment": "Noted.",
        }
        return {**found, "conversation": said, "aligned_op": "1"}
    if form is Form.PERSONA:
        turns = {str(i): {"user": f"message {i} {drink}", "assistant": f"reply {i}"} for i in (10, 2, 0)}
        return {**found, "persona": "a baker", "conversation": turns}
    return found


def write(folder: Path, topics: tuple[str, ...] = ("meals", "snacks"), rows: int = 4) -> Path:
    """The published folders with a file a topic in each."""
    for form, name in FOLDERS.items():
        (folder / name).mkdir(parents=True)
        for i, topic in enumerate(topics):
            told = [row(form, 10 * i + n) for n in range(rows)]
            (folder / name / f"{topic}.json").write_text(json.dumps(told))
    return folder
