"""The comparison with separate passes on the first batch."""

import pytest
import torch

from counterpoint.models.trie import Branch, build_plan
from counterpoint.models.trie.anatomy import anatomy
from counterpoint.models.trie.backends import segments
from counterpoint.models.trie.check import Tolerance, Verdict, check, evaluating, sampled

from .tiny import FAMILIES, model, tree


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_right_back_end_passes(family, dtype):
    verdict = check(segments.BACKEND, anatomy(model(family).to(dtype)), build_plan(tree(3)))
    assert verdict.passed, str(verdict)
    assert verdict.branches == 4


def test_a_difference_of_one_token_or_of_a_mean_fails():
    allowed = Tolerance(token=0.1, mean=0.01)
    assert Verdict(0.1, 0.01, allowed, 2).passed
    assert not Verdict(0.11, 0.0, allowed, 2).passed
    assert not Verdict(0.0, 0.011, allowed, 2).passed
    assert not Verdict(float("nan"), 0.0, allowed, 2).passed


def test_the_longest_branch_and_others_spread_evenly_are_compared():
    branches = [Branch((1, i, *([2] * 8)), 2) for i in range(10)] + [Branch((1, 99, *([2] * 18)), 2)]
    assert sampled(build_plan(branches)) == [10, *range(10)]
    assert sampled(build_plan(branches), tokens=50) == [10, 0, 4, 8]  # 20 tokens, then 30 left for 3 of the 10
    assert sampled(build_plan(branches), tokens=1) == [10, 0]  # two at least
    assert sampled(build_plan(branches[:1])) == [0]


def test_modules_return_to_the_mode_each_had():
    outer = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)).train()
    outer[0].eval()
    with evaluating(outer):
        assert not any(module.training for module in outer.modules())
    assert [module.training for module in outer.modules()] == [True, False, True]
