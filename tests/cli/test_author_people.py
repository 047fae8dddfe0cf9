"""`counterpoint author personas | conversations | histories`, from the command line to files that the rest reads."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from counterpoint.cli import app
from counterpoint.data import load
from counterpoint.data.conversations import load_conversations, load_personas
from counterpoint.errors import BadInputError, UnknownNameError
from counterpoint.users.events import by_id_and_digest, load_events

sys.path.insert(0, str(Path(__file__).parents[1]))
from authoring.people_player import PLAYERS
from authoring.scripted import Script, ScriptedServer


def called(*words: object) -> Result:
    return CliRunner().invoke(app, ["author", *map(str, words)], catch_exceptions=True)


def options(server: ScriptedServer, folder: Path, out: str, count: int) -> list[object]:
    given = ["--base-url", server.url, "--model", "m", "--count", count, "--out", folder / out]
    return [*given, "--cache", folder / "cache", "--max-cost", 5]


def test_personas_become_conversations(tmp_path: Path) -> None:
    with ScriptedServer(Script(malformed=0.1), PLAYERS) as server:
        done = called("personas", *options(server, tmp_path, "p.jsonl", 8), "--no-embeddings", "--threshold", 0.95)
        assert done.exit_code == 0, done.output
        people = load_personas(tmp_path / "p.jsonl")
        assert len(people) == 8
        assert (tmp_path / "p.run" / "diversity.svg").read_text(encoding="utf-8").startswith("<svg")
        card = json.loads((tmp_path / "p.run" / "card.json").read_text(encoding="utf-8"))
        assert card["counts"]["profile"]["new"] >= 8
        calls = server.stats.calls
        again = called("personas", *options(server, tmp_path, "p.jsonl", 8), "--no-embeddings", "--threshold", 0.95)
        assert again.exit_code == 0
        assert server.stats.calls == calls

        asked = len(server.requests)
        given = [*options(server, tmp_path, "c.jsonl", 3), "--personas", tmp_path / "p.jsonl", "--turns", 2]
        given += ["--role", "rejected=small", "--temperature", "user=1.1", "--preferences", tmp_path / "rows.jsonl"]
        done = called("conversations", *given, "--json")
        assert done.exit_code == 0, done.output
        card = json.loads(done.stdout)
        assert card["settings"]["roles"]["rejected"]["model"] == "small"
        assert card["settings"]["roles"]["user"]["temperature"] == 1.1
        talks = load_conversations(tmp_path / "c.jsonl")
        assert [len(talk.turns) for talk in talks] == [2, 2, 2]
        assert {talk.persona for talk in talks} <= set(people)
        assert len(load(tmp_path / "rows.jsonl").dilemmas) == 6
        assert {request["model"] for request in server.requests[asked:]} == {"m", "small"}


def test_data_tells_what_written_files_hold(tmp_path: Path) -> None:
    def told(*words: object) -> Result:
        return CliRunner().invoke(app, ["data", *map(str, words)])

    file = tmp_path / "p.jsonl"
    people = [{"profile": "A baker of forty.", "personality": text} for text in ("Shy and kind.", "Loud.")]
    file.write_text("".join(json.dumps(each) + "\n" for each in people))
    assert told("validate", file).output == "valid: 2 personas\n"
    inspected = json.loads(told("inspect", file, "--json").stdout)
    assert inspected["profile"] == {"different": 1, "mean_words": 4}
    assert inspected["personality"] == {"different": 2, "mean_words": 2}
    file.write_text(json.dumps(people[0]) + "\n" + json.dumps({"profile": ""}) + "\n")
    assert "personality" in str(told("validate", file).exception)
    called("histories", "--count", 1, "--events", 2, "--out", tmp_path / "e.jsonl", "--cache", tmp_path / "cache")
    assert "counterpoint infer" in str(told("inspect", tmp_path / "e.jsonl").exception)


def test_a_full_pool_is_said_to_be_full_and_rows_are_made_of_what_there_is(tmp_path: Path) -> None:
    same = {"texts": [f"A welder of {age} who keeps goats and boats." for age in range(20, 40)]}
    with ScriptedServer(players={"Texts": lambda request, chance: same}) as server:  # noqa: ARG005
        done = called("personas", *options(server, tmp_path, "p.jsonl", 30), "--no-embeddings")
    assert done.exit_code == 0, done.output
    assert "pool is full" in done.output
    assert len(load_personas(tmp_path / "p.jsonl")) == 30


def test_conversations_that_fail_end_the_run_with_1_and_stand_aside(tmp_path: Path) -> None:
    with ScriptedServer(Script(refusing=1.0), PLAYERS) as server:
        done = called("conversations", *options(server, tmp_path, "c.jsonl", 2), "--turns", 1, "--attempts", 1)
    assert done.exit_code == 1
    assert "set aside: refused: 2" in done.output
    assert len((tmp_path / "c.aside.jsonl").read_text(encoding="utf-8").splitlines()) == 2


def test_histories_need_no_model(tmp_path: Path) -> None:
    out = tmp_path / "e.jsonl"
    given = ["--count", 3, "--events", 4, "--out", out, "--cache", tmp_path / "cache", "--start", "2026-02-03"]
    assert called("histories", *given).exit_code == 0
    data = load("crossroads")
    events = load_events(out, by_id_and_digest(data.dilemmas), data.taxonomy)
    assert len(events) == 12
    assert min(event.time for event in events) > 1770076800  # date -ud 2026-02-03 +%s
    assert (tmp_path / "e.truth.jsonl").exists()


@pytest.mark.parametrize("command", ["personas", "conversations", "histories"])
def test_a_dry_run_asks_nothing_and_writes_nothing(command: str, tmp_path: Path) -> None:
    with ScriptedServer(players=PLAYERS) as server:
        for form in ([], ["--json"]):
            done = called(command, *options(server, tmp_path, "x.jsonl", 4), "--dry-run", *form)
            assert done.exit_code == 0, done.output
            assert "Plan" in done.output or json.loads(done.stdout)["price"]["at_most"] > 0
        assert not server.stats.seen
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (["conversations", "--role", "usr=m"], UnknownNameError, "unknown role 'usr'. Did you mean 'user'"),
        (["conversations", "--role", "user"], BadInputError, "expected NAME=VALUE"),
        (["conversations", "--temperature", "user=warm"], BadInputError, "expected a number"),
        (["conversations", "--personas", "nowhere.jsonl"], BadInputError, "no such file"),
        (["personas", "--threshold", "60"], BadInputError, "between -1 and 1"),
        (["histories", "--kinds", "stedy"], UnknownNameError, "Did you mean 'steady'"),
        (["histories", "--start", "yesterday"], BadInputError, "is no moment"),
    ],
)
def test_mistakes_are_told(words: list[str], error: type[Exception], said: str, tmp_path: Path) -> None:
    rest = ["--base-url", "http://localhost:1/v1", "--model", "m", "--count", 1, "--out", tmp_path / "x.jsonl"]
    done = called(*words, *rest)
    assert isinstance(done.exception, error)
    assert said in str(done.exception)
