"""Two versions of a data set are told apart row by row."""

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from counterpoint.cli import app
from counterpoint.data import load, shuffle_options
from counterpoint.data.diff import Change, diff
from counterpoint.data.writing import write

OLD = load("crossroads")
ROWS = OLD.dilemmas


def version(*dilemmas):
    return replace(OLD, dilemmas=tuple(dilemmas))


def test_a_version_is_the_same_as_itself_whatever_the_order():
    shuffled = version(*(shuffle_options(dilemma, seed=3) for dilemma in ROWS[::-1]))
    found = diff(OLD, shuffled)
    assert found.same
    assert found.unchanged == len(OLD)


def test_rows_that_came_and_went_are_named():
    found = diff(version(*ROWS[:3]), version(*ROWS[1:4]))
    assert (found.added, found.removed, found.unchanged) == ((ROWS[3].id,), (ROWS[0].id,), 2)


def test_fields_that_changed_are_named():
    first = ROWS[0]
    told = replace(first, scenario="Another.", scene="Elsewhere")
    assert diff(version(first), version(told)).changed == (Change(first.id, ("scenario", "scene")),)


def test_options_that_serve_other_poles_are_told_from_other_options():
    first = ROWS[0]
    poles = [option.pole for option in first.options]
    other = {poles[0]: next(p for p in poles if p != poles[0])} | {p: poles[0] for p in poles if p != poles[0]}
    turned = replace(first, options=tuple(replace(option, pole=other[option.pole]) for option in first.options))
    assert diff(version(first), version(turned)).changed == (Change(first.id, ("poles",)),)
    reworded = replace(first, options=(replace(first.options[0], text="Otherwise."), *first.options[1:]))
    assert diff(version(first), version(reworded)).changed == (Change(first.id, ("options",)),)


def test_a_new_id_for_the_same_content_is_a_new_name():
    found = diff(version(ROWS[0]), version(replace(ROWS[0], id="new")))
    assert (found.renamed, found.added, found.removed) == (((ROWS[0].id, "new"),), (), ())
    assert not found.same


def test_rows_are_counted_by_value_pair():
    pair = ROWS[0].value_pair
    assert diff(version(*ROWS[:3]), version(*ROWS[:2])).by_pair == ((pair, 3, 2),)


@given(st.sets(st.integers(0, 20)), st.sets(st.integers(0, 20)))
def test_every_row_is_accounted_for_once(old, new):
    found = diff(version(*(ROWS[i] for i in sorted(old))), version(*(ROWS[i] for i in sorted(new))))
    assert len(found.added) + found.unchanged == len(new)
    assert len(found.removed) + found.unchanged == len(old)
    assert found.same == (old == new)


def test_the_command_ends_with_one_where_versions_differ(tmp_path):
    write(version(*ROWS[:3]), tmp_path / "old.jsonl")
    write(version(replace(ROWS[0], scene="Elsewhere"), *ROWS[2:4]), tmp_path / "new.jsonl")
    files = [str(tmp_path / "old.jsonl"), str(tmp_path / "new.jsonl")]
    result = CliRunner().invoke(app, ["data", "diff", *files])
    assert result.exit_code == 1
    assert f"+ {ROWS[3].id}\n- {ROWS[1].id}\n~ {ROWS[0].id}: scene\n" in result.output
    assert "1 added, 1 removed, 0 renamed, 1 changed, 1 unchanged" in result.output
    found = json.loads(CliRunner().invoke(app, ["data", "diff", *files, "--json"]).output)
    assert (found["same"], found["added"]) == (False, [ROWS[3].id])
    assert CliRunner().invoke(app, ["data", "diff", files[0], files[0]]).exit_code == 0
