"""`counterpoint evaluate --suite aloe`: the toy world and people of a file, models behind a scripted server."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from counterpoint.cli import app
from counterpoint.data.toy import ATTRIBUTES
from counterpoint.errors import BadInputError

sys.path.insert(0, str(Path(__file__).parents[1]))
from authoring.scripted import Script, ScriptedServer

PEOPLE = [
    {"id": "goats", "profile": "Goatherd of 40 in the hills.", "personality": "Says little."},
    {"id": "boats", "profile": "Boatbuilder of 30 by the sea.", "personality": "Talks a lot."},
]

WEATHER = ["sun", "rain", "wind", "snow", "dust", "fog"]


def called(*words: object) -> Result:
    return CliRunner().invoke(app, ["evaluate", "--suite", "aloe", *map(str, words)], catch_exceptions=True)


def walker(request: dict[str, Any], chance: random.Random) -> str:  # noqa: ARG001
    """In the toy world: goes the way that was wished for, in any message if it remembers, else only in the last."""
    said = [message["content"] for message in request["messages"] if message["role"] == "user"]
    heard = said if request["model"] == "remembers" else said[-1:]
    wishes = re.findall(r"Leans to the (\w+)\.", "\n".join(heard))
    kinds = [kind for attribute in ATTRIBUTES for kind in attribute.properties]
    wanted = next((kind for kind in kinds if wishes and wishes[-1] in (kind.name, *kind.words)), None)
    options = re.findall(r"^([A-D])\. (.+)$", said[-1], re.MULTILINE)
    return next((letter for letter, text in options if wanted and set(text.split()) & set(wanted.words)), "A")


def test_in_the_toy_world_a_model_that_remembers_rises_and_one_that_forgets_does_not(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with ScriptedServer(players={"": walker}) as server:
        given = ["--data", "toy", "--model", f"{server.url}#forgets", "--material", f"sft={server.url}#remembers"]
        given += ["--out", out, "--set", "cases=64", "--set", "turns=8", "--set", "resamples=500"]
        done = called(*given)
        assert done.exit_code == 0, done.output
        assert "last - first" in done.output
        assert "With 64 cases a difference of 0.35 points or more" in done.output  # 2.80158 / sqrt(64)
        results = json.loads((out / "results.json").read_text())
        calls = server.stats.calls
        assert called(*given).exit_code == 0
        assert server.stats.calls == calls  # nothing is asked again
    assert results["grader"]["proof"] == {"good": 5.0, "bad": 1.0, "right": 1.0, "pairs": 64 * 8}
    found = {(row["method"], row["metric"]): row for row in results["summary"]}
    assert found["sft", "gain"]["ci_low"] > 0
    assert found["base", "gain"]["ci_low"] < 0 < found["base", "gain"]["ci_high"]
    assert {(row["a"], row["b"]) for row in results["paired"]} == {("base", "sft")}
    lines = [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]
    known: set[str] = set()  # once it was said, the model that remembers is right
    for line in (line for line in lines if line["method"] == "sft"):
        known |= {line["case"]} if "Leans to" in line["user"] else set()
        assert line["score"] == 5.0 or line["case"] not in known


def chatter(request: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """People say something; whoever is told of a life speaks of it."""
    system = request["messages"][0]["content"]
    if "You play a person" in system:
        return {"message": f"I thought of {' '.join(chance.choices(WEATHER, k=6))}."}
    return {"message": f"As a {system.partition('about their life: ')[2].split()[0]} you would know."}


def grader(request: dict[str, Any], chance: random.Random) -> dict[str, Any]:  # noqa: ARG001
    """4 for what names the person's work, 2 for anything else."""
    asked = next(m["content"] for m in request["messages"] if "[profile]" in m["content"])
    work = asked.partition("[profile]\n")[2].split()[0]
    score = 4 if work in asked.partition("[answer]")[2] else 2
    return {"reason": "It does.", "style": score, "content": score, "manner": score}


PLAYERS = {"Utterance": chatter, "Graded": grader, "": lambda request, chance: f"Well, {chance.random():.3f}."}  # noqa: ARG005


def options(server: ScriptedServer, tmp_path: Path) -> list[object]:
    people = tmp_path / "people.jsonl"
    people.write_text("".join(json.dumps(person) + "\n" for person in PEOPLE))
    given: list[object] = ["--data", people, "--model", f"{server.url}#m", "--out", tmp_path / "run"]
    given += ["--judge", f"{server.url}#j"]
    for setting in (f"user={server.url}#u", "turns=3", "proof=2", "resamples=100"):
        given += ["--set", setting]
    return given


