"""Rows that join others go on as they would have gone on alone."""

import pytest
import torch
from trie.tiny import FAMILIES, model, tokens

from counterpoint.models.row_cache import SeparateRows, SharedRows
from counterpoint.models.trie.anatomy import anatomy

EARLY = [(1, *tokens(30, 1)), (1, *tokens(12, 5)), (4,)]
LATE = [(1, *tokens(41, 2)), (1, *tokens(3, 7))]


def go_on(state, rows, steps):
    """Feed every row tokens of its own; logits `[step, row, vocabulary]`."""
    found = []
    for step in steps:
        with torch.no_grad():
            found.append(state.step(torch.tensor([3 + (7 * row + 5 * step) % 50 for row in rows])))
    return torch.stack(found)


@pytest.mark.parametrize("kind", [SharedRows, SeparateRows])
@pytest.mark.parametrize("family", FAMILIES)
def test_rows_that_join_are_what_they_are_alone(family, kind):
    parts = anatomy(model(family))
    with torch.no_grad():
        first, second = kind(parts, EARLY), kind(parts, LATE)
    go_on(first, (0, 1, 2), range(3))
    first.join(second)
    together = go_on(first, range(5), range(3, 6))
    for row, prompt in enumerate([*EARLY, *LATE]):
        with torch.no_grad():
            alone = SharedRows(parts, [prompt])
        if row < 3:
            go_on(alone, (row,), range(3))
        expected = go_on(alone, (row,), range(3, 6))[:, 0]
        assert (together[:, row].log_softmax(-1) - expected.log_softmax(-1)).abs().max() < 2e-5


def test_rows_join_others_that_have_read_nothing_yet():
    parts = anatomy(model("llama"))
    with torch.no_grad():
        for first, second in (([(4,)], LATE), (LATE, [(4,)]), ([(4,)], [(5,)])):
            state = SharedRows(parts, first)
            state.join(SharedRows(parts, second))
            found = go_on(state, range(len(first) + len(second)), range(2))
            whole = go_on(SharedRows(parts, [*first, *second]), range(len(first) + len(second)), range(2))
            assert (found - whole).abs().max() < 2e-5


def test_rows_that_joined_can_leave():
    parts = anatomy(model("qwen2"))
    with torch.no_grad():
        state, alone = SharedRows(parts, EARLY), SharedRows(parts, LATE[1:])
        state.join(SharedRows(parts, LATE))
    state.keep([4])
    assert (go_on(state, (4,), range(3)) - go_on(alone, (4,), range(3))).abs().max() < 2e-5
