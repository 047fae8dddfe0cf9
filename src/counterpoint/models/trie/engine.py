"""Exact log-probabilities of many branches, every shared prefix computed once."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from counterpoint.errors import CounterpointError
from counterpoint.models.trie.anatomy import Anatomy, UnsupportedModelError, anatomy, refusal
from counterpoint.models.trie.backend import BACKENDS, on
from counterpoint.models.trie.check import check
from counterpoint.models.trie.estimate import Estimate, estimate
from counterpoint.models.trie.plan import Plan

logger = logging.getLogger(__name__)


class TreeMismatchError(CounterpointError, ArithmeticError):
    """A back end's numbers are not those of separate passes."""


@dataclass(frozen=True)
class BranchLogProbs:
    """Axes: `branch` and `token` (response tokens, branch after branch), in the order the branches were given."""

    sums: Tensor  # [branch] nats over the response tokens, with gradient
    counts: Tensor  # [branch] number of response tokens
    tokens: Tensor  # [token] nats
    token_branch: Tensor  # [token] int

    @property
    def means(self) -> Tensor:
        """Nats per response token, `[branch]`. Counts are of the branch's own tokens, however many were shared."""
        return self.sums / self.counts


def log_probs(model: Any, plan: Plan, *, backend: str = "segments") -> BranchLogProbs:
    """Log-probabilities of every branch's response, with gradient, by one back end and unchecked.

    Raises:
        UnsupportedModelError: the back end refuses this model, with its reason.
        UnknownNameError: there is no such back end.
    """
    return _log_probs(anatomy(model), plan, backend)


class TrieEngine:
    """Chooses a back end for every plan, checks it when it is first used, and falls back to separate passes aloud.

    A check says nothing about what its plan didn't have: the first plan with a branching is checked, and the first that
    is longer than the model's sliding window.

    Args:
        model: a causal language model of transformers, perhaps wrapped by peft.
        backend: `auto` or a back end's name.
        strict: raise instead of falling back when a check fails.
    """

    def __init__(self, model: Any, *, backend: str = "auto", strict: bool = False) -> None:
        self.model, self.strict = model, strict
        self.parts: Anatomy = anatomy(model)
        self.backend = backend
        self.fallbacks: dict[str, str] = {}
        self._checked: set[tuple[str, str]] = set()
        self._explained: set[str] = set()
        if backend != "auto":
            BACKENDS.get(backend)  # an unknown name is an error now, not in the first step
        if backend != "separate" and (why := refusal(self.parts)):
            raise UnsupportedModelError(f"{why}. backend='separate' computes every branch on its own.")

    def estimate(self, plan: Plan) -> Estimate:
        """The costs that `auto` chooses by; `.explain()` says them in words."""
        return estimate(self.parts, plan)

    def choose(self, plan: Plan) -> str:
        """The back end this plan would be computed with."""
        name = self.backend
        if name == "auto":
            found = self.estimate(plan)
            name = found.chosen
            # aloud (`--verbose`) when a back end is first chosen, because every batch is estimated
            logger.log(logging.DEBUG if name in self._explained else logging.INFO, "%s", found.explain())
            self._explained.add(name)
        return "separate" if name in self.fallbacks else name

    def log_probs(self, plan: Plan) -> BranchLogProbs:
        """Log-probabilities of every branch's response, with gradient."""
        name = self.choose(plan)
        if name != "separate" and self._unchecked(name, plan):
            self._check(name, plan)
            name = self.choose(plan)
        return _log_probs(self.parts, plan, name)

    def _unchecked(self, name: str, plan: Plan) -> set[tuple[str, str]]:
        """What this plan would try for the first time."""
        window = self.parts.window
        tried = {"anything"} | ({"branching"} if plan.levels else set())
        if window is not None and int(plan.depth.max()) >= window:
            tried.add("window")
        return {(name, what) for what in tried} - self._checked

    def _check(self, name: str, plan: Plan) -> None:
        if why := BACKENDS.get(name).refuses(self.parts, plan):
            raise UnsupportedModelError(f"{name}: {why}. backend='separate' computes every branch on its own.")
        try:
            verdict = check(BACKENDS.get(name), self.parts, plan)
            problem, detail = not verdict.passed, str(verdict)
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, TypeError, ValueError, KeyError, AttributeError) as error:
            problem, detail = True, f"failed: {type(error).__name__}: {error}"
        if not problem:
            self._checked |= self._unchecked(name, plan)
            logger.info("%s %s", name, detail)
            return
        if self.strict:
            raise TreeMismatchError(f"back end {name} {detail}")
        self.fallbacks[name] = detail
        logger.warning("back end %s %s; computing every branch on its own from here on", name, detail)


def _log_probs(parts: Anatomy, plan: Plan, name: str) -> BranchLogProbs:
    backend = BACKENDS.get(name)
    if why := backend.refuses(parts, plan):
        raise UnsupportedModelError(f"{name}: {why}")
    tokens = backend.token_log_probs(parts, plan)
    branch = on(plan.token_branch, tokens.device)
    sums = tokens.new_zeros(len(plan.branches)).index_add(0, branch, tokens)
    counts = on(plan.response_tokens, tokens.device).to(tokens.dtype)
    return BranchLogProbs(sums, counts, tokens, branch)
