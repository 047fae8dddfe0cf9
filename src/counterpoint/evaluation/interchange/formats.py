"""The tools that suites are exported for."""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """Whom a folder is for."""

    LM_EVAL = "lm-eval"
    """lm-evaluation-harness."""
    INSPECT = "inspect"
    """inspect_ai."""
