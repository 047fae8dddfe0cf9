"""Suites as other tools' tasks: asked word for word as here, gold and folder as they should be."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from counterpoint.cli import app
from counterpoint.data import shuffle_options
from counterpoint.errors import BadInputError
from counterpoint.evaluation.interchange.export import export
from counterpoint.evaluation.interchange.formats import Format
from counterpoint.evaluation.interchange.lm_eval_task import lm_eval_files, plain
from counterpoint.evaluation.interchange.questions import questions_of
from counterpoint.evaluation.prefeval.reading import Form, Item, Turn
from counterpoint.evaluation.suites.prefeval import PrefEval
from counterpoint.evaluation.suites.vcd import Vcd
from counterpoint.models.prompts import ANSWER_CUE, SYSTEM, Prompter
from counterpoint.types import DataSet, Dilemma, Option
from small_encoder import RISK, TWO_PAIRS, made_up_dilemmas
from small_language import TEMPLATES, tokenizer

DATA = DataSet("made up", TWO_PAIRS, tuple(made_up_dilemmas(6)))
HOSTILE = '{{ 7 * 7 }} {% raw %} \u2028 "quoted" \\ # : !function os.system <|im_end|>'


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_question_says_what_a_language_model_is_asked_here(template: str) -> None:
    prompter = Prompter(tokenizer(template))
    questions = questions_of(Vcd(DATA), seed=3)
    assert len(questions) == 2 * len(DATA)
    dilemmas = {d.id: shuffle_options(d, 3) for d in DATA.dilemmas}
    for question in questions:
        shown = dilemmas[question.sample]
        pole = TWO_PAIRS.by_pole[question.pole].pole(question.pole)
        assert question.prompt == prompter.text(shown, pole)
        assert [shown.options[i].pole == question.pole for i in range(len(shown.options))] == [
            i in question.gold for i in range(len(shown.options))
        ]
        lead, ends = prompter.letters(shown)
        assert [prompter._ids(choice) for choice in question.choices] == [lead + end for end in ends]


@pytest.mark.parametrize("template", TEMPLATES)
def test_what_the_harness_tokenises_together_is_what_is_scored_here(template: str) -> None:
    """Context and continuation as one text, white space at the context's end given to the continuation."""
    prompter = Prompter(tokenizer(template))
    (question, *_) = questions_of(Vcd(DATA), seed=0)
    shown = shuffle_options(DATA.dilemmas[0], 0)
    pole = TWO_PAIRS.by_pole[question.pole].pole(question.pole)
    lead, ends = prompter.letters(shown)
    if TEMPLATES[template] is None:
        question = plain(question)
        context = f"{SYSTEM}\n\n{question.prompt}"
        assert context.endswith(f'{ANSWER_CUE}{{"choice": "')
    else:
        context = prompter._render(prompter._messages(question.prompt), reply_next=True)
    bare = len(prompter._ids(context.rstrip()))
    for choice, end in zip(question.choices, ends, strict=True):
        together = prompter._ids(context + choice)
        assert together == prompter.prompt(shown, pole)[len(prompter._start()) :] + lead + end
        assert together[:bare] == prompter._ids(context.rstrip())


def test_several_right_options_are_several_targets() -> None:
    """By hand: 'a' and 'c' serve Risk-averse, 'b' Risk-taking; whatever the order shown, gold follows the texts."""
    options = (Option("a", "Risk-averse"), Option("b", "Risk-taking"), Option("c", "Risk-averse"))
    suite = Vcd(DataSet("one", TWO_PAIRS, (Dilemma("d", RISK, "s", options),)))
    for seed in range(4):
        right = {q.pole: {q.options[i] for i in q.gold} for q in questions_of(suite, seed=seed)}
        assert right == {"Risk-averse": {"a", "c"}, "Risk-taking": {"b"}}


def test_what_a_person_said_is_asked_under_in_prefeval() -> None:
    options = ("calm", "loud", "wild", "dear")
    stated = Item("hotels", Form.MCQ, "I hate noise", "Which hotel?", options=options)
    chosen = Item("hotels", Form.CHOICE, "I hate noise", "Which hotel?", (Turn("The quiet one, please", "Noted."),))
    suite = PrefEval((stated,), {Form.CHOICE: (chosen,)})
    one, other = questions_of(suite)
    assert (one.pole, other.pole) == ("explicit", "choice")
    assert "I hate noise" in one.prompt
    assert "The quiet one, please" in other.prompt
    assert [question.options[question.gold[0]] for question in (one, other)] == ["calm", "calm"]


def test_each_pole_is_a_task_and_the_group_gives_them_equal_say(tmp_path: Path) -> None:
    export(Vcd(DATA), tmp_path, form=Format.LM_EVAL)
    group = yaml.safe_load((tmp_path / "counterpoint_vcd.yaml").read_text())
    assert group["aggregate_metric_list"] == [{"metric": "acc", "aggregation": "mean", "weight_by_size": False}]
    poles = [
        yaml.safe_load((tmp_path / f"{task}.yaml").read_text())["dataset_kwargs"]["pole"] for task in group["task"]
    ]
    rows = [json.loads(line) for line in (tmp_path / "questions.jsonl").read_text().split("\n")[:-1]]
    assert set(poles) == {row["pole"] for row in rows}
    assert len(poles) == len(set(poles))
    common = (tmp_path / "_common_yaml").read_text()
    assert yaml.safe_load(common.replace("!function ", ""))["description"] == SYSTEM


def test_names_of_poles_that_differ_in_signs_alone_are_tasks_of_their_own() -> None:
    (question, *_) = questions_of(Vcd(DATA))
    files = lm_eval_files("vcd", [replace(question, pole=name) for name in ("A b", "a-b", "!!", "Ä")], chat=True)
    assert len([name for name in files if name.endswith(".yaml")]) == 5


def test_hostile_text_stays_a_column(tmp_path: Path) -> None:
    options = (Option(HOSTILE, "Risk-averse"), Option("b", "Risk-taking"))
    suite = Vcd(DataSet("one", TWO_PAIRS, (Dilemma(HOSTILE, RISK, HOSTILE, options),)))
    for form in Format:
        export(suite, tmp_path / form, form=form)
        rows = [json.loads(line) for line in (tmp_path / form / "questions.jsonl").read_text().split("\n")[:-1]]
        assert HOSTILE in rows[0]["prompt"]
        for file in (tmp_path / form).iterdir():
            assert file.name == "questions.jsonl" or HOSTILE not in file.read_text(encoding="utf-8")


def test_an_export_replaces_an_export_and_nothing_else(tmp_path: Path) -> None:
    export(Vcd(DATA), tmp_path / "out", form=Format.LM_EVAL)
    export(Vcd(DATA.subset(DATA.dilemmas[:1])), tmp_path / "out", form=Format.INSPECT)
    assert {file.name for file in (tmp_path / "out").glob("*.yaml")} == set()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(BadInputError, match="holds no export"):
        export(Vcd(DATA), tmp_path / "mine", form=Format.LM_EVAL)


def test_the_command_says_what_it_wrote(tmp_path: Path) -> None:
    out = tmp_path / "tasks"
    said = CliRunner().invoke(
        app,
        ["export", "--suite", "vcd", "--data", "crossroads", "--format", "inspect", "--out", str(out), "--json"],
        catch_exceptions=False,
    )
    assert json.loads(said.stdout)["questions"] == len((out / "questions.jsonl").read_text().splitlines()) > 300
    assert (out / "task.py").is_file()
