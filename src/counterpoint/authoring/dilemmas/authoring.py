"""Dilemmas from settings to files: one run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from counterpoint.authoring.calls import Sampling
from counterpoint.authoring.dilemmas.places import arranged
from counterpoint.authoring.dilemmas.settling import Settler, read_dilemma
from counterpoint.authoring.dilemmas.writing import DilemmaSettings, DilemmaWriter
from counterpoint.authoring.journal import Journal
from counterpoint.authoring.llm import Endpoint
from counterpoint.authoring.prompts import dilemmas as prompts
from counterpoint.authoring.provenance import About, write_records
from counterpoint.authoring.run import Outcome, Tally, run
from counterpoint.data.lint import Embed, Lint, lint
from counterpoint.data.writing import write
from counterpoint.types import DataSet, Taxonomy

PROMPTS = (prompts.SCENE, prompts.DILEMMA, prompts.LABELS, prompts.APPEAL)


@dataclass(frozen=True)
class Written:
    """What a run has come to, on disk."""

    data: DataSet
    """The rows, as in the file."""
    twins: DataSet
    """Their twins, in a file of their own: beside their originals they would count as near duplicates."""
    lint: Lint
    """What `counterpoint data lint` says of the rows."""
    card: Mapping[str, Any]
    """The card, as in the file."""


def identity(
    settings: DilemmaSettings, taxonomy: Taxonomy, *, writer: Endpoint, checker: Endpoint, likeness: str
) -> list[object]:
    """All that decides the rows but their number: a longer run of the same identity goes on from a shorter one.

    Args:
        settings: what is wanted.
        taxonomy: value pairs.
        writer: what writes.
        checker: what reads without the labels.
        likeness: what near duplicates are told by.
    """
    asked = [[endpoint.model, endpoint.name] for endpoint in (writer, checker)]
    used = [*PROMPTS, *([prompts.TWIN] if settings.twins else [])]
    return ["dilemmas/1", asdict(settings), asdict(taxonomy), asked, likeness, [prompt.reference for prompt in used]]


async def author(
    count: int,
    writer: DilemmaWriter,
    *,
    embed: Embed,
    journal: Journal,
    attempts: int = 4,
    parallel: int = 64,
    report: Callable[[Tally], None] | None = None,
) -> Outcome:
    """Write `count` dilemmas, resuming what the journal holds; `embed` tells near duplicates."""
    settle = Settler(writer.taxonomy, embed)
    return await run(count, writer.write, settle, journal=journal, attempts=attempts, parallel=parallel, report=report)


def finish(
    outcome: Outcome,
    settings: DilemmaSettings,
    taxonomy: Taxonomy,
    *,
    embed: Embed,
    out: Path,
    folder: Path,
    planned: int,
    endpoints: Mapping[str, Endpoint],
    licence: str = "",
) -> Written:
    """Put options in order, lint the rows, write them with twins, provenance, rejections and card: each file whole.

    Args:
        outcome: what the run has come to; without a row, only the records of the run are written.
        settings: what was wanted.
        taxonomy: value pairs.
        embed: for the lint.
        out: file of the rows.
        folder: the run's.
        planned: rows asked for.
        endpoints: what was asked, by role.
        licence: of the data set, for the card.
    """
    rows = [draft.row for _, _, draft in outcome.rows]
    written = [read_dilemma(row["dilemma"]) for row in rows]
    orders = arranged(written, taxonomy)
    dilemmas = tuple(dilemma.reordered(order) for dilemma, order in zip(written, orders, strict=True))
    pairs = zip(rows, orders, strict=True)
    twins = tuple(read_dilemma(row["twin"]).reordered(order) for row, order in pairs if row.get("twin"))
    data = DataSet(out.stem, taxonomy, dilemmas, (), licence)
    twin_data = DataSet(f"{out.stem}.twins", taxonomy, twins, (), licence)
    found = lint(data, embed) if dilemmas else Lint((), ())
    about = About(
        name=out.stem,
        kind="dilemmas",
        licence=licence,
        planned=planned,
        settings=_settings(settings, taxonomy, endpoints),
        counts=_counts(data) | ({"twins": len(twins)} if settings.twins else {}),
        sha256=data.digest,
        findings=[f"{f.severity}: {f.check}: {f.where}: {f.message}" for f in found.findings],
    )
    fields = write_records(folder, outcome, about, lambda draft: str(draft.row["dilemma"]["id"]))
    if twins:
        write(twin_data, out.with_suffix(f".twins{out.suffix}"), force=True)
    if dilemmas:
        write(data, out, force=True)
    return Written(data, twin_data, found, fields)


@dataclass(frozen=True)
class Price:
    """What a run will ask and cost."""

    calls: int
    """If each row is kept at the first attempt and nothing needs mending."""
    tokens_in: int
    """Read in those calls."""
    tokens_out: int
    """Written in them, as long as answers usually are."""
    expected: float
    """US dollars for them."""
    at_most: float
    """US dollars if each attempt is used, mended, and as long as it may be."""


_USUAL = {"scene": 110, "dilemma": 420, "labels": 40, "appeal": 45, "twin": 260}
"""Tokens of an answer, usually."""
_FORM = 250
"""Tokens that describe a form, about."""


def price(count: int, settings: DilemmaSettings, *, writer: Endpoint, checker: Endpoint, attempts: int) -> Price:
    """The price of a run, before it; a token is taken as four bytes."""
    steps = [(prompts.SCENE, writer), (prompts.DILEMMA, writer), (prompts.LABELS, checker), (prompts.APPEAL, checker)]
    if settings.twins:
        steps += [(prompts.TWIN, writer), (prompts.LABELS, checker)]
    tokens_in = tokens_out = 0
    expected = at_most = 0.0
    longest = Sampling(max_tokens=settings.max_tokens).max_tokens
    for prompt, endpoint in steps:
        step = prompt.name.rpartition(".")[2]
        asked = (len(prompt.system) + len(prompt.user)) // 4 + _FORM + (0 if step == "scene" else 400)
        tokens_in += count * asked
        tokens_out += count * _USUAL[step]
        expected += count * endpoint.cost(asked, _USUAL[step])
        once, mended = endpoint.cost(asked, longest), endpoint.cost(asked + longest + 100, longest)
        at_most += count * attempts * (once + mended)
    return Price(count * len(steps), tokens_in, tokens_out, expected, at_most)


def _settings(settings: DilemmaSettings, taxonomy: Taxonomy, endpoints: Mapping[str, Endpoint]) -> dict[str, Any]:
    asked = {role: {"model": endpoint.model, "endpoint": endpoint.name} for role, endpoint in endpoints.items()}
    return {**asdict(settings), "taxonomy": taxonomy.name, "roles": asked}


def _counts(data: DataSet) -> dict[str, Any]:
    """What is in the rows."""
    options = [(dilemma.value_pair, option.pole) for dilemma in data.dilemmas for option in dilemma.options]
    return {
        "value_pairs": dict(sorted(Counter(dilemma.value_pair for dilemma in data.dilemmas).items())),
        "options_by_pole": {f"{pair}: {pole}": n for (pair, pole), n in sorted(Counter(options).items())},
        "options_a_dilemma": {str(n): c for n, c in sorted(Counter(len(d.options) for d in data.dilemmas).items())},
        "scenes": dict(sorted(Counter(dilemma.scene for dilemma in data.dilemmas).items())),
    }
