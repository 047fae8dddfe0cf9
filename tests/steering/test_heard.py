"""A reply piece by piece: however it is cut up, it is the same, and what is told joins to it."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace as Made

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.models.decoding import Decoding
from counterpoint.steering.asking import Conversation, Request
from counterpoint.steering.heard import BrokeOffError, Heard
from counterpoint.steering.steering import nothing
from users.small import TAXONOMY


def heard(pieces: Sequence[str], stops: tuple[str, ...], finish: str | None = "stop") -> tuple[Heard, list[str]]:
    told: list[str] = []
    found = Heard(
        Request(Conversation.said("?"), nothing(TAXONOMY), decoding=Decoding(stop_strings=stops)), told.append
    )
    chunks = [Made(choices=[Made(delta=Made(content=piece), finish_reason=None)]) for piece in pieces]
    found.hear(iter([*chunks, Made(choices=[Made(delta=Made(content=None), finish_reason=finish)])]))
    return found, told


@given(st.lists(st.text("ab.", max_size=4), max_size=8), st.lists(st.text("ab.", min_size=1, max_size=3), max_size=2))
def test_the_text_up_to_the_first_stop_string_is_told_whatever_the_pieces(pieces: list[str], stops: list[str]) -> None:
    whole = "".join(pieces)
    found, told = heard(pieces, tuple(stops))
    reply = found.reply().text
    assert "".join(told) == reply
    assert whole.startswith(reply)
    assert not any(stop in reply for stop in stops)
    assert reply == whole or any(whole[len(reply) :].startswith(stop) for stop in stops)


def test_a_reply_that_was_cut_says_so_and_one_that_broke_off_is_none() -> None:
    assert heard(["One"], (), "length")[0].reply().finish == "length"
    with pytest.raises(BrokeOffError):
        heard(["One"], (), None)
