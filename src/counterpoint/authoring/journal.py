"""What a run has written so far, on disk: drafts and rejections, a line each, by slot and attempt."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from counterpoint.authoring.calls import Answer
from counterpoint.authoring.durable import DurableLog
from counterpoint.errors import BadInputError, CounterpointError
from counterpoint.types import content_hash

try:
    import fcntl
except ImportError:  # Windows: two runs in one folder are then not told from one
    fcntl = None  # type: ignore[assignment]

_log = logging.getLogger(__name__)
FORMAT = "counterpoint.authoring/1"
_PATIENCE = 130.0
"""Seconds to wait for a run that is ending: one that was killed keeps what it had in flight, which takes as long as an
answer may take (`Endpoint.timeout`)."""
_LOOK_AGAIN = 0.05


@dataclass(frozen=True)
class Draft:
    """A row as written, before or after it is settled."""

    row: Mapping[str, Any]
    """The row, JSON-able."""
    answers: tuple[Answer, ...] = ()
    """All answers that went into it, repairs and checks too."""
    checks: Mapping[str, Any] = field(default_factory=dict)
    """What was checked and what came out, JSON-able; stands in the row's provenance."""


class RejectedError(CounterpointError):
    """A draft is no good. `reason` is a short phrase to count by, such as `label not recovered`."""

    def __init__(self, reason: str, detail: str = "", answers: tuple[Answer, ...] = ()) -> None:
        self.reason, self.detail, self.answers = reason, detail, answers
        super().__init__(f"{reason}: {detail}" if detail else reason)


class Journal:
    """The folder of one run; one process at a time may hold it.

    Args:
        folder: made if missing.
        identity: all that decides the rows, JSON-able; a folder of another identity is refused.

    Raises:
        BadInputError: the folder is another run's, in use, or can't be made.
    """

    def __init__(self, folder: Path, *, identity: object) -> None:
        self.path = folder / "journal.jsonl"
        mark = {"format": FORMAT, "identity": content_hash(identity)}
        self._written: dict[tuple[int, int], Draft | RejectedError] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise BadInputError(f"{folder}: can't be made a run's folder: {error}. Give another --out") from error
        try:
            self._lock(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self._log = DurableLog(descriptor, self.path)
        try:
            if not self._read(mark):
                os.write(descriptor, json.dumps(mark).encode() + b"\n")
        except BaseException:
            self._log.close()
            raise

    def get(self, slot: int, attempt: int) -> Draft | RejectedError | None:
        """What was written for this attempt by this or an earlier process; None if nothing was."""
        return self._written.get((slot, attempt))

    async def put(self, slot: int, attempt: int, written: Draft | RejectedError) -> None:
        """Keep it; returns when it is safe on disk."""
        self._written[slot, attempt] = written
        answers = [vars(answer) for answer in written.answers]
        place: dict[str, Any] = {"slot": slot, "attempt": attempt}
        if isinstance(written, Draft):
            place |= {"row": dict(written.row), "checks": dict(written.checks), "answers": answers}
        else:
            place |= {"reason": written.reason, "detail": written.detail, "answers": answers}
        await self._log.append(json.dumps(place, ensure_ascii=False, separators=(",", ":")).encode())

    def close(self) -> None:
        """Let another process into the folder."""
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _lock(self, descriptor: int) -> None:
        """Hold the file; a run that was killed may still be keeping what it had in flight, and is waited for."""
        give_up, told = time.monotonic() + _PATIENCE, False
        while fcntl is not None:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if not told:
                    _log.warning("%s: another run holds this folder; waiting for it to end", self.path.parent)
                    told = True
                if time.monotonic() > give_up:
                    message = f"{self.path.parent}: another run is writing here. Wait for it or give another --out"
                    raise BadInputError(message) from error
                time.sleep(_LOOK_AGAIN)
            else:
                break

    def _read(self, mark: Mapping[str, str]) -> bool:
        """Take over what an earlier process wrote; a line that was torn by its end is dropped. False: a new file."""
        records = []
        for line in self.path.read_bytes().splitlines():
            try:
                records.append(json.loads(line))
            except ValueError:
                continue
        if not records:
            return False
        if records[0] != mark:
            raise BadInputError(
                f"{self.path.parent}: holds a run with other settings, whose rows would be mixed with these. "
                "Give another --out, or remove that folder"
            )
        for record in records[1:]:
            answers = tuple(Answer(**answer) for answer in record["answers"])
            place = (record["slot"], record["attempt"])
            if "row" in record:
                self._written[place] = Draft(record["row"], answers, record["checks"])
            else:
                self._written[place] = RejectedError(record["reason"], record["detail"], answers)
        return True
