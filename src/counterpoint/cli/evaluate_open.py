"""`counterpoint evaluate --suite vcd_open|bqd_open`: from options to answers, a judge and their table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from counterpoint.authoring.llm import Endpoint, url_and_model
from counterpoint.cli.compare import announcer
from counterpoint.cli.evaluate_open_data import VCD, Material, read_material
from counterpoint.cli.evaluate_options import Options, listed
from counterpoint.cli.progress import progress_bar
from counterpoint.cli.told import estimate, tell
from counterpoint.config import resolve, to_toml
from counterpoint.errors import BadInputError
from counterpoint.evaluation.judging.leaks import Guarded, training_texts
from counterpoint.evaluation.judging.opening import open_judge
from counterpoint.evaluation.method_labels import label_methods
from counterpoint.evaluation.opened.answering import EndpointAnswerer, answerer_of
from counterpoint.evaluation.progress import Stage
from counterpoint.evaluation.suite_models import contenders, identity, presets
from counterpoint.evaluation.suites.open_ended import Contestant, OpenConfig, check_open, run_open
from counterpoint.runlog import RunFolder
from counterpoint.training.learner import BASE
from counterpoint.training.lm.settings import is_tiny
from counterpoint.types import DataSet, content_hash

SHOWN = ("score", "opposite", "contrast", "log_perplexity", "words")


def run(options: Options) -> None:
    """Run the suite, write its folder, print its table.

    Raises:
        BadInputError: an option or the data can't work, or the judge fails its proof.
    """
    config = _config(options)
    check_open(config)
    with progress_bar(quiet=options.as_json) as report:
        material = read_material(options, config)
        proved_on = [[d.digest, d.value_pair, [[o.text, o.pole] for o in d.options]] for d in material.proved_on]
        told = content_hash(
            options.suite, material.asked.digest, proved_on, _labels(material.labelled), _identity(config, material)
        )
        folder = RunFolder(options.out, told, to_toml(config))
        try:
            report(Stage(f"making the judge {config.judge.who}", 0.0))
            judge = open_judge(config.judge, folder=options.out, labelled=material.labelled)
            trained = [d for part in (material.labelled, material.train) if part for d in part.dilemmas]
            known = training_texts(trained)
            guarded = Guarded(judge, known)
            others = [
                Guarded(
                    open_judge(replace(config.judge, who=who), folder=options.out, labelled=material.labelled), known
                )
                for who in config.also
            ]
            said = {
                **asdict(config),
                "data": options.data,
                "test": options.test,
                "train": options.train,
                "parts": material.said,
                "trained_on_count": len(material.train) if material.train else 0,
            }
            people = contestants(config, material, options.out)
            results = run_open(
                material.asked,
                people,
                guarded,
                config,
                folder=folder,
                said=said,
                suite=options.suite,
                proved_on=material.proved_on,
                others=others,
                announce=announcer(quiet=options.as_json),
                report=report,
            )
        finally:
            folder.close()
    tell(
        results["summary"], partial(print_open, results), as_json=options.as_json, Numbers=options.out / "results.json"
    )


def _config(options: Options) -> OpenConfig:
    flags: dict[str, Any] = {
        "model": options.model,
        "seeds": options.seeds,
        "methods": listed(options.methods, str, "--methods", "names"),
        "judge": {"who": options.judge} if options.judge else {},
    }
    flags |= {"fit": {"finetune": options.finetune}} if options.finetune is not None else {}

    def defaults(said: Mapping[str, Any]) -> dict[str, Any]:
        # it knows no question without options
        tiny = options.suite == VCD and is_tiny(str(said.get("model", "")))
        return {**presets(said), **({"shown": "options"} if tiny else {})}

    return resolve(OpenConfig, sets=options.sets, flags=flags, presets=defaults)


def contestants(config: OpenConfig, material: Material, out: Path) -> list[Contestant]:
    """Who answers: an endpoint, or what `contenders` makes of the model."""
    if config.model.startswith(("http://", "https://")):
        if (named := url_and_model(config.model)) is None:
            raise BadInputError(f"--model {config.model!r}: expected URL#MODEL")
        endpoint = Endpoint(named[1], named[0], concurrency=config.judge.concurrency)
        answerer = EndpointAnswerer(
            endpoint, cache=out / "answers", max_cost=config.max_cost, shown=config.shown, decoding=config.decoding
        )
        return [Contestant(BASE, lambda *_: answerer)]
    return [
        Contestant(
            one.method,
            lambda seed, within, one=one: answerer_of(  # type: ignore[misc]
                one.scorer(seed, within), material.asked.taxonomy, shown=config.shown, decoding=config.decoding
            ),
        )
        for one in contenders(config, material.train, out)
    ]


def _identity(config: OpenConfig, material: Material) -> str:
    """What a run's answers and verdicts depend on; more seeds and methods may be added, and money doesn't matter."""
    judge = replace(config.judge, max_cost=None, price_in=0.0, price_out=0.0, concurrency=1, cache="")
    return identity(replace(config, judge=judge, max_cost=None, threshold=0.5, also=(), labels=""), material.train)


def _labels(data: DataSet | None) -> str:
    return data.digest if data else ""


def print_open(results: Mapping[str, Any], console: Console) -> None:
    """Methods by metrics, what the judge is worth, where the spread comes from, and what failed."""
    rows = {(row["method"], row["metric"]): row for row in results["summary"]}
    methods = list(dict.fromkeys(method for method, _ in rows))
    labels = {name: label.label for name, label in label_methods(methods).items()}
    metrics = [m for m in SHOWN if any(metric == m for _, metric in rows)]
    table = Table("method", title="Open questions, answered for either side", title_justify="left")
    for metric in metrics:
        table.add_column(metric, justify="right", overflow="fold")
    for method in methods:
        table.add_row(labels[method], *(estimate(rows.get((method, metric))) for metric in metrics))
    console.print(table)
    console.print(_by_value_pair(results["per_value_pair"], labels))
    _say_judge(results["judge"], console)
    for found in results["variance"]:
        parts = ", ".join(f"{name} {_number(found[name])}" for name in ("question", "answer", "judge"))
        console.print(f"  variance of {labels[found['method']]}'s score: {parts}", style="dim", highlight=False)
    if results["agreement"]:
        agreed = results["agreement"]
        kappas = "; ".join(f"{row['a']} and {row['b']} {_number(row['kappa'])}" for row in agreed["kappa"])
        console.print(
            f"  agreement on {agreed['answers']} answers: alpha {_number(agreed['alpha'])}, weighted kappa of {kappas}",
            highlight=False,
        )
    for method, why in results["stand_in"].items():
        console.print(f"  {labels[method]}: {why}", highlight=False)
    console.print(f"  {results['data']['parts']}; 95% intervals over scenarios", style="dim", highlight=False)
    for row in results["paired"]:
        p = "" if row["p_holm"] is None else f" (corrected p = {row['p_holm']:.3g})"
        console.print(f"  {row['metric']}: {row['verdict']}{p}", highlight=False)
    if results["failures"]:
        first = results["failures"][0]
        told = f"{first['method']}, {first['sample']}: {first['error']}"
        console.print(
            f"  {len(results['failures'])} answers or verdicts failed and are in no mean; the first: {told}",
            highlight=False,
        )


def _by_value_pair(rows: Sequence[Mapping[str, Any]], labels: Mapping[str, str]) -> Table:
    """Contrast of every value pair or behaviour by method."""
    found = {(row["value_pair"], row["method"]): row for row in rows if row["metric"] == "contrast"}
    table = Table("contrast by", *labels.values())
    for pair in dict.fromkeys(pair for pair, _ in found):
        table.add_row(pair, *(estimate(found.get((pair, method))) for method in labels))
    return table


def _say_judge(judge: Mapping[str, Any], console: Console) -> None:
    proof = judge["proof"]
    failed = f" ({proof['failed']} of {proof['verdicts']} verdicts missing, which counts against it)"
    lost = failed if proof["failed"] else ""
    console.print(
        f"  judge: {judge['name']}, rubric {judge['rubric']}. Gold options graded above their opposites in "
        f"{proof['rate']:.2f} of {proof['cases']} cases{lost}; kappa with labels {_number(proof['kappa'])}",
        highlight=False,
    )
    if "agreement_with_gold" in judge:
        own = judge["agreement_with_gold"]
        console.print(
            f"  measured on {own['options']} held-out options of {own['data']}: accuracy {own['accuracy']:.2f}, "
            f"kappa {_number(own['kappa'])}",
            highlight=False,
        )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
