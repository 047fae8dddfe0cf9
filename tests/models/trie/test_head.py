"""Log-probabilities from hidden states, chunk by chunk."""

import pytest
import torch
from torch import nn

from counterpoint.models.trie.head import edge_log_probs

ROWS = torch.tensor([0, 0, 1, 2, 4, 4, 4, 6])  # row 3 and 5 predict nothing, row 4 three tokens
TOKENS = torch.tensor([3, 9, 0, 10, 1, 2, 2, 5])


def setup(bias=False):
    torch.manual_seed(0)
    return torch.randn(7, 6, dtype=torch.float64, requires_grad=True), nn.Linear(6, 11, bias=bias, dtype=torch.float64)


def by_definition(hidden, head, softcap):
    logits = head(hidden)
    if softcap:
        logits = softcap * torch.tanh(logits / softcap)
    return logits.log_softmax(-1)[ROWS, TOKENS]


@pytest.mark.parametrize("chunk", [1, 22, 35, 10_000])
@pytest.mark.parametrize("keep", [0, 10_000])
@pytest.mark.parametrize(("bias", "softcap"), [(False, None), (True, None), (False, 0.5)])
def test_chunks_give_the_log_softmax_and_its_gradients(chunk, keep, bias, softcap):
    hidden, head = setup(bias)
    wanted = [hidden, *head.parameters()]
    found = edge_log_probs(hidden, head, ROWS, TOKENS, softcap=softcap, chunk=chunk, keep=keep)
    expected = by_definition(hidden, head, softcap)
    torch.testing.assert_close(found, expected)
    weight = torch.linspace(-1, 2, len(ROWS), dtype=torch.float64)
    ours, theirs = (torch.autograd.grad((x * weight).sum(), wanted) for x in (found, expected))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)


def test_a_frozen_head_gets_no_gradient():
    hidden, head = setup()
    head.requires_grad_(False)
    edge_log_probs(hidden, head, ROWS, TOKENS).sum().backward()
    assert head.weight.grad is None
    assert hidden.grad is not None


def test_the_softmax_of_a_half_precision_model_is_in_float32():
    hidden, head = setup()
    low = edge_log_probs(hidden.bfloat16(), head.bfloat16(), ROWS, TOKENS)
    assert low.dtype == torch.float32


def test_logits_are_never_all_there_at_once():
    made = []

    class Spy(nn.Linear):
        def forward(self, states):
            made.append(len(states))
            return super().forward(states)

    edge_log_probs(torch.randn(100, 6), Spy(6, 11), torch.arange(100), torch.zeros(100, dtype=torch.long), chunk=55)
    assert made == [5] * 20
