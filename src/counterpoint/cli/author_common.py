"""What the commands of `counterpoint author` have in common: options, endpoints, a run's folder, progress, the end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from counterpoint.authoring.budget import Budget
from counterpoint.authoring.cache import AnswerCache
from counterpoint.authoring.calls import RunStoppedError
from counterpoint.authoring.journal import Journal
from counterpoint.authoring.llm import LLM, Endpoint
from counterpoint.authoring.run import Outcome, Tally
from counterpoint.cli.progress import progress_bar
from counterpoint.cli.survivor import divide
from counterpoint.data.lint import Embed
from counterpoint.errors import BadInputError, MissingExtraError
from counterpoint.evaluation.progress import Stage
from counterpoint.types import content_hash

LOCAL = "lm:"

BaseUrl = Annotated[str, typer.Option(help="Where the model is asked, such as http://localhost:8000/v1.")]
Model = Annotated[str, typer.Option(help="Its name; without --base-url lm:<hub id, folder, tiny>, in this process.")]
Count = Annotated[int, typer.Option(min=1, help="How many rows to write.")]
Out = Annotated[Path, typer.Option(help="File to write; the run's folder lies beside it.")]
CacheDir = Annotated[Path, typer.Option("--cache", help="Folder of answers: what stands there is not paid for again.")]
MaxCost = Annotated[float | None, typer.Option(min=0, help="US dollars this file may cost, over all restarts.")]
PriceIn = Annotated[float, typer.Option(min=0, help="US dollars for a million tokens read.")]
PriceOut = Annotated[float, typer.Option(min=0, help="US dollars for a million tokens written.")]
Concurrency = Annotated[int, typer.Option(min=1, help="Calls in flight at once.")]
Rpm = Annotated[float | None, typer.Option("--rpm", help="Requests a minute at most.")]
Tpm = Annotated[float | None, typer.Option("--tpm", help="Tokens a minute at most, read and written.")]
Seed = Annotated[int, typer.Option(help="Another seed, other rows.")]
Attempts = Annotated[int, typer.Option(min=1, help="How often a row is tried before it is given up.")]
KeyEnv = Annotated[str, typer.Option("--api-key-env", help="Environment variable that holds the endpoint's key.")]
Label = Annotated[str, typer.Option("--label", help="What records call the endpoint; host and port otherwise.")]
Timeout = Annotated[float, typer.Option(min=0.1, help="Seconds to wait for an answer before asking again.")]
Licence = Annotated[str, typer.Option(help="Licence of what is written, for its card.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan and its price, and ask nothing.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that no run of this command wrote.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the card as JSON for programs.")]

DEFAULT_CACHE = Path("author-cache")
IN_FLIGHT = 64
"""Calls in flight where nothing else is said. An endpoint that takes fewer says so (429), and is then left in peace."""


@dataclass
class Session:
    """What one command works with."""

    folder: Path
    """The run's folder."""
    cache: AnswerCache
    """Answers, paid for once."""
    budget: Budget
    """Money and counts of this run."""
    journal: Journal
    """What was written so far."""
    report: Callable[[Tally], None]
    """Shows how far the run is."""

    def client(self, endpoint: Endpoint) -> LLM:
        """A client of the endpoint; a model in this process where it has no URL."""
        if endpoint.base_url:
            return LLM(endpoint, cache=self.cache, budget=self.budget)
        from counterpoint.authoring.backend import LocalBackend
        from counterpoint.models.lm_calls import speaker

        return LLM(endpoint, cache=self.cache, budget=self.budget, backend=LocalBackend(speaker(endpoint.model)))


def run_folder(out: Path) -> Path:
    """The folder of the run that writes `out`."""
    return out.with_name(f"{out.stem}.run")


