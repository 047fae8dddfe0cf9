"""General chat data: what is read, what is refused, how much is mixed in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from counterpoint.data.chats import load_chats, mixed_in
from counterpoint.data.conversations import Said
from counterpoint.errors import BadDataError, BadInputError

USER, REPLY = {"role": "user", "content": "Two and two?"}, {"role": "assistant", "content": "Four."}


def file(tmp_path: Path, *rows: Any) -> Path:
    path = tmp_path / "chats.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_chats_are_read_whatever_else_a_row_says(tmp_path: Path) -> None:
    system = {"role": "system", "content": "Be brief."}
    chats = load_chats(file(tmp_path, {"id": 1, "messages": [system, USER, REPLY]}, {"messages": [USER, REPLY, USER]}))
    assert chats[0] == (Said("system", "Be brief."), Said("user", "Two and two?"), Said("assistant", "Four."))
    assert chats[1] == chats[0][1:]  # nothing answers the last message


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"messages": [REPLY, USER]}, r"messages\[0\]\.role: must be user"),
        ({"messages": [USER, USER, REPLY]}, r"messages\[1\]\.role: must be assistant"),
        ({"messages": [USER]}, "must hold a user's message and a reply"),
        ({"messages": [{"role": "human", "content": "?"}]}, r"messages\.0\.role"),
        ({"messages": [{"role": "user", "content": ""}]}, r"messages\.0\.content"),
        ({"text": "Two and two?"}, "messages"),
    ],
)
def test_what_is_no_chat_is_refused_with_its_place(row: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match=message):
        load_chats(file(tmp_path, {"messages": [USER, REPLY]}, row))


def test_a_file_without_chats_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match="holds no records"):
        load_chats(file(tmp_path))


def test_so_many_are_drawn_that_they_are_the_share_asked_for() -> None:
    chats = [(Said("user", str(i)), Said("assistant", "Yes.")) for i in range(100)]
    drawn = mixed_in(chats, 30, share=0.25, seed=0)
    assert len(drawn) == 10  # 10 of 40
    assert drawn == mixed_in(chats, 30, share=0.25, seed=0) != mixed_in(chats, 30, share=0.25, seed=1)
    assert len(set(drawn)) == 10
    assert len(mixed_in(chats, 300, share=0.5, seed=0)) == 100  # there are no more
    assert mixed_in(chats, 300, share=0.0, seed=0) == ()
    with pytest.raises(BadInputError, match="chat_share"):
        mixed_in(chats, 300, share=1.0, seed=0)
