"""Greedy, temperature and top-p, against hand-worked numbers and transformers' own warpers."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import TemperatureLogitsWarper, TopPLogitsWarper

from counterpoint.errors import BadInputError
from counterpoint.models.sampling import Decoding, Draws, pick, prompt_seed

LOGITS = torch.tensor([[0.5, 0.25, 0.125, 0.125]], dtype=torch.float64).log()
"""Probabilities 1/2, 1/4, 1/8, 1/8."""


def picked(draw, **settings):
    return int(pick(LOGITS, torch.tensor([draw], dtype=torch.float64), Decoding(**settings))[0])


def test_temperature_zero_takes_the_likeliest_whatever_was_drawn():
    assert [picked(draw, temperature=0, top_p=1) for draw in (0.0, 0.5, 0.999)] == [0, 0, 0]


def test_a_draw_falls_on_the_token_whose_share_of_the_line_it_hits():
    # the line: token 0 on [0, 1/2), 1 on [1/2, 3/4), 2 on [3/4, 7/8), 3 on [7/8, 1)
    draws = (0.0, 0.49, 0.51, 0.74, 0.76, 0.88, 0.9999)
    assert [picked(draw, temperature=1, top_p=1) for draw in draws] == [0, 0, 1, 1, 2, 3, 3]


def test_top_p_keeps_the_fewest_tokens_that_reach_it_and_shares_the_line_among_them():
    # p = 0.7: tokens 0 and 1 (3/4); token 0 then has 2/3 of the line
    assert [picked(draw, temperature=1, top_p=0.7) for draw in (0.66, 0.67, 0.999)] == [0, 1, 1]
    # p = 1/2 is reached by token 0 alone
    assert picked(0.999, temperature=1, top_p=0.5) == 0


def test_temperature_sharpens_before_top_p_cuts():
    # at 1/2 the probabilities go as their squares: 16, 4, 1, 1 of 22; 0.9 * 22 = 19.8 is reached by two tokens
    assert [picked(draw, temperature=0.5, top_p=0.9) for draw in (0.79, 0.81, 0.999)] == [0, 1, 1]


@given(
    st.lists(st.integers(-50, 50), min_size=2, max_size=12, unique=True),  # no ties
    st.floats(0.1, 3),
    st.floats(0.05, 0.95),
)
def test_what_can_be_drawn_is_what_transformers_would_keep(logits, temperature, top_p):
    row = torch.tensor([logits], dtype=torch.float64) / 7
    warped = TopPLogitsWarper(top_p)(None, TemperatureLogitsWarper(temperature)(None, row))
    probabilities = warped.softmax(-1)[0]
    draws = torch.linspace(0, 1, 401, dtype=torch.float64)[:-1]
    tokens = pick(row.expand(400, -1), draws, Decoding(temperature=temperature, top_p=top_p))
    shares = torch.bincount(tokens, minlength=len(logits)) / 400
    assert (shares - probabilities).abs().max() < 0.006  # 400 even draws miss a share by one or two at most


def test_a_row_draws_the_same_with_the_same_seed_and_else_not():
    first, again, other = Draws(3), Draws(3), Draws(4)
    told = [first() for _ in range(5)]
    assert told == [again() for _ in range(5)]
    assert told != [other() for _ in range(5)]
    assert all(0 <= draw < 1 for draw in told)


def test_a_prompts_seed_depends_on_both_and_is_one_that_torch_takes():
    seeds = {prompt_seed(0, (1, 2)), prompt_seed(1, (1, 2)), prompt_seed(0, (1, 3))}
    assert len(seeds) == 3
    Draws(max(seeds))


def test_half_precision_logits_are_drawn_from_in_full():
    many = LOGITS.bfloat16().expand(1000, -1)
    draws = torch.from_numpy(np.linspace(0, 1, 1000, endpoint=False))
    shares = torch.bincount(pick(many, draws, Decoding(temperature=1, top_p=1))) / 1000
    assert shares.tolist() == pytest.approx([0.5, 0.25, 0.125, 0.125], abs=0.01)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"temperature": -1}, "temperature"),
        ({"temperature": math.nan}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"top_p": 1.5}, "top_p"),
        ({"max_new_tokens": 0}, "max_new_tokens"),
        ({"stop_strings": ("",)}, "stop_strings"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, named):
    with pytest.raises(BadInputError, match=named):
        Decoding(**settings)
