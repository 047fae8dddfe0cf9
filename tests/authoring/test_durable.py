"""Lines are with the operating system at once, and on the disk when their future is done."""

import asyncio
import errno
import os

import pytest

from counterpoint.authoring.calls import RunStoppedError
from counterpoint.authoring.durable import DurableLog


def opened(path):
    return DurableLog(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND), path)


def test_a_line_is_in_the_file_before_its_future_is_done(tmp_path):
    async def main():
        log = opened(tmp_path / "log")
        future = log.append(b"one")
        assert (tmp_path / "log").read_bytes() == b"one\n"
        await future
        log.close()

    asyncio.run(main())


def test_many_lines_share_few_syncs_and_none_is_lost(tmp_path, monkeypatch):
    synced = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (synced.append(descriptor), real(descriptor)))

    async def main():
        log = opened(tmp_path / "log")
        await asyncio.gather(*(log.append(b"%d" % i) for i in range(500)))
        log.close()

    asyncio.run(main())
    assert (tmp_path / "log").read_bytes().split() == [b"%d" % i for i in range(500)]
    assert 1 <= len(synced) < 100


@pytest.mark.parametrize("torn", [b"", b'{"b": ', b"x" * 200_000])
def test_a_torn_last_line_is_cut_off(tmp_path, torn):
    (tmp_path / "log").write_bytes(b'{"a": 1}\n' + torn)

    async def main():
        log = opened(tmp_path / "log")
        await log.append(b'{"c": 3}')
        log.close()

    asyncio.run(main())
    assert (tmp_path / "log").read_bytes() == b'{"a": 1}\n{"c": 3}\n'


def test_a_file_that_is_all_torn_is_begun_anew(tmp_path):
    (tmp_path / "log").write_bytes(b'{"a"')
    opened(tmp_path / "log").close()
    assert (tmp_path / "log").read_bytes() == b""


def test_a_full_disk_stops_the_run_with_the_file_named(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    async def main():
        log = opened(tmp_path / "log")
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(RunStoppedError, match=r"log.*No space left"):
            log.append(b"one")
        log.close()

    asyncio.run(main())
