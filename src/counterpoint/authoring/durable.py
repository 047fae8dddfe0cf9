"""An append-only file of lines that survives sudden death: a killed process loses nothing that `append` took.

A line is handed to the operating system at once, in one write, so that killing the process can't lose it; a thread
forces lines to the disk in groups, so that a power cut can't either, and the event loop never waits for the disk.
"""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

from counterpoint.authoring.calls import RunStoppedError

_BLOCK = 1 << 16
Waiting = list[tuple[asyncio.AbstractEventLoop, "asyncio.Future[None]"]]


class DurableLog:
    """Lines appended to one file by one process.

    Args:
        descriptor: of the file, open for reading and appending, nobody else's to write; closed by `close`. A torn last
            line, as a power cut leaves it, is cut off.
        path: named in errors.
    """

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor, self._path = descriptor, path
        self._waiting: Waiting = []
        self._news, self._closing = threading.Condition(), False
        self._thread: threading.Thread | None = None
        os.ftruncate(descriptor, _whole(descriptor))

    def append(self, line: bytes) -> asyncio.Future[None]:
        """Add a line (without its end); the future is done when it is safe on the disk.

        Raises:
            RunStoppedError: the file can't be written (a full disk).
        """
        self._write(line + b"\n")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        with self._news:
            if self._thread is None:
                self._thread = threading.Thread(target=self._force, name=f"fsync {self._path.name}", daemon=True)
                self._thread.start()
            self._waiting.append((loop, future))
            self._news.notify()
        return future

    def close(self) -> None:
        """Force what is left to the disk and close the file."""
        with self._news:
            self._closing = True
            self._news.notify()
        if self._thread is not None:
            self._thread.join()
        os.close(self._descriptor)

    def _write(self, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError as error:
            raise RunStoppedError(f"{self._path}: can't be written: {error.strerror}") from error

    def _force(self) -> None:
        """The thread: one fsync for all lines that came while the last one ran."""
        while True:
            with self._news:
                while not self._waiting and not self._closing:
                    self._news.wait()
                group, self._waiting = self._waiting, []
            if not group:
                return
            os.fsync(self._descriptor)
            for loop in {loop for loop, _ in group}:
                futures = [future for other, future in group if other is loop]
                if not loop.is_closed():
                    loop.call_soon_threadsafe(_done, futures)


def _whole(descriptor: int) -> int:
    """Bytes up to the end of the last whole line."""
    end = os.fstat(descriptor).st_size
    while end:
        start = max(0, end - _BLOCK)
        if (last := os.pread(descriptor, end - start, start).rfind(b"\n")) >= 0:
            return start + last + 1
        end = start
    return 0


def _done(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)
