"""Answers survive torn lines, damage and other processes; a call in flight elsewhere is waited for."""

import asyncio
import json
import subprocess
import sys
from dataclasses import replace

import pytest

from authoring.clients import call
from counterpoint.authoring.cache import AnswerCache
from counterpoint.authoring.calls import Answer
from counterpoint.errors import BadInputError

ANSWER = Answer("", "Oder", "stop", 3, 1, 0.5, "m", "here", 7.0, 0)


def key(i):
    return call(str(i)).key("here", "m")


def keep(folder, *numbers, run=""):
    async def main():
        with AnswerCache(folder, run=run) as cache:
            for i in numbers:
                await cache.put(replace(ANSWER, key=key(i), text=f"river {i}"))

    asyncio.run(main())


def found(folder, i):
    with AnswerCache(folder) as cache:
        answer = cache.get(call(str(i), step="scene"), key(i))
        return answer and answer.text


def test_a_kept_answer_is_found_again_with_what_it_is_for_now(tmp_path):
    keep(tmp_path, 1, 2)
    with AnswerCache(tmp_path) as cache:
        answer = cache.get(call("2", step="scene", prompt="p/1"), key(2))
    assert answer == replace(ANSWER, key=key(2), text="river 2", step="scene", prompt="p/1", cached=True)
    assert found(tmp_path, 3) is None


def test_a_torn_last_line_costs_that_answer_alone(tmp_path):
    keep(tmp_path, 1, 2)
    file = tmp_path / "answers" / "0000.jsonl"
    file.write_bytes(file.read_bytes()[:-20])
    assert (found(tmp_path, 1), found(tmp_path, 2)) == ("river 1", None)
    keep(tmp_path, 2)
    assert (found(tmp_path, 1), found(tmp_path, 2)) == ("river 1", "river 2")


def test_a_damaged_line_is_a_call_to_make_again(tmp_path):
    keep(tmp_path, 1, 2)
    file = tmp_path / "answers" / "0000.jsonl"
    file.write_bytes(file.read_bytes().replace(b'"finish":"stop"', b'"finish":\xff"stop', 1))
    assert (found(tmp_path, 1), found(tmp_path, 2)) == (None, "river 2")


def test_two_caches_at_once_write_to_files_of_their_own_and_see_each_other(tmp_path):
    async def main():
        with AnswerCache(tmp_path) as first, AnswerCache(tmp_path) as second:
            await first.put(replace(ANSWER, key=key(1)))
            async with second.claim(key(1)):
                assert second.get(call("1"), key(1)) is not None
            await second.put(replace(ANSWER, key=key(2)))
        assert sorted(file.name for file in (tmp_path / "answers").iterdir()) == ["0000.jsonl", "0001.jsonl"]

    asyncio.run(main())
    keep(tmp_path, 3)
    assert found(tmp_path, 3) == "river 3"


def test_what_the_run_has_paid_is_summed_over_processes(tmp_path):
    keep(tmp_path, 1, 2, run="mine")
    keep(tmp_path, 3, run="other")
    with AnswerCache(tmp_path, run="mine") as cache:
        assert cache.spent == 1.0


def test_a_call_in_flight_in_another_process_is_waited_for(tmp_path):
    keep(tmp_path, 0)
    code = (
        "import asyncio, sys; from pathlib import Path; from counterpoint.authoring.cache import AnswerCache\n"
        "async def main():\n"
        "    with AnswerCache(Path(sys.argv[1])) as cache:\n"
        "        async with cache.claim(sys.argv[2]):\n"
        "            print('claimed', flush=True); sys.stdin.readline()\n"
        "asyncio.run(main())"
    )
    command = [sys.executable, "-c", code, str(tmp_path), key(9)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "claimed\n"

        async def main():
            with AnswerCache(tmp_path) as cache:
                async with asyncio.timeout(5), cache.claim(key(8)):
                    pass  # another call is free

                async def claimed():
                    async with cache.claim(key(9)):
                        return True

                waiting = asyncio.create_task(claimed())
                await asyncio.sleep(0.2)
                assert not waiting.done()
                other.kill()  # its claim dies with it
                return await waiting

        assert asyncio.run(main())


def test_one_process_asks_an_equal_call_once_at_a_time(tmp_path):
    inside = []

    async def one(cache):
        async with cache.claim(key(1)):
            inside.append(1)
            assert len(inside) == 1
            await asyncio.sleep(0.01)
            inside.pop()

    async def main():
        with AnswerCache(tmp_path) as cache:
            await asyncio.gather(*(one(cache) for _ in range(5)))

    asyncio.run(main())


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInputError, match="--cache"):
        AnswerCache(tmp_path / "file")


def test_each_line_begins_with_its_key(tmp_path):
    keep(tmp_path, 1)
    line = (tmp_path / "answers" / "0000.jsonl").read_text()
    assert line.startswith('{"key":"' + key(1))
    assert json.loads(line)["text"] == "river 1"
