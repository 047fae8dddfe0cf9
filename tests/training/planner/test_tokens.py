"""The estimate by characters."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from counterpoint.training.planner import RoughTokenizer
from counterpoint.training.planner.tokens import CHARACTERS_PER_TOKEN


def test_a_token_stands_for_four_and_four_tenths_characters() -> None:
    # Cuts at 0, 4, 9, 13, 18, 22: five tokens for 22 characters.
    assert len(RoughTokenizer()("a" * 4 + "b" * 5 + "c" * 4 + "d" * 5 + "e" * 4)["input_ids"]) == 5
    assert CHARACTERS_PER_TOKEN == 4.4


@given(st.text(), st.text(), st.text())
def test_texts_share_tokens_exactly_as_far_as_they_agree(start: str, one: str, other: str) -> None:
    tokenizer = RoughTokenizer()
    first, second = (tokenizer(start + rest)["input_ids"] for rest in (one, other))
    shared = next((i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), len(first))
    assert shared >= min(int(len(start) / CHARACTERS_PER_TOKEN), len(first), len(second)) - 1


@given(st.text())
def test_nothing_is_lost_and_nothing_is_empty(text: str) -> None:
    tokens = RoughTokenizer()(text)["input_ids"]
    assert abs(len(tokens) - len(text) / CHARACTERS_PER_TOKEN) < 2
    assert bool(tokens) == bool(text)
