"""Tasks of the language model evaluation harness (lm_eval, the extra `interchange`) asked of a steered model.

A task's context is put as a user's turn (or, where the task makes a conversation, as that), and its continuations are
replies: what is measured is the model as people meet it. Each question is steered to one pole, poles in turn.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from counterpoint.errors import BadInputError, MissingExtraError
from counterpoint.evaluation.harm.counting import bounded
from counterpoint.evaluation.harm.store import Condition
from counterpoint.evaluation.stats import bootstrap
from counterpoint.evaluation.tables import rounded
from counterpoint.models.decoding import Decoding
from counterpoint.steering.asking import Conversation, Request, conversation_of
from counterpoint.steering.engine import Engine
from counterpoint.steering.likelihood import scored
from counterpoint.steering.steering import from_leans

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance
    from lm_eval.tasks import TaskManager

TOKENS = 256
"""New tokens at most, where a task doesn't say."""


class Tasks(NamedTuple):
    """Tasks that the harness has."""

    names: list[str]
    manager: TaskManager


def find_tasks(tasks: Sequence[str]) -> Tasks:
    """Look tasks up; the harness takes a while to list its thousands.

    Args:
        tasks: names that the harness knows, or YAML files of tasks.

    Raises:
        MissingExtraError: lm_eval is not installed.
        BadInputError: there is no such task.
    """
    try:
        from lm_eval.tasks import TaskManager
    except ImportError as error:
        raise MissingExtraError("Tasks of lm-evaluation-harness", "interchange") from error
    files = [Path(task) for task in tasks if task.endswith((".yaml", ".yml"))]
    folders = [str(file.parent) for file in files]
    manager = TaskManager(include_path=folders or None, include_defaults=len(files) < len(tasks))
    names = [_name(Path(task)) if Path(task) in files else task for task in tasks]
    if unknown := [name for name in names if name not in manager.all_tasks]:
        raise BadInputError(f"lm-evaluation-harness knows no task {unknown[0]!r}; give its name or a YAML file")
    return Tasks(names, manager)


def run_tasks(engine: Engine, condition: Condition, tasks: Tasks, *, limit: int) -> list[dict[str, Any]]:
    """Rows for `summary`: every metric of every task under one condition, with intervals over questions.

    Args:
        engine: the model.
        condition: how it is steered.
        tasks: what is asked.
        limit: questions of each task at most.
    """
    from lm_eval.evaluator import simple_evaluate

    found = simple_evaluate(
        model=_steered(engine, condition),
        tasks=list(tasks.names),
        limit=limit,
        task_manager=tasks.manager,
        bootstrap_iters=0,
    )
    assert found is not None
    return [row for name, samples in found["samples"].items() for row in _rows(name, condition, samples)]


def _rows(task: str, condition: Condition, samples: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The mean of every metric that a question has as a number."""
    rows = []
    for metric in samples[0]["metrics"] if samples else ():
        told = {s["doc_id"]: s[metric] for s in samples if isinstance(s.get(metric), int | float)}
        if told:
            values = np.array([float(value) for value in told.values()])
            interval = bootstrap(values[:, None], np.ones_like(values)[:, None], [0] * len(values))
            if set(values) <= {0.0, 1.0}:
                interval = bounded(interval, values)
            bounds = {"mean": interval.mean, "ci_low": interval.low, "ci_high": interval.high}
            head = {**condition._asdict(), "metric": f"{task}: {metric}"}
            rows.append({**head, **{k: rounded(v) for k, v in bounds.items()}, "n": len(told), "undefined": 0})
    return rows


def _name(file: Path) -> str:
    """Of the task that a YAML file describes."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise BadInputError(f"{file}: can't be read: {error}") from error
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "task":
            return value.strip().strip("'\"")
    raise BadInputError(f"{file}: no task of lm-evaluation-harness: it has no line 'task: NAME'")


def _steered(engine: Engine, condition: Condition) -> Any:
    """The model in the harness's form. Made here, because its base class comes with the extra."""
    from lm_eval.api.model import LM

    class Steered(LM):  # type: ignore[misc]
        """An engine under one condition."""

        tokenizer_name = engine.language.name

        def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
            asked = [_request(engine, condition, r.args[0], r.doc_id, Decoding()) for r in requests]
            replies = [_ids(engine, r.args[1]) for r in requests]
            return [(one.log_prob, one.likeliest) for one in scored(engine, asked, replies)]

        def loglikelihood_rolling(self, requests: list[Instance]) -> list[float]:  # noqa: ARG002
            raise BadInputError("this task measures the perplexity of whole texts, which are no replies to anybody")

        def generate_until(self, requests: list[Instance]) -> list[str]:
            asked = [_request(engine, condition, r.args[0], r.doc_id, _decoding(r.args[1])) for r in requests]
            return [reply.text for reply in engine.answer(asked)]

        def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:  # noqa: ARG002
            return json.dumps([[turn["role"], turn["content"]] for turn in chat_history])

    return Steered()


def _request(engine: Engine, condition: Condition, context: str, number: int | None, decoding: Decoding) -> Request:
    poles = engine.taxonomy.poles
    pole = poles[(number or 0) % len(poles)]
    leans = {pole.name: condition.strength} if condition.strength else {}
    return Request(_ask(context), from_leans(leans, engine.taxonomy), condition.method, decoding)


def _ask(context: str) -> Conversation:
    """A conversation as `apply_chat_template` wrote it, or a text as a user's turn."""
    if context.startswith('[["'):
        try:
            return conversation_of([(role, content) for role, content in json.loads(context)])
        except ValueError:
            pass
    return Conversation.said(context.strip())


def _ids(engine: Engine, continuation: str) -> tuple[int, ...]:
    """A reply's token ids; a reply begins without the space that would follow a text."""
    return tuple(engine.language.tokenizer(continuation.lstrip(), add_special_tokens=False)["input_ids"])


def _decoding(settings: Mapping[str, Any]) -> Decoding:
    until = settings.get("until") or ()
    stops = (until,) if isinstance(until, str) else tuple(until)
    temperature = float(settings.get("temperature") or 0.0) if settings.get("do_sample", True) else 0.0
    length = int(settings.get("max_gen_toks") or TOKENS)
    return Decoding(temperature, float(settings.get("top_p") or 1.0), length, tuple(stop for stop in stops if stop))
