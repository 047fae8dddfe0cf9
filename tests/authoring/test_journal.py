"""What was written is there again, torn lines aside; a folder holds one run, and one process at a time."""

import asyncio

import pytest

from counterpoint.authoring import journal as module
from counterpoint.authoring.calls import Answer
from counterpoint.authoring.journal import Draft, Journal, RejectedError
from counterpoint.errors import BadInputError

ANSWER = Answer("k", "Oder", "stop", 3, 1, 0.5, "m", "here", 7.0, 0, "scene", "p/1")
DRAFT = Draft({"name": "Oder"}, (ANSWER,), {"labels": ["a", "b"]})


def keep(folder, *written):
    async def main():
        with Journal(folder, identity="run") as journal:
            for slot, each in enumerate(written):
                await journal.put(slot, 1, each)

    asyncio.run(main())


def test_drafts_and_rejections_are_there_again(tmp_path):
    keep(tmp_path, DRAFT, RejectedError("refused", "No.", (ANSWER,)))
    with Journal(tmp_path, identity="run") as journal:
        assert journal.get(0, 1) == DRAFT
        rejected = journal.get(1, 1)
        assert isinstance(rejected, RejectedError)
        assert (rejected.reason, rejected.detail, rejected.answers) == ("refused", "No.", (ANSWER,))
        assert journal.get(0, 0) is None


def test_a_torn_line_is_dropped_and_what_follows_is_kept(tmp_path):
    keep(tmp_path, DRAFT, DRAFT)
    file = tmp_path / "journal.jsonl"
    file.write_bytes(file.read_bytes()[:-9])
    keep(tmp_path)
    with Journal(tmp_path, identity="run") as journal:
        assert (journal.get(0, 1), journal.get(1, 1)) == (DRAFT, None)
    keep(tmp_path, DRAFT, DRAFT)
    with Journal(tmp_path, identity="run") as journal:
        assert journal.get(1, 1) == DRAFT


def test_another_run_is_refused(tmp_path):
    keep(tmp_path, DRAFT)
    with pytest.raises(BadInputError, match="other settings"):
        Journal(tmp_path, identity="another")


def test_a_second_process_is_refused_after_it_has_waited(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE", 0.1)
    with Journal(tmp_path, identity="run"), pytest.raises(BadInputError, match="another run is writing"):
        Journal(tmp_path, identity="run")
    Journal(tmp_path, identity="run").close()
