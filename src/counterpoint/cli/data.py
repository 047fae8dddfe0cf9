"""`counterpoint data`: look at dilemmas, check them, convert and divide them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from counterpoint.cli import data_people as people
from counterpoint.data import Reading, read
from counterpoint.data import split as split_data
from counterpoint.data.conversations import load_personas
from counterpoint.data.diff import Diff
from counterpoint.data.diff import diff as compare_data
from counterpoint.data.lint import Embed, Lint
from counterpoint.data.lint import lint as lint_data
from counterpoint.data.rows import json_schema
from counterpoint.data.rules_of_thumb import OVERALL
from counterpoint.data.source import SOURCES
from counterpoint.data.writing import replacing, write, write_all
from counterpoint.errors import BadDataError, BadInputError, MissingExtraError
from counterpoint.types import DataSet, Problem

app = typer.Typer(help="Look at dilemmas, check them, convert and divide them.", no_args_is_help=True)

Input = Annotated[str, typer.Argument(metavar="PATH", help="A file, a folder of files, or 'crossroads'.")]
Output = Annotated[Path, typer.Option("--out", help="Where to write.")]
SourceName = Annotated[str | None, typer.Option("--source", help="Format of the input; found out where not given.")]
TaxonomyName = Annotated[str | None, typer.Option("--taxonomy", help="vcd, bqd, preference, or a TOML file.")]
PairName = Annotated[str | None, typer.Option("--value-pair", help="What the rows are about, where they don't say.")]
KeepGood = Annotated[bool, typer.Option("--keep-good", help="Leave bad records out instead of stopping.")]
Force = Annotated[bool, typer.Option("--force", help="Replace files that exist.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


class Target(StrEnum):
    """Formats that can be written."""

    JSONL = "jsonl"
    VCD = "vcd"
    BQD = "bqd"
    TRL = "trl"


To = Annotated[Target, typer.Option("--to", help="Format to write.")]


@app.command(epilog="Example: counterpoint data inspect crossroads")
def inspect(
    path: Input,
    source: SourceName = None,
    taxonomy: TaxonomyName = None,
    value_pair: PairName = None,
    keep_good: KeepGood = False,
    as_json: AsJson = False,
) -> None:
    """Say what is in a data set: dilemmas, options and poles, value pair by value pair; or personas."""
    if source is None and people.holds_personas(path):
        found = people.summary(load_personas(path))
        typer.echo(json.dumps(found) if as_json else people.in_words(found))
        return
    data_set = _open(path, source, taxonomy, value_pair, keep_good)
    summary = _summary(data_set)
    if as_json:
        _print_json(summary)
        return
    table = Table(title=f"{data_set.name}: {len(data_set)} dilemmas, {len(data_set.open_questions)} open questions")
    for heading in ("value pair", "dilemmas", "pole", "options", "mean characters"):
        table.add_column(heading, justify="right" if heading not in ("value pair", "pole") else "left")
    for pair in summary["value_pairs"]:
        for i, pole in enumerate(pair["poles"]):
            lead = (pair["name"], str(pair["dilemmas"])) if i == 0 else ("", "")
            table.add_row(*lead, pole["name"], str(pole["options"]), _number(pole["mean_characters"], 0))
    console = Console()
    console.print(table)
    console.print(f"options a dilemma: {_counts(summary['options'])}", highlight=False)
    console.print(f"scenes: {_counts(summary['scenes'])}", highlight=False)
    console.print(f"sha256 of the content: {summary['sha256']}", highlight=False)


@app.command(epilog="Example: counterpoint data validate my-dilemmas.jsonl --taxonomy my-values.toml")
def validate(
    path: Input,
    source: SourceName = None,
    taxonomy: TaxonomyName = None,
    value_pair: PairName = None,
    as_json: AsJson = False,
) -> None:
    """Tell every problem of an input. Ends with 0 if there is none, with 2 otherwise."""
    if source is None and people.holds_personas(path):
        personas = load_personas(path)  # raises with every problem
        typer.echo(
            json.dumps({"valid": True, "personas": len(personas)}) if as_json else f"valid: {len(personas)} personas"
        )
        return
    data_set, problems = read(path, source=source, taxonomy=taxonomy, value_pair=value_pair)
    good = {"dilemmas": len(data_set), "open_questions": len(data_set.open_questions)}
    if as_json:
        _print_json({"valid": not problems, **good, "problems": [asdict(problem) for problem in problems]})
    elif problems:
        for problem in problems:
            typer.echo(str(problem), err=True)
        typer.echo(f"{_many(problems)}; {good['dilemmas'] + good['open_questions']} good records", err=True)
    else:
        typer.echo(f"valid: {good['dilemmas']} dilemmas, {good['open_questions']} open questions")
    if problems:
        raise typer.Exit(2)


@app.command(epilog="Example: counterpoint data convert vcd.json --out vcd.jsonl --to jsonl")
def convert(
    path: Input,
    out: Output,
    to: To = Target.JSONL,
    source: SourceName = None,
    taxonomy: TaxonomyName = None,
    value_pair: PairName = None,
    keep_good: KeepGood = False,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write a data set in another format. What a format has no place for is left out (docs/data.md says what)."""
    data_set = _open(path, source, taxonomy, value_pair, keep_good)
    write(data_set, out, source=to.value, force=force)
    if as_json:
        counts = {"dilemmas": len(data_set), "open_questions": len(data_set.open_questions)}
        _print_json({"out": str(out), "format": to.value, **counts})
    else:
        typer.echo(f"{out}: {len(data_set)} dilemmas as {to.value}")


