"""Many writers of one person at once: threads, and processes as replicas are. Nothing lost, nothing twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from counterpoint.serving.people import People
from counterpoint.serving.store import schema
from counterpoint.serving.store.bank import Bank
from counterpoint.serving.store.records import NewEvent, PersonDeletedError, Principal
from counterpoint.serving.store.store import Store
from counterpoint.types import ChoiceKind as Kind
from serving.conftest import DATA
from users.small import WordScorer

PROGRAM = """
import sys
from pathlib import Path
from counterpoint.serving.people import People
from counterpoint.serving.store.bank import Bank
from counterpoint.serving.store.records import NewEvent, Principal
from counterpoint.serving.store.store import Store
from counterpoint.types import ChoiceKind
from serving.conftest import DATA
from users.small import WordScorer

url, secrets, name, count = sys.argv[1:]
store = Store.open(url, secrets=Path(secrets))
people = People(store, Bank.open(store, DATA, WordScorer))
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(count)):
    event = NewEvent(ChoiceKind.CHOSE, f"{name}-{number}", dilemma=f"d{number % 24}", groups=((number % 2,),))
    people.record(Principal("acme", name), "ann", [event], key=f"{name}.{number}")
    print(event.id, flush=True)
"""


def replica(url: str, secrets: Path, name: str, count: int) -> subprocess.Popen[str]:
    """A process that writes events of one person and says which were acknowledged."""
    tests = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, url, str(secrets), name, str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{tests}:{os.environ.get('PYTHONPATH', '')}", "OMP_NUM_THREADS": "1"},
    )


def start(processes: list[subprocess.Popen[str]]) -> None:
    """All at once, when all are ready."""
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()


def test_replicas_writing_one_person_at_once_lose_nothing(
    people: People, who: Principal, url: str, tmp_path: Path
) -> None:
    processes = [replica(url, tmp_path / "store.db.secrets", f"r{n}", 15) for n in range(3)]
    start(processes)
    said = [process.communicate()[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    events = people.export(who, "ann")["events"]
    assert sorted(event["id"] for event in events) == sorted(id_ for ids in said for id_ in ids)
    assert [event["sequence"] for event in events] == list(range(1, 46))
    assert people.rebuild(who) == (1, 0)


def test_what_was_acknowledged_survives_kill_9(people: People, who: Principal, url: str, tmp_path: Path) -> None:
    process = replica(url, tmp_path / "store.db.secrets", "r", 10_000)
    start([process])
    assert process.stdout is not None
    said = [process.stdout.readline().strip() for _ in range(20)]
    process.send_signal(signal.SIGKILL)
    said += process.communicate()[0].split("\n")[:-1]  # a line cut short was no acknowledgement
    kept = {event["id"] for event in people.export(who, "ann")["events"]}
    assert set(said) <= kept
    assert len(kept) - len(said) <= 1  # one may have been written and not yet acknowledged
    assert people.rebuild(who) == (1, 0)


def test_threads_writing_one_person_at_once_lose_nothing(people: People, who: Principal) -> None:
    failed: list[BaseException] = []

    def write(name: str) -> None:
        try:
            for number in range(10):
                event = NewEvent(Kind.CHOSE, f"{name}-{number}", dilemma=f"d{number}", groups=((0,),))
                people.record(who, "ann", [event])
                people.record(who, "ann", [event])
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(f"t{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert [event["sequence"] for event in people.export(who, "ann")["events"]] == list(range(1, 61))
    assert people.rebuild(who) == (1, 0)


def test_an_event_on_its_way_never_brings_a_deleted_person_back(people: People, who: Principal) -> None:
    refused: list[bool] = []

    def write(number: int) -> None:
        try:
            people.record(who, "ann", [NewEvent(Kind.CHOSE, f"e{number}", dilemma="d1", groups=((0,),))])
        except PersonDeletedError:
            refused.append(True)

    people.record(who, "ann", [NewEvent(Kind.SAID, pole="Now")])
    threads = [threading.Thread(target=write, args=(number,)) for number in range(12)]
    for thread in threads[:6]:
        thread.start()
    people.delete(who, "ann")
    for thread in threads[6:]:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) >= 6
    with people.store.reading() as connection:
        for table in (schema.people, schema.events, schema.beliefs):
            assert connection.execute(table.select()).all() == []


def test_two_replicas_read_the_same_evidence(store: Store, url: str, tmp_path: Path) -> None:
    other = Store.open(url, secrets=tmp_path / "store.db.secrets")
    try:
        first, second = Bank.open(store, DATA, WordScorer), Bank.open(other, DATA, WordScorer)
        assert first.identity == second.identity
    finally:
        other.close()


@pytest.mark.parametrize("column", ["tenant", "person"])
def test_hot_lookups_use_an_index(store: Store, column: str) -> None:
    if not store.is_sqlite:
        pytest.skip("SQLite's plans are stable enough to read")
    with store.reading() as connection:
        plan = connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT * FROM events WHERE tenant = 'a' AND person = 'b' AND sequence > 3"
        ).all()
    assert "SEARCH events USING PRIMARY KEY" in str(plan)
    assert f"{column}=?" in str(plan)
