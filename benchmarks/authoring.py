"""What authoring promises, measured: survives being killed, lets nothing malformed through, keeps up, keeps its cap.

    python benchmarks/authoring.py --json results.json

The models are played by a scripted server (tests/authoring/scripted.py) on this machine, so these are figures about the
tool and say nothing about any model. Each row: what, value, low and high over repeats, bar, holds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from authoring.dilemma_player import players
from authoring.scripted import Script, ScriptedServer
from counterpoint.authoring.budget import Budget
from counterpoint.authoring.cache import AnswerCache
from counterpoint.authoring.calls import Call, Message, RunStoppedError, Sampling
from counterpoint.authoring.llm import LLM, Endpoint
from counterpoint.data import load

TESTS = str(Path(__file__).parents[1] / "tests")
COMMAND = "from counterpoint.cli import run; run()"
Row = dict[str, Any]


def command(url: str, folder: Path, count: int, *more: str) -> list[str]:
    """`counterpoint author dilemmas` as it is typed, but for the import of all other commands."""
    where = ["--base-url", url, "--out", str(folder / "rows.jsonl"), "--cache", str(folder / "cache")]
    asked = ["author", "dilemmas", "--model", "scripted", "--label", "scripted", "--count", str(count), *where]
    return [sys.executable, "-c", COMMAND, *asked, "--no-embeddings", *more]


def killed(calls: int, kills: int, *, seed: int = 0) -> dict[str, Any]:
    """A run that is killed (SIGKILL) at random numbers of answered calls, beside one that isn't."""
    script = Script(latency=0.02, jitter=0.03, malformed=0.05, fails=0.03, dies=0.03)
    count = calls // 4
    with tempfile.TemporaryDirectory() as name:
        through, broken = Path(name) / "through", Path(name) / "broken"
        for folder in (through, broken):
            folder.mkdir()
        with ScriptedServer(script, players()) as server:
            subprocess.run(command(server.url, through, count), capture_output=True, check=False)
            plain = server.stats.calls
        with ScriptedServer(script, players()) as server:
            points = sorted(random.Random(seed).sample(range(1, plain), kills))
            for point in points:
                _kill_at(server, point, command(server.url, broken, count))
            end = subprocess.run(command(server.url, broken, count), capture_output=True, check=False)
            stats = server.stats
        rows = [(folder / "rows.jsonl").read_bytes() for folder in (through, broken)]
        lines = rows[1].split(b"\n")
        return {
            "calls": plain,
            "same rows": rows[0] == rows[1],
            "paid twice": stats.paid_twice,
            "calls in all": stats.calls,
            "partial lines": sum(not _whole(line) for line in lines[:-1]) + (lines[-1] != b""),
            "rows": len(lines) - 1,
            "left over": [file.name for file in broken.iterdir() if file.name.startswith(".")],
            "code": end.returncode,
        }


def malformed(count: int, share: float = 0.3) -> dict[str, Any]:
    """A run against a server of whose answers so many are malformed, and more cut off or refused."""
    script = Script(malformed=share, truncated=0.03, refusing=0.03, sloppy=0.1)
    with tempfile.TemporaryDirectory() as name, ScriptedServer(script, players()) as server:
        folder = Path(name)
        subprocess.run(command(server.url, folder, count, "--attempts", "12"), capture_output=True, check=False)
        card = json.loads((folder / "rows.run" / "card.json").read_text())
        data = load(folder / "rows.jsonl", source="jsonl", taxonomy="vcd")  # raises for a row that isn't one
        kinds, rejected = server.stats.kinds, card["rejected"]
        bad = kinds["malformed"] + kinds["truncated"]
        said = card["mended"] + rejected.get("malformed", 0) + rejected.get("truncated", 0)
        texts = [option.text for dilemma in data.dilemmas for option in dilemma.options]
        return {
            "rows": len(data),
            "answers": server.stats.calls,
            "share bad": (bad + kinds["refused"]) / server.stats.calls,
            "in the output": sum("zq" not in text for text in texts),
            "unaccounted": abs(bad - said)
            + abs(kinds["refused"] - rejected.get("refused", 0))
            + abs(server.stats.calls - sum(card["answers"].values())),
        }


def throughput(calls: int, latency: float, repeats: int) -> list[float]:
    """Our calls a second as a share of a bare socket client's, 64 in flight, in turns; the server is apart."""
    shares = []
    with _server(Script(latency=latency)) as url, tempfile.TemporaryDirectory() as name:
        for turn in range(repeats):
            bare = asyncio.run(_bare(url, calls, 64))
            ours = asyncio.run(_ours(url, calls, 64, Path(name) / str(turn)))
            shares.append(bare / ours)
    return shares


