"""Settings: where they come from, which wins, and what a mistake is told."""

from __future__ import annotations

import ast
import dataclasses
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import counterpoint
from counterpoint.config import parse_set, resolve, to_toml
from counterpoint.errors import BadInputError
from counterpoint.evaluation.compare_config import CompareConfig
from counterpoint.models.encoder import EncoderConfig
from counterpoint.training.settings import FitConfig


def test_set_beats_flag_beats_file_beats_default(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text("seeds = 2\ntest_fraction = 0.5\n[fit]\nepochs = 7\nbatch_size = 3\n")
    flags = {"seeds": 3, "test": None, "fit": {"epochs": 8}}
    found = resolve(CompareConfig, file=file, sets=["fit.epochs=9"], flags=flags)
    assert (found.seeds, found.test_fraction, found.fit.epochs, found.fit.batch_size) == (3, 0.5, 9, 3)
    assert found.test is None
    assert found.fit.clip == FitConfig().clip


def test_what_the_caller_gave_is_not_changed() -> None:
    flags = {"fit": {"epochs": 8}}
    assert resolve(CompareConfig, sets=["fit.epochs=9"], flags=flags).fit.epochs == 9
    assert flags == {"fit": {"epochs": 8}}


@pytest.mark.parametrize(
    ("text", "value"),
    [("a=1", 1), ("a=0.5", 0.5), ("a=true", True), ('a=["x", "y"]', ["x", "y"]), ("a=plain words", "plain words")],
)
def test_a_set_is_read_as_toml_or_else_as_text(text: str, value: object) -> None:
    assert parse_set(text) == {"a": value}


def test_a_set_may_name_an_inner_setting_and_hold_an_equals_sign() -> None:
    assert parse_set("fit.deep.name = a=b") == {"fit": {"deep": {"name": " a=b"}}}


@pytest.mark.parametrize("text", ["seeds", "=3", " =3"])
def test_a_set_without_key_or_value_is_refused(text: str) -> None:
    with pytest.raises(BadInputError, match="expected KEY=VALUE"):
        parse_set(text)


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (["seed=3"], r"unknown setting 'seed'\. Did you mean 'seeds'\?"),
        (["fit.epoch=3"], r"unknown setting 'fit\.epoch'\. Did you mean 'fit\.epochs'\?"),
        (["seeds=many"], r"setting seeds: .*got 'many'"),
        (["seeds=2.5"], r"setting seeds: .*got 2\.5"),
        (["encoder.reads=minds"], r"setting encoder\.reads: .*got 'minds'"),
        (["fit=3"], r"setting fit: "),
        (["fit.epochs.more=3"], r"setting fit\.epochs: "),
        (["methods=pft"], r"setting methods: .*got 'pft'\); write several, or one, as a list"),
    ],
)
def test_a_mistake_is_told_with_the_setting_and_what_was_given(sets: list[str], message: str) -> None:
    with pytest.raises(BadInputError, match=message) as caught:
        resolve(CompareConfig, sets=sets, flags={})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"seeds = ", b"\xff\xfe", None])
def test_a_file_that_is_no_toml_is_refused_by_name(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "run.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadInputError, match=r"run\.toml: can't be read as TOML"):
        resolve(CompareConfig, file=file, flags={})


def test_the_saved_configuration_resolves_to_itself(tmp_path: Path) -> None:
    config = CompareConfig(data='a "b"\\c\n', test="t.json", methods=("pft",), fit=FitConfig(finetune=True, clip=2.5))
    for some in (config, CompareConfig()):
        file = tmp_path / "config.toml"
        file.write_text(to_toml(some), encoding="utf-8")
        assert resolve(CompareConfig, file=file, flags={}) == some


@given(st.dictionaries(st.sampled_from(["epochs", "batch_size", "head_iterations"]), st.integers(1, 10**6)))
def test_what_is_set_is_what_is_had(values: dict[str, int]) -> None:
    found = resolve(FitConfig, sets=[f"{key}={value}" for key, value in values.items()], flags={})
    assert found == dataclasses.replace(FitConfig(), **values)
    assert tomllib.loads(to_toml(found)) == json.loads(json.dumps(dataclasses.asdict(found)))  # a tuple is a list there


@pytest.mark.parametrize("kind", [CompareConfig, EncoderConfig, FitConfig])
def test_every_setting_is_read_somewhere_and_documented(kind: Any) -> None:
    attributes, documented = set(), set()
    for path in Path(counterpoint.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        attributes |= {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Load)}
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and node.name == kind.__name__:
                documented = {
                    first.target.id
                    for first, then in zip(node.body, node.body[1:], strict=False)
                    if isinstance(first, ast.AnnAssign)
                    and isinstance(first.target, ast.Name)
                    and isinstance(then, ast.Expr)
                    and isinstance(then.value, ast.Constant)
                }
    fields = {field.name for field in dataclasses.fields(kind)}
    assert fields <= attributes
    assert fields - documented <= {"encoder", "fit"}  # documented under the classes they hold
