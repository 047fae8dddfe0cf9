"""A suite's folder for another tool: questions as JSONL, what makes them a task, and a page that says how to run it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from counterpoint import __version__
from counterpoint.errors import BadInputError
from counterpoint.evaluation.interchange.formats import Format
from counterpoint.evaluation.interchange.lm_eval_task import lm_eval_files, plain
from counterpoint.evaluation.interchange.questions import Question, questions_of
from counterpoint.evaluation.suite import Suite
from counterpoint.models.prompts import SYSTEM, PromptConfig
from counterpoint.runlog import write_text

QUESTIONS, ABOUT, README, TASK = "questions.jsonl", "about.json", "README.md", "task.py"


def export(
    suite: Suite, out: Path, *, form: Format, seed: int = 0, chat: bool = True, prompts: PromptConfig | None = None
) -> list[Question]:
    """Write the folder `out`; what was exported there before is replaced.

    Args:
        suite: with its data.
        out: a new folder, an empty one, or one with an export.
        form: whom for.
        seed: draws the options' order; seed 0 of a run has that of 0.
        chat: for models with a chat template (lm-eval; inspect_ai always sends turns).
        prompts: how dilemmas are put.

    Returns:
        What is asked.

    Raises:
        BadInputError: the folder holds something else, or the suite can't be exported.
    """
    _check(out)
    questions = questions_of(suite, seed=seed, prompts=prompts)
    if form is Format.LM_EVAL and not chat:
        questions = [plain(question) for question in questions]
    about = {
        "suite": suite.name,
        "format": form.value,
        "seed": seed,
        "chat": chat,
        "system": SYSTEM,
        "prompts": asdict(prompts or PromptConfig()),
        "questions": len(questions),
        "sha256": suite.digest,
        "version": __version__,
    }
    files = {
        ABOUT: json.dumps(about, indent=2, ensure_ascii=False) + "\n",
        QUESTIONS: "".join(json.dumps(asdict(question), ensure_ascii=False) + "\n" for question in questions),
        README: _readme(about, questions),
    }
    if form is Format.LM_EVAL:
        files |= lm_eval_files(suite.name, questions, chat=chat)
    else:
        files[TASK] = (Path(__file__).parent / "files" / TASK).read_text(encoding="utf-8")
    _write(out, files)
    return questions


def _check(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise BadInputError(f"--out {out} is a file; expected a folder")
    if out.is_dir() and any(out.iterdir()) and not (out / ABOUT).is_file():
        raise BadInputError(f"--out {out} is not empty and holds no export; choose a new folder")


def _write(out: Path, files: Mapping[str, str]) -> None:
    """Tasks of an older export of other poles don't stay."""
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("*.yaml"):
        old.unlink()
    for name, text in files.items():
        write_text(out / name, text)


RUN = {
    Format.INSPECT: "inspect eval task.py --model openai/NAME",
    Format.LM_EVAL: "lm_eval --model hf --model_args pretrained=NAME --include_path . "
    "--tasks counterpoint_{suite}{chat}",
}
SAID = {
    Format.INSPECT: "The scorer reads the letter of the reply's JSON. `acc_one` gives poles equal say; "
    "`paired_accuracy`\nand `insensitivity` are over dilemmas asked for both sides.",
    Format.LM_EVAL: "`acc` of the group gives poles equal say: it is Acc_one. Its standard error takes questions for\n"
    "independent, which the two sides of a dilemma are not.",
}


def _readme(about: Mapping[str, Any], questions: Sequence[Question]) -> str:
    poles = len({question.pole for question in questions})
    form = Format(about["format"])
    run = RUN[form].format(suite=about["suite"], chat=" --apply_chat_template" if about["chat"] else "")
    asked = f"{about['questions']} questions under {poles} poles; options in the order of seed {about['seed']}."
    return f"# {about['suite']}, as Counterpoint asks it\n\n{asked}\n\n    {run}\n\n{SAID[form]}\n"