def test_people_of_a_file_talk_and_are_judged_and_a_stopped_run_pays_no_call_twice(tmp_path: Path) -> None:
    with ScriptedServer(Script(malformed=0.1), PLAYERS) as server:
        given = options(server, tmp_path)
        stopped = called(*given, "--set", "max_cost=0.0045", "--set", "concurrency=1")
        assert stopped.exit_code != 0
        assert "cap" in str(stopped.exception)
        before = server.stats.calls
        assert before > 2
        done = called(*given, "--set", "concurrency=4")
        assert done.exit_code == 0, done.output
        assert server.stats.calls > before
        assert server.stats.paid_twice == 0
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["grader"]["proof"]["good"] == 4.0
    assert results["grader"]["proof"]["bad"] == 2.0
    assert results["grader"]["rubric"].startswith("persona_fit/")
    assert [row["value"] for row in results["rows"]] == [2.0, 2.0, 2.0]  # it knows nothing of anybody's work
    assert results["failures"] == []
    sent = [request for request in server.requests if request["model"] == "m"]
    assert len(sent) == 6
    assert not any("Goatherd" in json.dumps(request) for request in sent)  # the model is told nothing of the person


def test_a_judge_that_cannot_tell_people_apart_is_refused(tmp_path: Path) -> None:
    same = {"reason": "Fine.", "style": 3, "content": 3, "manner": 3}
    with ScriptedServer(players={**PLAYERS, "Graded": lambda request, chance: same}) as server:  # noqa: ARG005
        done = called(*options(server, tmp_path))
    assert isinstance(done.exception, BadInputError)
    assert "can't tell replies for somebody from replies for somebody else" in str(done.exception)


def test_a_reply_that_cannot_be_graded_is_a_failure_and_not_a_number(tmp_path: Path) -> None:
    def sulky(request: dict[str, Any], chance: random.Random) -> Any:
        text = next(m["content"] for m in request["messages"] if "[profile]" in m["content"])
        return "No." if "Goatherd" in text else grader(request, chance)

    with ScriptedServer(players={**PLAYERS, "Graded": sulky}) as server:
        done = called(*options(server, tmp_path), "--set", "proof=0")
    assert done.exit_code == 0, done.output
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert [failure["case"] for failure in results["failures"]] == ["goats"] * 3
    assert [(row["value"], row["n"]) for row in results["rows"]] == [(2.0, 1)] * 3


@pytest.mark.slow
def test_a_killed_run_goes_on_and_pays_no_answered_call_twice(tmp_path: Path) -> None:
    with ScriptedServer(Script(latency=0.2), PLAYERS) as server:
        words = ["evaluate", "--suite", "aloe", *map(str, options(server, tmp_path)), "--json"]
        command = [sys.executable, "-c", "from counterpoint.cli import run; run()", *words]
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while server.stats.calls < 5 and running.poll() is None:
            time.sleep(0.02)
        running.send_signal(signal.SIGKILL)
        running.wait()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert server.stats.paid_twice == 0
        assert json.loads(done.stdout)[0]["n"] == 6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model", "encoder"], "expected lm: and a hub id or a folder, URL#MODEL"),
        (["--model", "http://x/v1#m"], "needs --data"),
        (["--model", "http://x/v1#m", "--data", "toy", "--set", "user=lm:tiny"], "plays its own people"),
        (["--model", "http://x/v1#m", "--data", "{people}"], "needs --set user="),
        (["--model", "http://x/v1#m", "--data", "toy", "--set", "turns=0"], "turns must be at least 1"),
        (["--model", "http://x/v1#m", "--data", "toy", "--set", "judge.whom=x"], "Did you mean 'judge.who'"),
        (["--model", "http://x/v1#m", "--material", "base=http://x/v1#n", "--data", "toy"], "two bases"),
    ],
)
def test_mistakes_are_told_before_anybody_is_asked(words: list[str], said: str, tmp_path: Path) -> None:
    people = tmp_path / "people.jsonl"
    people.write_text(json.dumps(PEOPLE[0]) + "\n")
    done = called(*(word.replace("{people}", str(people)) for word in words), "--out", tmp_path / "run")
    assert isinstance(done.exception, BadInputError)
    assert said in str(done.exception)
