"""The questions beside this file, for the YAML files of lm-evaluation-harness that name a pole of theirs."""

import json
from pathlib import Path

from datasets import Dataset


def questions(pole: str, **_: object) -> dict[str, Dataset]:
    """The split `test`: what is asked under one pole."""
    with (Path(__file__).parent / "questions.jsonl").open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return {"test": Dataset.from_list([row for row in rows if row["pole"] == pole])}
