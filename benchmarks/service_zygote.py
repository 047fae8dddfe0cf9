"""Forks servers: everything is imported once, so that starting one costs a second and not ten.

Reads one JSON object a line, `{"argv": [...], "log": FILE}`, forks a process that runs `counterpoint serve` with these
arguments, and writes its pid. Ends its children when its input ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys

import transformers  # noqa: F401  # what takes long to import
import typer

import counterpoint.models.encoder
import counterpoint.serving.app  # noqa: F401
from counterpoint.cli.serve import serve


def run(argv: list[str], log: str) -> None:
    """The command, in this process; does not return."""
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(out, stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    app = typer.Typer()
    app.command()(serve)
    app(argv)


def main() -> None:
    """Fork as told."""
    children: set[int] = set()
    print("ready", flush=True)
    for line in sys.stdin:
        told = json.loads(line)
        pid = os.fork()
        if pid == 0:
            run(told["argv"], told["log"])
        children.add(pid)
        children -= {done for done in children if _ended(done)}
        print(pid, flush=True)
    for child in children:
        if not _ended(child):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


def _ended(child: int) -> bool:
    try:
        return os.waitpid(child, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return True


if __name__ == "__main__":
    main()
