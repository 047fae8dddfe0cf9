"""Answers on disk under the hash of their call; safe under sudden death and under several processes.

    answers/0000.jsonl, 0001.jsonl, ...   one file a process at a time, a line an answer, never rewritten
    claims                                bytes locked by calls in flight, one a call: no file is left behind

A process appends to a file that no other holds and reads all of them. A call is claimed before it is sent, so that two
processes that want the same answer pay once: the second waits and reads the first one's. Locks end with their process.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, Self

from counterpoint.authoring.calls import Answer, Call
from counterpoint.authoring.durable import DurableLog
from counterpoint.errors import BadInputError

try:
    import fcntl
except ImportError:  # Windows: processes can't tell what others have in flight, and may pay twice for it
    fcntl = None  # type: ignore[assignment]

_START = b'{"key":"'
_KEY = 64
_BLOCK = 1 << 25
"""Bytes indexed at a time: no answer is as long."""
_LOOK_AGAIN = 0.05
"""Seconds between looks at a call that another process has in flight."""


class _Place(NamedTuple):
    file: int
    offset: int
    length: int


class AnswerCache:
    """The answers in a folder. Open one for each folder and process.

    Args:
        folder: made if missing. Any number of processes may use it at once.
        run: name of the run that pays; `spent` sums what it has paid so far, in earlier processes too.

    Raises:
        BadInputError: the folder can't be made or written.
    """

    def __init__(self, folder: Path, *, run: str = "") -> None:
        self.folder, self.run = folder, run
        self.spent = 0.0
        """US dollars that `run` had paid for answers when the folder was opened."""
        self._answers = folder / "answers"
        self._files: dict[str, tuple[int, int]] = {}  # name: descriptor for reading, bytes indexed
        self._places: dict[str, _Place] = {}
        self._asking: dict[str, asyncio.Future[None]] = {}
        try:
            self._answers.mkdir(parents=True, exist_ok=True)
            self._claims = os.open(folder / "claims", os.O_RDWR | os.O_CREAT, 0o644)
            self._log = self._own_file()
        except OSError as error:
            raise BadInputError(
                f"{folder}: can't be used as a cache of answers: {error}. Give another --cache"
            ) from error
        self._look(counting=True)

    def get(self, call: Call, key: str) -> Answer | None:
        """The answer that was kept under `key`, with the call's step and prompt; None if there is none."""
        place = self._places.get(key)
        if place is None:
            return None
        try:
            found = json.loads(os.pread(place.file, place.length, place.offset))
            found.pop("run")
            return replace(Answer(**found), step=call.step, prompt=call.prompt, cached=True)
        except (ValueError, TypeError, KeyError):  # a damaged line is a call to make again
            del self._places[key]
            return None

    @asynccontextmanager
    async def claim(self, key: str) -> AsyncIterator[None]:
        """Within it this call is ours alone, in this process and beside others. Look for its answer again first."""
        while key in self._asking:
            await asyncio.shield(self._asking[key])
        self._asking[key] = asyncio.get_running_loop().create_future()
        try:
            while not self._lock(key):
                await asyncio.sleep(_LOOK_AGAIN)
            try:
                self._look()
                yield
            finally:
                self._unlock(key)
        finally:
            self._asking.pop(key).set_result(None)

    def put(self, answer: Answer) -> asyncio.Future[None]:
        """Keep an answer. It survives the process at once, and a power cut when the future is done.

        Raises:
            RunStoppedError: it can't be written.
        """
        line = json.dumps({**vars(answer), "run": self.run}, ensure_ascii=False, separators=(",", ":"))
        return self._log.append(line.encode())

    def close(self) -> None:
        """Close all files; another process may then append to ours."""
        self._log.close()
        for descriptor, _ in self._files.values():
            os.close(descriptor)
        os.close(self._claims)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _own_file(self) -> DurableLog:
        """The first file that no other process holds."""
        number = 0
        while True:
            path = self._answers / f"{number:04}.jsonl"
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                if fcntl is not None:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._own = path.name
                return DurableLog(descriptor, path)
            except BlockingIOError:
                os.close(descriptor)
                number += 1

    def _look(self, *, counting: bool = False) -> None:
        """Index what has been added since the last look, by us or by others; `counting` also sums what `run` paid."""
        for entry in os.scandir(self._answers):
            if not entry.name.endswith(".jsonl"):
                continue
            descriptor, seen = self._files.get(entry.name) or (os.open(entry.path, os.O_RDONLY), 0)
            size = os.fstat(descriptor).st_size
            while seen < size and (read := self._index(descriptor, seen, counting)):
                seen += read
            self._files[entry.name] = (descriptor, seen)

    def _index(self, descriptor: int, start: int, counting: bool) -> int:
        """Index the whole lines of one block; returns their bytes, 0 where no line ends."""
        data = os.pread(descriptor, _BLOCK, start)
        mark = f'"run":{json.dumps(self.run)}}}'.encode()
        at = 0
        while (stop := data.find(b"\n", at)) >= 0:
            line = data[at:stop]
            if line.startswith(_START) and line.endswith(b"}"):
                key = line[len(_START) : len(_START) + _KEY].decode("ascii", "replace")
                self._places[key] = _Place(descriptor, start + at, len(line))
                if counting and line.endswith(mark):
                    self.spent += _cost(line)
            at = stop + 1
        return at

    def _lock(self, key: str) -> bool:
        if fcntl is not None:
            try:
                fcntl.lockf(self._claims, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, int(key[:15], 16))
            except (BlockingIOError, PermissionError):
                return False
        return True

    def _unlock(self, key: str) -> None:
        if fcntl is not None:
            with contextlib.suppress(OSError):
                fcntl.lockf(self._claims, fcntl.LOCK_UN, 1, int(key[:15], 16))


def _cost(line: bytes) -> float:
    try:
        return float(json.loads(line)["cost"])
    except (ValueError, TypeError, KeyError):
        return 0.0
