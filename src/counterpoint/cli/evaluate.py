"""`counterpoint evaluate`: run a benchmark suite on a model. `evaluate_suites` has the table of suites."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from counterpoint.cli.evaluate_options import Options
from counterpoint.cli.evaluate_suites import help_on_suites, suite_of, takers


def evaluate(
    suite: Annotated[str, typer.Option(help=help_on_suites())],
    out: Annotated[Path, typer.Option(help="The run's folder.")],
    data: Annotated[
        str | None,
        typer.Option(
            help="A file, a folder or 'crossroads': what is asked; what is trained or measured on where --test says "
            "what is asked. history, drift, dial: without --test it is split by scenario. "
            "harm: two-choice TruthfulQA; lm:tiny needs none. aloe: personas, a file or folder; lm:tiny needs none."
        ),
    ] = None,
    test: Annotated[
        str | None,
        typer.Option(
            help=f"What is asked; --data is then what is trained on. For {takers('test')}. "
            "harm: dilemmas that are put as open questions, 'crossroads' by default."
        ),
    ] = None,
    train: Annotated[
        str | None,
        typer.Option(help=f"What to train on; for the encoder 'crossroads' by default. For {takers('train')}."),
    ] = None,
    taxonomy: Annotated[str | None, typer.Option(help="vcd, bqd, preference or a TOML file.")] = None,
    model: Annotated[
        str,
        typer.Option(
            help="encoder; lm: and a hub id, a folder, or tiny; or a folder of a saved scorer. "
            "history: encoder. harm, dial: lm:... vcd_open, bqd_open: URL#MODEL too. aloe: lm:..., URL#MODEL, or the "
            "folder of a training run."
        ),
    ] = "encoder",
    finetune: Annotated[
        bool | None, typer.Option("--finetune/--frozen", help=f"Train the encoder too. For {takers('finetune')}.")
    ] = None,
    histories: Annotated[str | None, typer.Option(help="history: numbers of choices seen, comma-separated.")] = None,
    people: Annotated[int | None, typer.Option(help=f"People a seed. For {takers('people')}.")] = None,
    seeds: Annotated[int | None, typer.Option(help=f"How many seeds. For {takers('seeds')}.")] = None,
    methods: Annotated[
        str | None,
        typer.Option(help="harm, dial: ways of steering, comma-separated. drift: user models. Others: base, pft, ..."),
    ] = None,
    strengths: Annotated[str | None, typer.Option(help="harm: strengths in log-odds, comma-separated.")] = None,
    material: Annotated[
        list[str] | None,
        typer.Option(
            help="harm, dial: METHOD=FOLDER, what a method was trained or given. "
            "aloe: METHOD=MODEL, or a training run's folder, beside the base."
        ),
    ] = None,
    dial: Annotated[
        list[Path] | None, typer.Option(help="harm: a method's dial; those beside the model are found.")
    ] = None,
    task: Annotated[
        list[str] | None, typer.Option(help="harm: a task of lm-evaluation-harness; may be given several times.")
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(
            help="Who grades: lm:..., or URL#MODEL; for vcd_open and bqd_open also encoder (a pole judge trained here, "
            f"the default). For {takers('judge')}."
        ),
    ] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="A setting, such as questions=60.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON and nothing else.")] = False,
) -> None:
    """Run a benchmark suite; a run that was stopped goes on in its folder.

    Example: counterpoint evaluate --suite history --data crossroads --histories 1,3 --out runs/h

    Example: counterpoint evaluate --suite harm --model lm:tiny --methods mixture,instruction --out runs/harm

    Example: counterpoint evaluate --suite bqd --data bqd --out runs/bqd

    Example: counterpoint evaluate --suite aloe --model runs/tiny-aloe --out runs/tiny-aloe-al
    """
    options = Options(
        suite=suite,
        out=out,
        data=data,
        model=model,
        sets=tuple(set_ or ()),
        as_json=as_json,
        taxonomy=taxonomy,
        test=test,
        train=train,
        finetune=finetune,
        seeds=seeds,
        methods=methods,
        histories=histories,
        people=people,
        strengths=strengths,
        material=tuple(material or ()),
        dial=tuple(dial or ()),
        task=tuple(task or ()),
        judge=judge,
    )
    suite_of(options)(options)
    _report(options)


def _report(options: Options) -> None:
    """Every suite's page, tables and figures, from the common form of its results."""
    from counterpoint.evaluation.reports.writing import report_run

    page, *parts = report_run(options.out)
    if not options.as_json:
        folders = " and ".join(str(folder) for folder in dict.fromkeys(part.parent for part in parts))
        typer.echo(f"Report: {page}" + (f"; {folders} for papers" if folders else ""))
