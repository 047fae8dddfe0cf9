"""The token trie: log-probabilities of many continuations, each shared prefix computed once.

    plan = build_plan([Branch(prompt + yes, len(prompt)), Branch(prompt + no, len(prompt))])
    result = TrieEngine(model).log_probs(plan)     # result.sums [branch], with gradient

plan.py      token ids of branches -> nodes, edges, positions      batches.py   trees into batches by a budget
spans.py     attention as rectangles                               attention.py  the tree as transformers' attention
flash.py     those rectangles on the fused CPU kernel              gathered.py   the same on any device, with soft caps
masks.py     the tree as a dense mask or FlexAttention rule        head.py       logits at answers only, in chunks
anatomy.py   parts of a model; which models are refused            backend.py, backends/  four ways to compute a plan
estimate.py  which one, and why                                    check.py      is it right on this model
engine.py    all of it together
"""

from counterpoint.models.trie.anatomy import UnsupportedModelError
from counterpoint.models.trie.attention import tree_attention
from counterpoint.models.trie.batches import Batch, Member, batches
from counterpoint.models.trie.engine import BranchLogProbs, TreeMismatchError, TrieEngine, log_probs
from counterpoint.models.trie.estimate import Saving, Shape, saving
from counterpoint.models.trie.plan import Branch, Plan, build_plan

__all__ = [
    "Batch",
    "Branch",
    "BranchLogProbs",
    "Member",
    "Plan",
    "Saving",
    "Shape",
    "TreeMismatchError",
    "TrieEngine",
    "UnsupportedModelError",
    "batches",
    "build_plan",
    "log_probs",
    "saving",
    "tree_attention",
]
