"""The `counterpoint` command, one file a sub-command. A user's mistake ends with one clear message and exit code 2."""

from __future__ import annotations

import errno
import logging
import os
import sys
from typing import Annotated

import typer

from counterpoint import __version__
from counterpoint.cli.answer import answer
from counterpoint.cli.ask import ask
from counterpoint.cli.author import app as author
from counterpoint.cli.compare import compare
from counterpoint.cli.data import app as data
from counterpoint.cli.db import app as db
from counterpoint.cli.demo import demo
from counterpoint.cli.evaluate import evaluate
from counterpoint.cli.export import export_
from counterpoint.cli.infer import infer
from counterpoint.cli.plan import plan
from counterpoint.cli.report import report
from counterpoint.cli.reproduce import app as reproduce
from counterpoint.cli.serve import keys, serve
from counterpoint.cli.survivor import own_process
from counterpoint.cli.train import train
from counterpoint.errors import CounterpointError

app = typer.Typer(
    help="Align language models with one person at a time. Start with: counterpoint demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(data, name="data")
app.add_typer(author, name="author")
app.add_typer(reproduce, name="reproduce")
app.command()(demo)
app.command()(compare)
app.command()(plan)
app.command()(train)
app.command()(evaluate)
app.command("export")(export_)
app.command()(report)
app.command()(infer)
app.command()(ask)
app.command()(answer)
app.command()(serve)
app.add_typer(keys, name="keys")
app.add_typer(db, name="db")

DISK_FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO}
"""What a disk says when it is full, over its quota, a file's limit is met, it can't be written, or fails."""
DISK_ADVICE = "What was finished is kept: make room or set it right, and the same command goes on from there"


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"counterpoint {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and stop.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Say more about what is done, on standard error.")] = False,
) -> None:
    del version
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(message)s")


def run() -> None:
    """What the installed command starts: `main` in a process that is its own."""
    own_process()
    main()


def main() -> None:
    """Run the command line; `CounterpointError` and a full disk become a message and exit code 2."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        app()
    except CounterpointError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except SystemExit as end:
        if end.code == 130:  # how typer ends on Ctrl-C
            print("stopped; what was finished is kept, and the same command goes on from there", file=sys.stderr)
        raise
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(141) from None
    except OSError as error:
        if error.errno not in DISK_FAULTS:
            raise
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{error.strerror}. {DISK_ADVICE}", file=sys.stderr)
        raise SystemExit(2) from None
