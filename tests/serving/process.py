"""`counterpoint serve` as a process of its own, with a model of a few weights."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from small_encoder import made_up_dilemmas, write_dilemmas
from small_language import language

PATIENCE = 120.0
"""Seconds for a process to start or to end."""
COUNTERPOINT = (sys.executable, "-c", "from counterpoint.cli import main; main()")


@dataclass
class Process:
    """A running service."""

    popen: subprocess.Popen[bytes]
    log: Path
    url: str
    key: str

    @property
    def headers(self) -> dict[str, str]:
        """What every request needs."""
        return {"authorization": f"Bearer {self.key}"}

    def terminate(self) -> None:
        """Ask it to end."""
        self.popen.send_signal(signal.SIGTERM)

    def ended(self) -> int:
        """Its exit status, once it has ended."""
        return self.popen.wait(PATIENCE)

    def lines(self) -> list[dict[str, Any]]:
        """Its log."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


def make_parts(folder: Path) -> list[str]:
    """A model and dilemmas in a folder; the options that serve them."""
    language("chatml", folder=folder / "model")
    data = write_dilemmas(folder / "dilemmas.jsonl", made_up_dilemmas(12))
    model = f"lm:{folder / 'model'}"
    return ["--model", model, "--scorer", model, "--data", str(data), "--store", f"sqlite:///{folder / 'store.db'}"]


def make_key(folder: Path) -> str:
    """A key for everything."""
    scopes = ["--scope", "admin"]
    command = [*COUNTERPOINT, "keys", "create", "--store", f"sqlite:///{folder / 'store.db'}", *scopes, "--json"]
    secret: str = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["secret"]
    return secret


@contextmanager
def serving(folder: Path, parts: list[str], *options: str) -> Iterator[Process]:
    """Start it and wait until it is ready; killed at the end if it is still there."""
    key = make_key(folder)
    log = folder / f"log-{time.monotonic_ns()}.jsonl"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    with log.open("wb") as file:
        command = [*COUNTERPOINT, "serve", *parts, "--port", "0", *options]
        popen = subprocess.Popen(command, stderr=file, stdout=file, env=environment)
    try:
        yield Process(popen, log, _url(popen, log), key)
    finally:
        if popen.poll() is None:
            popen.terminate()
            try:
                popen.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                popen.kill()
                popen.wait()


def _url(popen: subprocess.Popen[bytes], log: Path) -> str:
    """Where it listens, once it is ready."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and popen.poll() is None:
        if found := re.search(r"running on (http://127\.0\.0\.1:\d+)", log.read_text()):
            try:
                if httpx.get(f"{found[1]}/readyz", timeout=5).is_success:
                    return found[1]
            except httpx.TransportError:
                pass
        time.sleep(0.1)
    raise AssertionError(f"the service did not start:\n{log.read_text()}")
