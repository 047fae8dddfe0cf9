"""Where a tie is not reported, no error within the bound gives another token."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.models.decoding import Decoding
from counterpoint.models.sampling import pick
from counterpoint.steering.ties import rounding, unsure

GREEDY = Decoding(temperature=0)


def test_by_hand():
    logits = torch.tensor([[1.0, 0.0, -5.0], [1.0, 0.99, -5.0]])
    errors = torch.tensor([0.01, 0.01])
    assert unsure(logits, torch.zeros(2), GREEDY, errors).tolist() == [False, True]
    # halves: a draw of 0.5 is where the second begins; 0.2 and 0.9 are far from it, but equals could change places
    even = torch.tensor([[0.0, 0.0, -50.0]])
    warm = Decoding(temperature=1, top_p=1)
    assert bool(unsure(even, torch.tensor([0.2]), warm, errors[:1]))
    # 3/4 and 1/4: only near the border
    odds = torch.tensor([[0.75, 0.25]]).log().repeat(3, 1)
    assert unsure(odds, torch.tensor([0.3, 0.748, 0.9]), warm, torch.full((3,), 1e-3)).tolist() == [False, True, False]
    # a nucleus that ends at 0.75 exactly: an error, and the second is in, where 0.8 takes it; 0.3 never does
    edge = Decoding(temperature=1, top_p=0.75)
    assert unsure(odds[:2], torch.tensor([0.3, 0.8]), edge, torch.full((2,), 1e-3)).tolist() == [False, True]


@settings(max_examples=300)
@given(
    st.integers(0, 10_000),
    st.sampled_from([0.0, 0.1, 0.7, 1.0, 2.0]),
    st.sampled_from([0.3, 0.9, 1.0]),
    st.sampled_from([1e-4, 1e-3, 1e-2]),
    st.sampled_from([0.1, 1.0, 4.0]),
)
def test_an_unreported_pick_stands_every_error_within_the_bound(seed, temperature, top_p, error, spread):
    draw = torch.Generator().manual_seed(seed)
    logits = spread * torch.randn(64, 9, generator=draw)
    logits[:8] = (logits[:8] * 4).round() / 4  # ties
    draws = torch.rand(64, generator=draw, dtype=torch.float64)
    decoding = Decoding(temperature=temperature, top_p=top_p)
    sure = ~unsure(logits, draws, decoding, torch.full((64,), error))
    expected = pick(logits, draws, decoding)
    for scale in (1.0, 1.0, 0.3):
        signs = torch.rand(logits.shape, generator=draw) * 2 - 1
        noise = error * scale * (signs.sign() if scale == 1.0 else signs)
        assert torch.equal(pick(logits + noise, draws, decoding)[sure], expected[sure])


def test_few_picks_are_reported_at_the_rounding_of_float32():
    draw = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(4000, 300, generator=draw)
    errors = torch.full((4000,), rounding(logits, torch.float32))
    draws = torch.rand(4000, generator=draw, dtype=torch.float64)
    assert unsure(logits, draws, GREEDY, errors).float().mean() < 0.01
    assert unsure(logits, draws, Decoding(1.0, 1.0), errors).float().mean() < 0.15
