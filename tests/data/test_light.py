"""The data layer is part of the light core."""

from __future__ import annotations

import subprocess
import sys


def test_loading_data_imports_neither_torch_nor_a_terminal_nor_the_web() -> None:
    program = "import sys; from counterpoint.data import load; load('crossroads'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "transformers", "sklearn", "typer", "rich", "fastapi", "jinja2"} & set(loaded)
