"""The command line as a whole: help with examples, one clear line and exit code 2 on a user's mistake."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable

import pytest
from typer.main import get_command

from counterpoint import __version__
from counterpoint.cli import app, main
from counterpoint.errors import BadInputError

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `counterpoint ARGUMENTS` in this process: exit code, output, errors."""

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["counterpoint", *arguments])
        capsys.readouterr()
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        else:
            code = 0
        return code, *capsys.readouterr()

    return call


def process(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`counterpoint ARGUMENTS` in a process of its own."""
    command = [sys.executable, "-c", "from counterpoint.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})


def commands() -> list[tuple[str, ...]]:
    """Every command and sub-command, as words."""
    root = get_command(app)
    found: list[tuple[str, ...]] = []
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        found += [(name, sub) for sub in inner] if inner else [(name,)]
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_s_help_has_an_example(run: Run, words: tuple[str, ...]) -> None:
    code, out, err = run(*words, "--help")
    assert (code, err) == (0, "")
    example = " ".join(out.split()).partition("Example")[2]
    assert f"counterpoint {' '.join(words)}" in example


def test_help_and_version_answer_without_loading_torch() -> None:
    found = process("--help")
    assert (found.returncode, found.stderr) == (0, "")
    assert "Start with: counterpoint demo" in " ".join(found.stdout.split())
    program = (
        "import sys; sys.argv = ['counterpoint', '--version']\ntry:\n    from counterpoint.cli import main; main()\n"
    )
    program += "finally:\n    print('torch' in sys.modules)"
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert output.split("\n")[:2] == [f"counterpoint {__version__}", "False"]


def test_bad_input_ends_in_one_line_and_exit_code_2_in_a_real_process() -> None:
    found = process("data", "inspect", "crossroads", "--taxonomy", "vdc")
    assert (found.returncode, found.stdout) == (2, "")
    [line] = found.stderr.strip().splitlines()
    assert line.startswith("error: unknown taxonomy 'vdc'. Did you mean 'vcd'? Known: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("compare", "--methods", "ptf"), "error: unknown method 'ptf'. Did you mean 'pft'?"),
        (("compare", "--model", "encodr"), "error: unknown model 'encodr'. Did you mean 'encoder'?"),
        (("compare", "--set", "fit.epoch=3"), "error: unknown setting 'fit.epoch'. Did you mean 'fit.epochs'?"),
        (("compare", "--set", "seeds"), "error: --set 'seeds': expected KEY=VALUE"),
        (("compare", "--config", "no-such.toml"), "error: no-such.toml: can't be read as TOML"),
        (("compare", "--methods", ","), "error: methods must be given once each, at least one (got none)"),
        (("compare", "--seeds", "0"), "error: seeds must be at least 1 (got 0)"),
        (("compare", "--taxonomy", "vdc"), "error: unknown taxonomy 'vdc'. Did you mean 'vcd'?"),
        (("compare", "--set", "fit.context_tokens=-1"), "error: fit.context_tokens must be at least 0 (got -1)"),
    ],
)
def test_a_mistake_is_told_in_one_line(run: Run, arguments: tuple[str, ...], said: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    last = err.strip().splitlines()[-1]
    assert last.startswith(said)
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "arguments", [("compare", "--no-such-option"), ("compare", "--seeds", "many"), ("demo", "--seeds", "0"), ("brew",)]
)
def test_a_wrong_option_is_exit_code_2_without_a_traceback(run: Run, arguments: tuple[str, ...]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "Error" in err
    assert "Traceback" not in err


def _failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(importlib.import_module("counterpoint.evaluation.compare"), "compare", fail)


def test_ctrl_c_says_that_the_run_goes_on_from_there(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    _failing(monkeypatch, KeyboardInterrupt())
    code, _, err = run("compare", "--json")
    assert code == 130
    assert err.strip() == "stopped; what was finished is kept, and the same command goes on from there"


def test_a_fault_of_ours_is_not_hidden(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    _failing(monkeypatch, ZeroDivisionError("ours"))
    with pytest.raises(ZeroDivisionError, match="ours"):
        run("compare", "--json")
    _failing(monkeypatch, BadInputError("theirs"))
    assert run("compare", "--json") == (2, "", "error: theirs\n")