@app.command(epilog="Example: counterpoint data split crossroads --out parts --fractions 0.8,0.1,0.1 --seed 0")
def split(
    path: Input,
    out: Annotated[Path, typer.Option("--out", help="Folder for train, validation and test; made if missing.")],
    fractions: Annotated[str, typer.Option(help="Shares of train, validation and test.")] = "0.8,0.1,0.1",
    seed: Annotated[int, typer.Option(help="Which of the possible divisions.")] = 0,
    to: To = Target.JSONL,
    source: SourceName = None,
    taxonomy: TaxonomyName = None,
    value_pair: PairName = None,
    keep_good: KeepGood = False,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Divide a data set by scenario into train, validation and test, each value pair in the same proportions."""
    data_set = _open(path, source, taxonomy, value_pair, keep_good)
    parts = split_data(data_set, fractions=_fractions(fractions), seed=seed)._asdict()
    _make_folder(out)
    suffix = "jsonl" if SOURCES.get(to.value).container == "lines" else "json"
    files = {out / f"{name}.{suffix}": part for name, part in parts.items()}
    write_all(files, source=to.value, force=force)
    if as_json:
        _print_json({"seed": seed, "parts": {str(file): len(part) for file, part in files.items()}})
    else:
        typer.echo("\n".join(f"{file}: {len(part)} dilemmas" for file, part in files.items()))


@app.command(epilog="Example: counterpoint data lint crossroads")
def lint(
    path: Input,
    source: SourceName = None,
    taxonomy: TaxonomyName = None,
    value_pair: PairName = None,
    keep_good: KeepGood = False,
    embeddings: Annotated[
        bool, typer.Option("--embeddings/--no-embeddings", help="Look for near duplicates with the sentence encoder.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Look for what would make results on the data misleading. Ends with 1 if something is found."""
    data_set = _open(path, source, taxonomy, value_pair, keep_good)
    result = lint_data(data_set, _embedder() if embeddings else None)
    if as_json:
        _print_json({**asdict(result), "clean": result.clean})
    else:
        _print_lint(data_set, result)
    if not result.clean:
        raise typer.Exit(1)


@app.command("diff", epilog="Example: counterpoint data diff old.jsonl new.jsonl")
def diff_(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A file, a folder of files, or 'crossroads'.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Likewise.")],
    source: SourceName = None,
    taxonomy: TaxonomyName = None,
    value_pair: PairName = None,
    keep_good: KeepGood = False,
    as_json: AsJson = False,
) -> None:
    """Compare two versions of a data set, row by row. Ends with 1 if they differ."""
    versions = [_open(path, source, taxonomy, value_pair, keep_good) for path in (old, new)]
    found = compare_data(*versions)
    if as_json:
        digests = {"old_sha256": versions[0].digest, "new_sha256": versions[1].digest}
        _print_json({"same": found.same, **digests, **asdict(found)})
    else:
        _print_diff(found)
    if not found.same:
        raise typer.Exit(1)


@app.command(epilog="Example: counterpoint data schema --out dilemma.schema.json")
def schema(
    out: Annotated[Path | None, typer.Option("--out", help="Where to write; printed where not given.")] = None,
    force: Force = False,
) -> None:
    """Print the JSON Schema of one line of our JSONL."""
    text = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
    if out is None:
        typer.echo(text, nl=False)
        return
    with replacing(out, force=force) as file:
        file.write(text)


def _open(path: str, source: str | None, taxonomy: str | None, value_pair: str | None, keep_good: bool) -> DataSet:
    """The data set, with problems on stderr where good records are kept; raises `BadDataError` as `load` does."""
    reading = read(path, source=source, taxonomy=taxonomy, value_pair=value_pair)
    data_set, problems = reading
    if problems and not (keep_good and _holds_something(reading)):
        _refuse(problems, _holds_something(reading))
    for problem in problems:
        typer.echo(f"left out: {problem}", err=True)
    return data_set


def _holds_something(reading: Reading) -> bool:
    return bool(reading.data_set.dilemmas or reading.data_set.open_questions)


def _refuse(problems: tuple[Problem, ...], some_are_good: bool) -> NoReturn:
    raise BadDataError(problems, "Mend them, or leave them out with --keep-good." if some_are_good else "")


def _summary(data_set: DataSet) -> dict[str, Any]:
    pairs = []
    for pair in data_set.taxonomy:
        dilemmas = [dilemma for dilemma in data_set.dilemmas if dilemma.value_pair == pair.name]
        poles = []
        for pole in pair.poles:
            lengths = [len(o.text) for dilemma in dilemmas for o in dilemma.options if o.pole == pole.name]
            mean = sum(lengths) / len(lengths) if lengths else None
            poles.append({"name": pole.name, "options": len(lengths), "mean_characters": mean})
        asked = sum(question.value_pair == pair.name for question in data_set.open_questions)
        if dilemmas or asked:
            pairs.append({"name": pair.name, "dilemmas": len(dilemmas), "open_questions": asked, "poles": poles})
    return {
        "name": data_set.name,
        "taxonomy": data_set.taxonomy.name,
        "licence": data_set.licence,
        "sha256": data_set.digest,
        "dilemmas": len(data_set),
        "open_questions": len(data_set.open_questions),
        "value_pairs": pairs,
        "options": dict(sorted(Counter(len(dilemma.options) for dilemma in data_set.dilemmas).items())),
        "scenes": dict(Counter(dilemma.scene or "(none)" for dilemma in data_set.dilemmas).most_common()),
    }


def _fractions(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise BadInputError(f"--fractions must be three numbers such as 0.8,0.1,0.1 (got {text!r})") from None


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInputError(f"cannot make the folder {folder}: {error.strerror}") from None


def _embedder() -> Embed:
    """The sentence encoder, imported only here: everything else in this module does without it."""
    try:
        from counterpoint.models.text_encoder import TextEncoder
    except ModuleNotFoundError:
        raise MissingExtraError("looking for near duplicates (skip it with --no-embeddings)", "encoder") from None
    return TextEncoder.load().embed


def _print_lint(data_set: DataSet, result: Lint) -> None:
    console = Console()
    table = Table(title=f"{data_set.name}: Acc_one of rules that read nothing or only words")
    for heading in ("rule", "value pair", "pole", "Acc_one", "chance", "n"):
        table.add_column(heading, justify="right" if heading in ("Acc_one", "chance", "n") else "left")
    for score in result.rules:
        if score.value_pair == OVERALL or score.rule in ("first", "longest", "bag of words"):
            figures = (_number(score.acc_one, 3), _number(score.chance, 3), str(score.n))
            table.add_row(score.rule, score.value_pair, score.pole, *figures)
    console.print(table)
    for finding in result.findings:
        console.print(f"{finding.severity}: {finding.check}: {finding.where}: {finding.message}", markup=False)
    console.print("clean" if result.clean else f"{len(result.findings)} findings", highlight=False)


def _print_diff(found: Diff) -> None:
    console = Console()
    for sign, names in (("+", found.added), ("-", found.removed)):
        for name in names:
            console.print(f"{sign} {name}", markup=False, highlight=False)
    for before, after in found.renamed:
        console.print(f"= {before} is now {after}", markup=False, highlight=False)
    for change in found.changed:
        console.print(f"~ {change.id}: {', '.join(change.fields)}", markup=False, highlight=False)
    for pair, before_count, after_count in found.by_pair:
        if before_count != after_count:
            console.print(f"{pair}: {before_count} rows, now {after_count}", markup=False, highlight=False)
    counts = (len(found.added), len(found.removed), len(found.renamed), len(found.changed), found.unchanged)
    console.print("{} added, {} removed, {} renamed, {} changed, {} unchanged".format(*counts), highlight=False)


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _counts(counts: dict[Any, int]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in counts.items())


def _many(problems: tuple[Problem, ...]) -> str:
    return "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
