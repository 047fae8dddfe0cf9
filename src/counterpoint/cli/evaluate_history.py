"""`counterpoint evaluate --suite history`: from options to training, people and their table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from rich.console import Console
from rich.table import Table

from counterpoint.cli.compare import announcer
from counterpoint.cli.evaluate_data import Parts, content, two_parts
from counterpoint.cli.evaluate_options import WHOLE, Options, listed
from counterpoint.cli.progress import progress_bar
from counterpoint.cli.told import estimate, tell
from counterpoint.config import resolve, to_toml
from counterpoint.errors import UnknownNameError
from counterpoint.evaluation.history.counting import GAIN, METRIC
from counterpoint.evaluation.history.labels import FLAT, LABELS, PROPOSAL, RIVAL
from counterpoint.evaluation.history.visits import Trainer, Within
from counterpoint.evaluation.progress import Stage
from counterpoint.evaluation.suites.history import HistoryConfig, check, foresee_history, run_history
from counterpoint.models.scorer import Scorer
from counterpoint.runlog import RunFolder
from counterpoint.types import DataSet, Dilemma, content_hash


@dataclass(frozen=True)
class HistoryRun(HistoryConfig):
    """The experiment, and how one set of dilemmas is divided."""

    split_seed: int = 0
    """Of the split by scenario where one set of dilemmas is given to train on and to ask about."""
    test_fraction: float = 0.4
    """Share of its scenarios that is asked about."""


def run(options: Options) -> None:
    """Run the suite, write its numbers and report, print its table.

    Raises:
        BadInputError: an option or the data can't work.
        UnknownNameError: the model is no encoder.
    """
    numbers = listed(options.histories, int, "--histories", WHOLE)
    flags = {"people": options.people, "seeds": options.seeds, "histories": numbers}
    config = resolve(HistoryRun, sets=options.sets, flags=flags)
    if options.model != "encoder":
        raise UnknownNameError("model", options.model, ("encoder",))
    parts = two_parts(options, seed=config.split_seed, test_fraction=config.test_fraction)
    results = _run(config, parts, options)
    tell(
        results["summary"],
        partial(print_summary, results),
        as_json=options.as_json,
        Numbers=options.out / "results.json",
    )


def _run(config: HistoryRun, parts: Parts, options: Options) -> dict[str, Any]:
    """The results, written."""
    train, asked, finetune = parts.train, parts.test, bool(options.finetune)
    # what decides a part's numbers; more seeds may be added to a run
    told = asdict(replace(config, seeds=0, resamples=0))
    taxonomy_told = [asdict(pair) for pair in train.taxonomy]
    identity = content_hash("history", finetune, told, taxonomy_told, content(train), content(asked))
    check(config)
    announcer(quiet=options.as_json)(foresee_history(config))
    folder = RunFolder(options.out, identity, to_toml(config))
    try:
        with progress_bar(quiet=options.as_json) as report:
            trainer = encoder_trainer(train, finetune)
            results = run_history(train, asked, trainer, config, folder=folder, report=report)
            said = {"data": options.data, "test": options.test, "model": options.model, "finetune": finetune}
            results["config"] |= said
            results["data"]["parts"] = parts.said
            folder.write_json("results.json", results)
            report(Stage("done", 1.0))
        folder.log("finished", results["seconds"])
    finally:
        folder.close()
    return results


def encoder_trainer(train: DataSet, finetune: bool) -> Trainer:
    """Trains encoder scorers for a suite."""
    from counterpoint.models.encoder import EncoderScorer
    from counterpoint.training.fit import fit
    from counterpoint.training.objective import OBJECTIVES
    from counterpoint.training.settings import FitConfig, Point

    untrained = EncoderScorer.untrained(train.taxonomy, finetune=finetune)

    def trainer(objective: str, dilemmas: Sequence[Dilemma], seed: int, within: Within) -> Scorer:
        def training(point: Point, total: int) -> None:
            within(f"training {objective} (loss {point.loss:.3f})", 0.8 * min(1.0, point.step / total))

        scorer, config = untrained.fresh(), FitConfig(finetune=finetune)
        fit(scorer, dilemmas, train.taxonomy, OBJECTIVES.get(objective), config=config, seed=seed, report=training)
        return scorer

    return trainer


def print_summary(results: Mapping[str, Any], console: Console) -> None:
    """Alignment of every method by the number of choices seen, and its gain over models of one pole."""
    config, rows = results["config"], results["summary"]
    found = {(r["metric"], r["method"], r["history"], r["noise"]): r for r in rows}
    histories = sorted({row["history"] for row in rows})
    first = config["noisy_history"] if config["noisy_history"] in histories else histories[0]
    table = Table(title="Alignment with people, by the number of their choices seen", title_justify="left")
    table.add_column("method")
    for history in histories:
        table.add_column(str(history), justify="right")
    table.add_column(f"gain after {first}", justify="right")
    for name in dict.fromkeys(row["method"] for row in rows):
        cells = [estimate(found[METRIC, name, history, 0.0]) for history in histories]
        table.add_row(LABELS[name].label, *cells, estimate(found.get((GAIN, name, first, 0.0))))
    console.print(table)
    console.print("  95% intervals over people and scenarios; gain over one pole in the prompt", style="dim")
    for noise in (noise for noise in config["noises"] if noise and (GAIN, PROPOSAL, first, noise) in found):
        gain = found[GAIN, PROPOSAL, first, noise]
        said = f"  choosing at random {noise:.0%} of the time: gain {estimate(gain)}".replace("\n", " ")
        console.print(said, highlight=False)
    for row in results["paired"]:
        if (row["history"], row["noise"]) == (first, 0.0) and row["b"] in (RIVAL, FLAT):
            console.print(f"  {row['verdict']} (corrected p = {row['p_holm']:.3g})", highlight=False)
    console.print(f"  {results['data']['parts']}", style="dim", highlight=False)
