"""GPUs by name."""

from __future__ import annotations

import pytest

from counterpoint.errors import UnknownNameError
from counterpoint.training.planner import GPUS, find_gpu


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("RTX 4090", "rtx-4090"),
        ("rtx4090", "rtx-4090"),
        ("A100-80GB", "a100-80"),
        ("A100 40", "a100-40"),
        ("H200", "h200"),
    ],
)
def test_spelling_does_not_matter(name: str, found: str) -> None:
    assert find_gpu(name).name == found


def test_every_gpu_is_found_by_its_own_name_and_has_a_source() -> None:
    assert [find_gpu(gpu.name) for gpu in GPUS] == list(GPUS)
    assert all(gpu.source and gpu.memory_gb > 0 and gpu.tflops > 0 for gpu in GPUS)


def test_an_unknown_gpu_gives_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"Did you mean 'rtx-4090'\?"):
        find_gpu("rtx-4099")


def test_a_name_that_two_cards_have_asks_which() -> None:
    with pytest.raises(UnknownNameError, match=r"Known: a100-40, a100-80$"):
        find_gpu("A100")