def capped(cap: float, concurrency: int = 64) -> dict[str, float]:
    """What calls without end have cost when the cap ended them, against a server that counts more tokens than we do."""

    async def main(url: str, folder: Path) -> tuple[float, float]:
        dearest = 0.0
        with AnswerCache(folder) as cache:
            budget = Budget(cap)
            async with LLM(Endpoint("scripted", url, concurrency=concurrency), cache=cache, budget=budget) as llm:

                async def one(i: int) -> float:
                    try:
                        call = Call((Message("user", f"{i} of many"),), Sampling(max_tokens=20), seed=i)
                        return (await llm.ask(call)).cost
                    except RunStoppedError:
                        return 0.0

                dearest = max(await asyncio.gather(*(one(i) for i in range(20 * concurrency))))
            return budget.spent, dearest

    with tempfile.TemporaryDirectory() as name, ScriptedServer(Script(latency=0.01, jitter=0.02)) as server:
        spent, dearest = asyncio.run(main(server.url, Path(name)))
        paid = (server.stats.tokens_in * 1.0 + server.stats.tokens_out * 4.0) / 1e6
    return {"spent": spent, "server's count": paid, "over": max(0.0, paid - cap), "in flight": concurrency * dearest}


def _kill_at(server: ScriptedServer, answered: int, run: Sequence[str]) -> None:
    """Start the run and kill it when the server has answered so many calls."""
    process = subprocess.Popen(run, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while server.stats.calls < answered and process.poll() is None:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()


def _whole(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


@contextmanager
def _server(script: Script) -> Iterator[str]:
    """The scripted server in a process of its own."""
    run = [sys.executable, str(Path(TESTS) / "authoring" / "scripted.py"), "--script", json.dumps(vars(script))]
    with subprocess.Popen(run, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


async def _bare(url: str, calls: int, wide: int) -> float:
    """Seconds that a client takes which only writes and reads bytes: the server's own limit."""
    host, port = url.removeprefix("http://").removesuffix("/v1").split(":")
    left = iter(range(calls))

    async def worker() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        for i in left:
            body = json.dumps(
                {"model": "bare", "messages": [{"role": "user", "content": f"{i} {'x ' * 600}"}]}
            ).encode()
            writer.write(b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.rpartition(b"content-length: ")[2]))
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(wide)))
    return time.perf_counter() - began


async def _ours(url: str, calls: int, wide: int, folder: Path) -> float:
    """Seconds that our client takes, each answer kept on disk before it counts."""
    with AnswerCache(folder) as cache:
        async with LLM(Endpoint("scripted", url, concurrency=wide), cache=cache, budget=Budget(1e6)) as llm:
            asked = [Call((Message("user", f"{i} {'x ' * 600}"),)) for i in range(calls)]
            began = time.perf_counter()
            await asyncio.gather(*(llm.ask(call) for call in asked))
            return time.perf_counter() - began


def row(what: str, values: Sequence[float], bar: str, holds: bool) -> Row:
    """One figure."""
    spread = {"value": statistics.median(values), "low": min(values), "high": max(values)}
    return {"what": what, **spread, "bar": bar, "holds": holds}


def measure(*, calls: int, kills: int, repeats: int, latency: float) -> list[Row]:
    """All rows."""
    rows = []
    survived = killed(calls, kills)
    print(survived, file=sys.stderr)
    run = f"of a run of {survived['calls']} calls killed {kills} times at random points"
    rows.append(row(f"same rows {run}", [survived["same rows"]], "1", survived["same rows"]))
    rows.append(row(f"calls paid twice {run}", [survived["paid twice"]], "0", survived["paid twice"] == 0))
    torn = survived["partial lines"] + len(survived["left over"])
    rows.append(row(f"partial lines and files {run}", [torn], "0", torn == 0))
    bad = malformed(calls // 8)
    print(bad, file=sys.stderr)
    share = f"with {bad['share bad']:.0%} of {bad['answers']} answers malformed, cut or refused"
    rows.append(
        row(f"malformed options in {bad['rows']} rows {share}", [bad["in the output"]], "0", not bad["in the output"])
    )
    rows.append(row(f"answers unaccounted for {share}", [bad["unaccounted"]], "0", not bad["unaccounted"]))
    shares = throughput(int(64 / latency * 6), latency, repeats)
    what = f"calls a second at 64 in flight ({latency:g} s each) against a bare socket client"
    rows.append(row(what, shares, "at least 0.9", statistics.median(shares) >= 0.9))
    money = capped(0.004)
    print(money, file=sys.stderr)
    what = "US dollars beyond a cap of 0.004, 64 calls in flight"
    rows.append(row(what, [money["over"]], f"at most {money['in flight']:.4f}", money["over"] <= money["in flight"]))
    return rows


def main() -> None:
    """Measure all and print or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--latency", type=float, default=0.2, help="of the throughput's server, seconds")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = measure(calls=arguments.calls, kills=arguments.kills, repeats=arguments.repeats, latency=arguments.latency)
    for each in rows:
        print(
            f"{'ok ' if each['holds'] else 'NOT'} {each['what']}: {each['value']:.4g} "
            f"({each['low']:.4g} to {each['high']:.4g}; bar: {each['bar']})"
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