@contextmanager
def session(
    out: Path, *, cache: Path, max_cost: float | None, identity: object, force: bool, quiet: bool = False
) -> Iterator[Session]:
    """Open cache, journal and budget of the run that writes `out`, in a process that outlives this one (`survivor`).

    Raises:
        BadInputError: the file is no run's, the run has other settings, or a folder can't be used.
    """
    folder = run_folder(out)
    if out.is_dir():
        raise BadInputError(f"--out {out}: is a folder; expected a file")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInputError(f"--out {out}: no folder can be made for it ({error.strerror})") from error
    if out.exists() and not (folder / "journal.jsonl").exists() and not force:
        raise BadInputError(f"{out} exists and was not written by such a run; use --force to replace it")
    divide()
    with (
        Journal(folder, identity=identity) as journal,  # first: it waits for a run that is ending, and still pays
        AnswerCache(cache, run=content_hash(str(out.resolve()))[:16]) as answers,
        progress_bar(quiet=quiet) as bar,
    ):
        budget = Budget(max_cost, spent=answers.spent)
        yield Session(folder, answers, budget, journal, _reporter(bar, budget))


def perform(work: Callable[[], Awaitable[Outcome]], budget: Budget) -> Outcome:
    """Run to the end. The first Ctrl-C or SIGTERM sends nothing more and keeps what is in flight; the second breaks."""

    async def main() -> Outcome:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def stop() -> None:
            if budget.ended.is_set() and task is not None:
                task.cancel()
            budget.stop(RunStoppedError("interrupted"))
            with contextlib.suppress(OSError):
                print("stopping: waiting for calls in flight, which are paid for", file=sys.stderr)

        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, stop)
        return await work()

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        raise SystemExit(130) from None


def endpoint_of(model: str, base_url: str, **settings: Any) -> Endpoint:
    """The endpoint named on the command line; without a URL, a model in this process, which costs nothing.

    Raises:
        BadInputError: there is no URL to ask the model at.
    """
    if model.startswith(LOCAL) and not base_url:
        return Endpoint(model, "", **{**settings, "price_in": 0.0, "price_out": 0.0})
    if not base_url.startswith(("http://", "https://")):
        raise BadInputError(f"--base-url {base_url!r}: expected http://... or https://..., where {model!r} is asked")
    return Endpoint(model, base_url, **settings)


def wide(concurrency: int) -> int:
    """Rows at work at once. Each has one call in flight or none; were they no more than that, places would stand empty
    while rows are read and checked, and towards the end of a run."""
    return 2 * concurrency


def embedder(wanted: bool) -> Embed:
    """The sentence encoder, or word counts where it isn't wanted."""
    if not wanted:
        from counterpoint.authoring.dilemmas.likeness import by_words

        return by_words
    try:
        from counterpoint.models.text_encoder import TextEncoder
    except ModuleNotFoundError:
        what = "looking for near duplicates by meaning (by words alone: --no-embeddings)"
        raise MissingExtraError(what, "encoder") from None
    return TextEncoder.load().embed


def end(outcome: Outcome) -> None:
    """Leave with the code that says how the run ended: 0 complete, 1 not, 130 interrupted."""
    if outcome.stopped == "interrupted":
        raise SystemExit(130)
    if not outcome.complete:
        raise typer.Exit(1)


def in_one_line(tally: Tally, budget: Budget, seconds: float) -> str:
    """How far a run is: rows, rejections by reason, tokens, money, time to go."""
    rejected = ", ".join(f"{reason} {count}" for reason, count in tally.rejected.items())
    parts = [f"kept {tally.kept} of {tally.slots}"]
    if rejected:
        parts.append(f"rejected {sum(tally.rejected.values())} ({rejected})")
    parts.append(f"{budget.calls} calls, {budget.cached} from the cache")
    parts.append(f"{(budget.tokens_in + budget.tokens_out) / 1000:.1f}k tokens")
    parts.append(f"${budget.spent:.4f}" + (f" of ${budget.cap:g}" if budget.cap is not None else ""))
    if 0 < tally.kept < tally.slots:
        parts.append(f"{_span(seconds * (tally.slots - tally.kept) / tally.kept)} to go")
    return "; ".join(parts)


def _reporter(bar: Callable[[Stage], None], budget: Budget) -> Callable[[Tally], None]:
    began = time.monotonic()

    def report(tally: Tally) -> None:
        with contextlib.suppress(OSError):  # whoever read this may be gone; the run outlives them (`survivor`)
            bar(Stage(in_one_line(tally, budget, time.monotonic() - began), tally.kept / tally.slots))

    return report


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
