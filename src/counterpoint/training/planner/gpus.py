"""GPUs: memory and peak speed, from the makers' data sheets."""

from __future__ import annotations

from dataclasses import dataclass

from counterpoint.errors import UnknownNameError


@dataclass(frozen=True)
class Gpu:
    """One card."""

    name: str
    memory_gb: float
    """As sold, counted as 10^9 bytes each: a few per cent less than most cards report, which is on the safe side."""
    tflops: float
    """Peak of dense bfloat16 matrix products with float32 sums, 10^12 operations a second; without sparsity."""
    source: str


GPUS = (
    Gpu("rtx-3090", 24, 71, "NVIDIA Ampere GA102 white paper"),
    Gpu("rtx-4090", 24, 165, "NVIDIA Ada white paper"),
    Gpu("l4", 24, 121, "NVIDIA L4 data sheet: 242 with sparsity"),
    Gpu("l40s", 48, 362, "NVIDIA L40S data sheet"),
    Gpu("a100-40", 40, 312, "NVIDIA A100 data sheet"),
    Gpu("a100-80", 80, 312, "NVIDIA A100 data sheet"),
    Gpu("h100", 80, 989, "NVIDIA H100 data sheet, SXM: 1,979 with sparsity"),
    Gpu("h200", 141, 989, "NVIDIA H200 data sheet, SXM: 1,979 with sparsity"),
)


def find_gpu(name: str) -> Gpu:
    """The GPU of that name; capitals, spaces and a final GB don't matter.

    Raises:
        UnknownNameError: with the nearest name.
    """
    wanted = "-".join(name.lower().replace("_", " ").replace("-", " ").split()).removesuffix("gb").rstrip("-")
    for gpu in GPUS:
        if wanted == gpu.name or wanted.replace("-", "") == gpu.name.replace("-", ""):
            return gpu
    names = [gpu.name for gpu in GPUS]
    raise UnknownNameError("GPU", wanted, [known for known in names if known.startswith(wanted)] or names)
