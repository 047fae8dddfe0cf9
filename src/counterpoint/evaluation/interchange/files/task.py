"""A suite of Counterpoint as a task of inspect_ai; the questions stand beside this file.

inspect eval task.py --model openai/NAME      or any other model that inspect_ai reaches
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import Sample, json_dataset
from inspect_ai.model import ChatMessageSystem, ChatMessageUser
from inspect_ai.scorer import (
    CORRECT,
    INCORRECT,
    Metric,
    SampleScore,
    Score,
    Scorer,
    Target,
    accuracy,
    grouped,
    metric,
    scorer,
    stderr,
    value_to_float,
)
from inspect_ai.solver import TaskState, generate

HERE = Path(__file__).parent
ABOUT: dict[str, Any] = json.loads((HERE / "about.json").read_text(encoding="utf-8"))
CLAIM = re.compile(r"""["']?choice["']?\s*:\s*["']?\s*([A-Z])\b""", re.IGNORECASE)
ALONE = re.compile(r"\W*([A-Z])\W*")


@task
def counterpoint() -> Task:
    """Every dilemma asked under every pole that has an option, one sample each."""
    return Task(
        dataset=json_dataset(str(HERE / "questions.jsonl"), _sample),
        solver=generate(),
        scorer=choice(),
        name=f"counterpoint_{ABOUT['suite']}",
        metadata=ABOUT,
    )


def _sample(row: dict[str, Any]) -> Sample:
    said = [ChatMessageSystem(content=ABOUT["system"]), ChatMessageUser(content=row["prompt"])]
    letters = [option[-1] for option in row["choices"]]
    told = {key: row[key] for key in ("sample", "pole", "value_pair", "options")}
    return Sample(
        input=said, target=[letters[i] for i in row["gold"]], id=row["id"], metadata=told | {"letters": letters}
    )


def read_letter(reply: str, letters: list[str]) -> str | None:
    """The letter that a reply chooses, in JSON or alone; None where it names none, several, or one that isn't there."""
    claims = {claim.upper() for claim in CLAIM.findall(reply)}
    if not claims and (alone := ALONE.fullmatch(reply)):
        claims = {alone[1]}
    return claims.pop() if len(claims) == 1 and claims <= set(letters) else None


def _over_dilemmas(of: Callable[[list[SampleScore]], float]) -> Metric:
    """Mean over the dilemmas asked under several poles."""

    def measure(scores: list[SampleScore]) -> float:
        by_dilemma: dict[str, list[SampleScore]] = {}
        for score in scores:
            by_dilemma.setdefault(_of(score, "sample"), []).append(score)
        return _mean([of(found) for found in by_dilemma.values() if len(found) > 1])

    return measure


def _of(score: SampleScore, key: str) -> str:
    return str((score.sample_metadata or {})[key])


def _value(score: SampleScore) -> float:
    """1 for right, 0 for wrong; a mean where samples were asked several times."""
    return float(value_to_float()(score.score.value))


def _answers(scores: list[SampleScore]) -> set[str | None]:
    """The options chosen; letters stand for the same options under every pole of a dilemma."""
    return {score.score.answer for score in scores}


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else float("nan")


@metric
def acc_one() -> Metric:
    """Share right; poles have equal say."""

    def measure(scores: list[SampleScore]) -> float:
        by_pole: dict[str, list[float]] = {}
        for score in scores:
            by_pole.setdefault(_of(score, "pole"), []).append(_value(score))
        return _mean([_mean(values) for values in by_pole.values()])

    return measure


@metric
def paired_accuracy() -> Metric:
    """Share of dilemmas that are right under both poles, of those asked under more than one."""
    return _over_dilemmas(lambda scores: min(map(_value, scores)))


@metric
def insensitivity() -> Metric:
    """Share of dilemmas in which the same option is chosen whoever is asked for, of those asked under more than one."""
    return _over_dilemmas(lambda scores: float(bool(scores[0].score.answer) and len(_answers(scores)) == 1))


@metric
def unreadable() -> Metric:
    """Share of replies that choose nothing; they count as wrong."""

    def measure(scores: list[SampleScore]) -> float:
        return _mean([float(not score.score.answer) for score in scores])

    return measure


@scorer(
    metrics=[
        acc_one(),
        grouped(accuracy(), "pole", all=False),
        stderr(cluster="sample"),
        paired_accuracy(),
        insensitivity(),
        unreadable(),
    ]
)
def choice() -> Scorer:
    """Right if the letter chosen is one of the options that serve who is asked for."""

    async def score(state: TaskState, target: Target) -> Score:
        letter = read_letter(state.output.completion, state.metadata["letters"])
        right = letter is not None and letter in target.target
        return Score(value=CORRECT if right else INCORRECT, answer=letter or "", explanation=state.output.completion)

    return score
