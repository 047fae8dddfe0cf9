"""What is recorded of every row, what was rejected and why, and the card of a data set.

Rows themselves stay what their format says. Beside them lies the run's folder:

    provenance.jsonl  a line a row: slot, attempt, cost, checks, and each step with prompt version, model, endpoint,
                      time, seed, tokens and cost
    rejected.jsonl    a line a rejected attempt: reason, detail, cost, steps
    card.json, .md    counts, rejections by reason, cost, models, prompts, settings, licence
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from counterpoint import __version__
from counterpoint.authoring.calls import Answer
from counterpoint.authoring.journal import Draft
from counterpoint.authoring.llm import MENDING
from counterpoint.authoring.run import Outcome
from counterpoint.runlog import dump_json, write_text

SCHEMA = "counterpoint.card/1"


@dataclass(frozen=True)
class About:
    """What a card says that the run's outcome doesn't."""

    name: str
    """Name of the data set."""
    kind: str
    """What its rows are, such as `dilemmas`."""
    licence: str
    """As the person who runs it says; empty: not stated."""
    planned: int
    """Rows asked for."""
    settings: Mapping[str, Any]
    """All that decided the rows, JSON-able."""
    counts: Mapping[str, Any]
    """What is in the rows, JSON-able: by value pair, pole, number of options, ..."""
    sha256: str
    """Hash of the content."""
    findings: Sequence[str] = ()
    """What the check at the end found; empty: nothing."""


def steps(answers: Iterable[Answer]) -> list[dict[str, Any]]:
    """Each answer as provenance has it."""
    return [
        {
            "step": answer.step,
            "prompt": answer.prompt,
            "model": answer.model,
            "endpoint": answer.endpoint,
            "time": _iso(answer.time),
            "seed": answer.seed,
            "tokens_in": answer.tokens_in,
            "tokens_out": answer.tokens_out,
            "cost": round(answer.cost, 8),
            "finish": answer.finish,
            "answer": answer.key,
        }
        for answer in answers
    ]


def provenance_rows(outcome: Outcome, name_of: Callable[[Draft], str]) -> list[dict[str, Any]]:
    """A line for each row kept; `name_of` gives a row's id."""
    return [
        {
            "id": name_of(draft),
            "slot": slot,
            "attempt": attempt,
            "cost": _cost(draft.answers),
            "checks": dict(draft.checks),
            "steps": steps(draft.answers),
        }
        for slot, attempt, draft in outcome.rows
    ]


def rejected_rows(outcome: Outcome) -> list[dict[str, Any]]:
    """A line for each rejected attempt."""
    return [
        {
            "slot": rejection.slot,
            "attempt": rejection.attempt,
            "reason": rejection.reason,
            "detail": rejection.detail,
            "cost": _cost(rejection.answers),
            "steps": steps(rejection.answers),
        }
        for rejection in outcome.rejections
    ]


def card(outcome: Outcome, about: About) -> dict[str, Any]:
    """The card of a data set, JSON-able. Costs and tokens are of all answers used, whenever they were paid."""
    drafts = [draft.answers for _, _, draft in outcome.rows] + [r.answers for r in outcome.rejections]
    answers = {answer.key: answer for group in drafts for answer in group}.values()
    return {
        "schema": SCHEMA,
        "name": about.name,
        "kind": about.kind,
        "licence": about.licence,
        "written_by": f"counterpoint {__version__}",
        "last_answer": _iso(max((answer.time for answer in answers), default=0.0)),
        "complete": outcome.complete,
        "stopped": outcome.stopped,
        "planned": about.planned,
        "rows": len(outcome.rows),
        "counts": dict(about.counts),
        "rejected": dict(Counter(rejection.reason for rejection in outcome.rejections).most_common()),
        "mended": sum(answer.step.endswith(MENDING) for answer in answers),
        "answers": dict(sorted(Counter(answer.step for answer in answers).items())),
        "tokens_in": sum(answer.tokens_in for answer in answers),
        "tokens_out": sum(answer.tokens_out for answer in answers),
        "cost": _cost(answers),
        "cost_of_rejected": _cost(answer for rejection in outcome.rejections for answer in rejection.answers),
        "models": sorted({f"{answer.model} at {answer.endpoint}" for answer in answers}),
        "prompts": sorted({answer.prompt for answer in answers}),
        "settings": dict(about.settings),
        "sha256": about.sha256,
        "findings": list(about.findings),
    }


def card_in_words(fields: Mapping[str, Any]) -> str:
    """The card as Markdown."""
    lines = [f"# {fields['name']}", ""]
    state = "complete" if fields["complete"] else "incomplete"
    lines.append(f"{fields['rows']} {fields['kind']} of {fields['planned']} planned ({state}), written by LLMs.")
    if fields["stopped"]:
        lines.append(f"The run was stopped: {fields['stopped']}.")
    lines += ["", "| | |", "|---|---|"]
    plain = ("licence", "last_answer", "tokens_in", "tokens_out", "cost", "cost_of_rejected", "mended", "sha256")
    lines += [f"| {name.replace('_', ' ')} | {_cell(fields[name])} |" for name in plain]
    for name in ("models", "prompts"):
        lines.append(f"| {name} | {'<br>'.join(fields[name])} |")
    for title, name in (("Rejected, by reason", "rejected"), ("Answers, by step", "answers")):
        lines += ["", f"## {title}", ""]
        lines += [f"- {reason}: {count}" for reason, count in fields[name].items()] or ["none"]
    lines += ["", "## Counts", "", "```json", dump_json(fields["counts"]).strip(), "```"]
    lines += ["", "## Found by the check at the end", ""]
    lines += [f"- {finding}" for finding in fields["findings"]] or ["nothing"]
    lines += ["", "## Settings", "", "```json", dump_json(fields["settings"]).strip(), "```", ""]
    return "\n".join(lines)


def write_records(folder: Path, outcome: Outcome, about: About, name_of: Callable[[Draft], str]) -> dict[str, Any]:
    """Write provenance, rejections and card into a run's folder, each file whole; returns the card."""
    fields = card(outcome, about)
    for name, rows in (("provenance", provenance_rows(outcome, name_of)), ("rejected", rejected_rows(outcome))):
        write_text(folder / f"{name}.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    write_text(folder / "card.json", dump_json(fields))
    write_text(folder / "card.md", card_in_words(fields))
    return fields


def _cost(answers: Iterable[Answer]) -> float:
    """US dollars."""
    return round(sum(answer.cost for answer in answers), 8)


def _iso(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="seconds")


def _cell(value: object) -> str:
    return str(value) if value != "" else "not stated"
