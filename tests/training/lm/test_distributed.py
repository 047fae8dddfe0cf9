"""Two processes against one, on a CPU: DDP through the Trainer, and the module sharded as FSDP shards it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

pytestmark = pytest.mark.slow

DDP = """
import os, sys
from pathlib import Path
from dataclasses import replace
from safetensors.torch import save_file
from counterpoint.training.lm import train_lm
from counterpoint.training.objective import OBJECTIVES
from lm.small import ONE_STEP, VCD, dilemmas, shaken, weights
objective, budget, batch, out = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
made, settings = shaken(), replace(ONE_STEP, batch=batch, accumulate=2, max_nodes=budget)
train_lm(made, dilemmas(8), VCD, OBJECTIVES.get(objective), settings, seed=0, out=out / "run")
save_file(weights(made), out / f"{os.environ.get('RANK', '0')}.safetensors")
"""

FSDP = """
import torch
import torch.distributed as dist
from torch.distributed.fsdp import fully_shard
from torch.distributed.device_mesh import init_device_mesh
from counterpoint.models.prompts import Prompter
from counterpoint.models.trie import tree_attention
from counterpoint.training.lm.batches import micro_batch
from counterpoint.training.lm.module import TrieModule, gather
from counterpoint.training.lm.rows import build_rows
from counterpoint.training.objective import OBJECTIVES
from lm.small import NO_DROPOUT, QUICK, VCD, dilemmas, shaken, weights

dist.init_process_group("gloo")
rank, mesh, objective = dist.get_rank(), init_device_mesh("cpu", (2,)), OBJECTIVES.get("dpo_mixed")

def gradient(sharded):
    made = shaken()
    made.add_adapter(NO_DROPOUT)
    before = weights(made)
    rows = build_rows(dilemmas(2), VCD, objective, Prompter(made.tokenizer), QUICK, seed=0).rows
    rows = rows[2 * rank : 2 * rank + 2] if sharded else rows
    module = TrieModule(made, backend="segments").train()
    if sharded:
        for layer in made.model.get_base_model().model.layers:
            fully_shard(layer, mesh=mesh)
        fully_shard(module, mesh=mesh)
    (work,) = micro_batch(rows, max_nodes=9999).works
    with tree_attention(module.engine.parts.config):
        reference = module(work.plans[0], reference=True)
        objective.loss(work.scores(module(work.plans[0]), reference)).backward()
    found = {n: p.grad for n, p in module.named_parameters() if p.grad is not None}
    found = {n: (g.full_tensor() if sharded else g).clone() for n, g in found.items()}
    gather(module)
    assert all(torch.equal(weights(made)[name], value) for name, value in before.items())
    return found

one, two = gradient(False), gradient(True)
assert one.keys() == two.keys() and len(one) == 16
assert max(float((two[n] - one[n]).norm() / one[n].norm()) for n in one) < 1e-6
dist.destroy_process_group()
"""


def run(program: str, processes: int, *arguments: object) -> None:
    path = os.pathsep.join([str(Path(__file__).parents[1]), str(Path(__file__).parents[2])])
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), "--no-python"]
    command = [sys.executable, *launcher, sys.executable, "-c", program, *map(str, arguments)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"})


@pytest.mark.parametrize(("objective", "budget"), [("pft", 4096), ("dpo_mixed", 90)])
def test_two_processes_take_the_step_of_one(objective: str, budget: int, tmp_path: Path) -> None:
    for processes, batch in ((1, 4), (2, 2)):
        (tmp_path / f"{processes}").mkdir()
        run(DDP, processes, objective, budget, batch, tmp_path / f"{processes}")
    one, first, second = (load_file(tmp_path / f"{name}.safetensors") for name in ("1/0", "2/0", "2/1"))
    for name, weight in one.items():
        assert (first[name] == second[name]).all()
        assert float((first[name] - weight).norm() / weight.norm()) < 1e-6


def test_a_module_sharded_over_two_processes_has_the_gradient_of_one() -> None:
    run(FSDP, 2)
