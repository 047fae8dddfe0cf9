"""From `results.json` to tables, by its common form: what is no measure in a row says what the row is about.

A row of `summary` has a metric and its mean; whatever else tells two rows apart (method, turn, history, strength) is a
*dimension* and heads the table's rows. Parts with a `summary` of their own are told apart by their key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from counterpoint.errors import BadInputError
from counterpoint.evaluation.charts import Estimate, tick_label
from counterpoint.evaluation.headline import Paired
from counterpoint.evaluation.method_labels import MethodLabel, label_methods
from counterpoint.evaluation.report_tables import estimate, finite, paired_rows
from counterpoint.evaluation.reports.measures import dimension, measure, ordered
from counterpoint.evaluation.reports.table import Cell, Column, Table, words

Rows = Sequence[Mapping[str, Any]]
Results = Mapping[str, Any]

MEASURED = frozenset(
    {"metric", "mean", "value", "ci_low", "ci_high", "sd", "sd_seeds", "seeds", "n", "undefined", "failed"}
    | {"a", "b", "difference", "p_value", "p_holm", "verdict", "statistic", "judge", "judge_proof", "judge_kappa"}
)
"""Keys of a row that say what was found, not about what."""
OWN = frozenset(
    {"schema", "command", "version", "suite", "config", "data", "seconds", "cost"}
    | {"rows", "summary", "paired", "per_pole", "calibration", "curves", "failures"}
)
"""Keys of `results.json` that have a place of their own on the page."""
FEWEST_STEPS, MOST_STEPS = 3, 12
"""Columns that an axis may have."""
NOTE = "95% intervals. Bold: ahead of every other method in a paired test (Holm's p below 0.05)."


class Part(NamedTuple):
    """Results, or a part of them that has a summary too."""

    key: str
    """Empty for the whole."""
    results: Results


def check_form(results: Results, where: object) -> None:
    """Refuse results whose tables are no lists of objects.

    Raises:
        BadInputError: which part is wrong.
    """
    for key in ("rows", "summary", "paired", "per_pole", "calibration", "curves", "failures"):
        rows = results.get(key)
        if rows is not None and not (isinstance(rows, list) and all(isinstance(row, dict) for row in rows)):
            raise BadInputError(f"{where}: {key} is {type(rows).__name__}, expected a list of objects")
    for key in ("config", "data", "seconds"):
        if results.get(key) is not None and not isinstance(results[key], dict):
            raise BadInputError(f"{where}: {key} is {type(results[key]).__name__}, expected an object")


def kind_of(results: Results) -> str:
    """The suite's name, or the command's where there is no suite, and what it reproduces."""
    if results.get("reproduces"):
        return f"{results.get('command')} {results['reproduces']}"
    return str(results.get("suite") or (results.get("config") or {}).get("suite") or results.get("command") or "")


def parts(results: Results) -> list[Part]:
    """The whole, and every key whose value has a `summary`."""
    inner = [
        Part(key, value)
        for key, value in results.items()
        if isinstance(value, dict) and _is_rows(value.get("summary")) and key not in OWN
    ]
    return [Part("", results), *inner]


def labels_of(results: Results, predictions: Rows = ()) -> dict[str, MethodLabel]:
    """Everybody whom a table or an answer names."""
    named = [str(r["method"]) for key in ("summary", "per_pole") for r in results.get(key) or [] if r.get("method")]
    return label_methods([*named, *(str(p["method"]) for p in predictions if p.get("method"))])


def dimensions(rows: Rows) -> list[str]:
    """Keys beside the method that tell rows apart, in the order they are met."""
    keys = dict.fromkeys(key for row in rows for key in row if key not in MEASURED and key != "method")
    found = []
    for key in keys:
        values = [row.get(key) for row in rows]
        if all(v is None or isinstance(v, str | int | float) for v in values) and len(set(values)) > 1:
            found.append(key)
    return found


def all_tables(results: Results) -> list[Table]:
    """Every table of a run, the summary first."""
    found: list[Table] = []
    for part in parts(results):
        prefix = f"{part.key}_" if part.key else ""
        labels = labels_of(part.results)
        found += [*summary_tables(part, prefix, labels), *filter(None, [paired_table(part, prefix, labels)])]
        found += [t for key, rows in _lists(part.results) if (t := list_table(prefix + key, key, rows, labels))]
    found += [t for t in (judge_table(results), scalar_table(results), failure_table(results)) if t]
    return found


def summary_tables(
    part: Part, prefix: str, labels: Mapping[str, MethodLabel], *, always: Sequence[str] = ()
) -> list[Table]:
    """The summary: metrics that the same dimensions tell apart share a table; an axis gives each a table of its own.
    Dimensions that are named `always` head the rows even of a metric that has one value of them."""
    rows: Rows = part.results.get("summary") or []
    groups: dict[tuple[str, ...], list[str]] = {}
    for metric in ordered(list(dict.fromkeys(str(row.get("metric")) for row in rows))):
        found = tuple(dict.fromkeys([*dimensions(_of(rows, metric)), *always]))
        groups.setdefault(found, []).append(metric)
    made: list[Table] = []
    for dims, metrics in groups.items():
        axis = axis_of(_of(rows, metrics[0]), dims)
        for shared in [metrics] if axis is None else [[metric] for metric in metrics]:
            name = f"{prefix}summary" + (f"_{shared[0]}" if made else "")
            made.append(_summary_table(part, name, shared, dims, axis, labels))
    return made


def _of(rows: Rows, metric: str) -> list[Mapping[str, Any]]:
    return [row for row in rows if str(row.get("metric")) == metric]


def axis_of(rows: Rows, dims: Sequence[str]) -> str | None:
    """The dimension of most numbers, from three to twelve: its values can be columns."""
    values = {dim: {row.get(dim) for row in rows} for dim in dims}
    sizes = {dim: len(own) for dim, own in values.items() if all(finite(value) is not None for value in own)}
    fit = {dim: size for dim, size in sizes.items() if FEWEST_STEPS <= size <= MOST_STEPS}
    return max(fit, key=lambda dim: fit[dim]) if fit else None


def _summary_table(
    part: Part,
    name: str,
    metrics: Sequence[str],
    dims: Sequence[str],
    axis: str | None,
    labels: Mapping[str, MethodLabel],
) -> Table:
    """Methods and dimensions by metrics, or one metric by the steps of an axis; bold is a winner that tests support."""
    rows = [row for row in part.results.get("summary") or [] if str(row.get("metric")) in metrics]
    paired: Rows = part.results.get("paired") or []
    heads_of = [dim for dim in dims if dim != axis]
    steps = sorted({row[axis] for row in rows}) if axis else []
    columns = [(metrics[0], ((axis, step),)) for step in steps] if axis else [(metric, ()) for metric in metrics]
    found = {(str(r.get("method")), str(r.get("metric")), frozenset(_place(r, dims))): r for r in rows}
    winners: dict[tuple[str, Where], str | None] = {}
    lines = []
    for method, where in _ordered_lines(rows, heads_of, labels):
        cells = [_named(method, labels), *(_worded(value) for _, value in where)]
        for metric, step in columns:
            place = where + step
            if (metric, place) not in winners:
                winners[metric, place] = winner(rows, paired, metric, place)
            row = found.get((method, metric, frozenset(place)))
            bold = winners[metric, place] == method
            cells.append(Cell(estimate=estimate(row), bold=bold) if row else words("–"))
        lines.append(tuple(cells))
    told = measure(metrics[0])
    heads = [Column("Method"), *(Column(_heading(dim)) for dim in heads_of)]
    if axis:
        heads += [Column(f"{_heading(axis)} {tick_label(step)}", number=True, better=told.better) for step in steps]
    else:
        heads += [Column(measure(m).heading, number=True, better=measure(m).better) for m in metrics]
    return Table(name, _summary_title(part, metrics, dims, axis), tuple(heads), tuple(lines), NOTE)


def _summary_title(part: Part, metrics: Sequence[str], dims: Sequence[str], axis: str | None) -> str:
    by = ", ".join(map(dimension, dims))
    said = f"{measure(metrics[0]).heading} by {by}" if axis else "Every method, every metric"
    said = f"{said} by {by}" if by and not axis else said
    return f"{_heading(part.key)}: {said[:1].lower()}{said[1:]}" if part.key else said


Where = tuple[tuple[str, Any], ...]


def winner(summary: Rows, paired: Rows, metric: str, where: Where = ()) -> str | None:
    """Who is ahead of everybody else in this metric, rules that read nothing included; None where that isn't shown."""
    better = measure(metric).better
    own = [r for r in summary if r.get("metric") == metric and all(r.get(k) == v for k, v in where)]
    means = {str(r.get("method")): mean for r in own if (mean := finite(r.get("mean"))) is not None}
    if better is None or len(means) < 2:
        return None
    tests = paired_rows([r for r in paired if r.get("metric") == metric and all(r.get(k) == v for k, v in where)])
    best = (max if better else min)(means, key=lambda method: means[method])
    beaten = {_other(row, best) for row in tests if best in (row.a, row.b) and row.shown and _ahead(row, best, better)}
    return best if set(means) - {best} <= beaten else None


def _other(row: Paired, method: str) -> str:
    return row.b if row.a == method else row.a


def _ahead(row: Paired, method: str, better: bool) -> bool:
    gain = (row.difference or 0.0) * (1 if row.a == method else -1) * (1 if better else -1)
    return gain > 0


def paired_table(part: Part, prefix: str, labels: Mapping[str, MethodLabel]) -> Table | None:
    """Differences with their tests."""
    rows: Rows = part.results.get("paired") or []
    if not rows:
        return None
    summed = dimensions(part.results.get("summary") or [])
    dims = list(dict.fromkeys([*dimensions(rows), *(d for d in summed if all(d in row for row in rows))]))
    lines = []
    for row, told in zip(rows, paired_rows(rows), strict=True):
        difference = Estimate(told.difference, told.low, told.high)
        verdict = told.verdict or ("a difference is shown" if told.shown else "no difference shown")
        lines.append(
            (
                words(f"{_label(told.a, labels)} − {_label(told.b, labels)}"),
                *(_worded(row.get(dim)) for dim in dims),
                words(measure(told.metric).heading),
                Cell(estimate=difference, signed=True),
                Cell(value=told.p_value),
                Cell(value=told.p_holm),
                words(verdict),
            )
        )
    heads = (
        Column("Comparison"),
        *(Column(_heading(dim)) for dim in dims),
        Column("Metric"),
        Column("Difference", number=True),
        Column("p", number=True),
        Column("p, Holm", number=True),
        Column("Verdict"),
    )
    title = f"{_heading(part.key)}: paired differences" if part.key else "Paired differences"
    return Table(f"{prefix}paired", title, heads, tuple(lines))


def list_table(name: str, key: str, rows: Rows, labels: Mapping[str, MethodLabel]) -> Table | None:
    """Any other list of rows, a column a key; a mean takes its interval and count along.

    Where rows have a mean of one metric and a method, methods are the columns.
    """
    one_metric = len({row.get("metric") for row in rows}) == 1
    if one_metric and all("mean" in row and row.get("method") for row in rows):
        return _by_method(name, key, rows, labels)
    has_mean = any("mean" in row for row in rows)
    hidden = {"mean", "ci_low", "ci_high", "n"} if has_mean else set()
    keys = [k for k in dict.fromkeys(k for row in rows for k in row) if k not in hidden | {"sd_seeds", "seeds"}]
    keys = [k for k in keys if all(_scalar(row.get(k)) for row in rows) and any(row.get(k) for row in rows)]
    if not keys:
        return None
    lines = []
    for row in rows:
        cells = [_named(str(row.get(k)), labels) if k == "method" else _worded(row.get(k), k) for k in keys]
        lines.append((*cells, Cell(estimate=estimate(row))) if has_mean else tuple(cells))
    heads = [Column(_heading(k), number=_numeric(rows, k)) for k in keys]
    heads += [Column("Mean", number=True)] if has_mean else []
    return Table(name, _heading(key), tuple(heads), tuple(lines))


def _by_method(name: str, key: str, rows: Rows, labels: Mapping[str, MethodLabel]) -> Table:
    """What rows are about by methods."""
    dims = dimensions(rows)
    methods = [m for m in labels if any(row["method"] == m for row in rows)]
    found = {(_place(row, dims), str(row["method"])): estimate(row) for row in rows}
    lines = [
        tuple(
            [_worded(value, dim) for dim, value in where]
            + [Cell(estimate=found[where, m]) if (where, m) in found else words("–") for m in methods]
        )
        for where in _places(rows, dims)
    ]
    heads = [Column(_heading(dim)) for dim in dims] or [Column("")]
    heads += [Column(_label(method, labels), number=True) for method in methods]
    lines = lines if dims else [(words(""), *line) for line in lines]
    metric = rows[0].get("metric")
    title = f"{_heading(key)}: {measure(str(metric)).heading}" if metric else _heading(key)
    return Table(name, title, tuple(heads), tuple(lines), "Means with 95% intervals.")


def judge_table(results: Results) -> Table | None:
    """How far the judge behind the scores can be believed: its proof, and its measured agreement with gold labels."""
    judge = results.get("judge")
    if not isinstance(judge, dict) or not isinstance(judge.get("proof"), dict):
        return None
    proof, own = judge["proof"], judge.get("agreement_with_gold") or {}
    told = (
        ("Judge", judge.get("name")),
        ("Rubric", judge.get("rubric")),
        ("Gold options graded above their opposites", proof.get("rate")),
        ("Cases of that", proof.get("cases")),
        ("Verdicts missing there, which counts against it", proof.get("failed")),
        ("Kappa with labels there", proof.get("kappa")),
        ("Accuracy on held-out options, cross-validated", own.get("accuracy")),
        ("Kappa on these", own.get("kappa")),
        ("How many", own.get("options")),
    )
    lines = tuple((words(what), _worded(value)) for what, value in told if value is not None)
    return Table("judge", "How far the judge can be believed", (Column("What"), Column("Value", number=True)), lines)


def scalar_table(results: Results) -> Table | None:
    """What stands in no list: chance, counts of what was left out."""
    lines = [
        (words(_heading(key) if not inner else f"{_heading(key)}: {inner}"), _worded(value))
        for key, found in results.items()
        if key not in OWN
        for inner, value in (found.items() if isinstance(found, dict) else [("", found)])
        if _scalar(value) and value is not None
    ]
    if not lines:
        return None
    return Table("more", "Beside the tables", (Column("What"), Column("Value", number=True)), tuple(lines))


def failure_table(results: Results) -> Table | None:
    """What could not be measured: in no mean, and never a zero."""
    failures: Rows = results.get("failures") or []
    if not failures:
        return None
    keys = list(dict.fromkeys(k for row in failures for k in row))
    lines = tuple(tuple(_worded(row.get(k)) for k in keys) for row in failures)
    heads = tuple(Column(_heading(k)) for k in keys)
    return Table("failures", "Failures", heads, lines, "In no mean, and never a zero.")


def _lists(results: Results) -> Iterator[tuple[str, Rows]]:
    """Lists of rows beside the usual ones, and Acc_one pole by pole."""
    for key, rows in results.items():
        if (key not in OWN or key == "per_pole") and _is_rows(rows) and rows:
            yield key, rows


def _is_rows(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(row, dict) for row in value)


def _scalar(value: object) -> bool:
    return value is None or isinstance(value, str | int | float)


def _numeric(rows: Rows, key: str) -> bool:
    return all(row.get(key) is None or isinstance(row.get(key), int | float) for row in rows)


def _place(row: Mapping[str, Any], dims: Sequence[str]) -> Where:
    return tuple((dim, row.get(dim)) for dim in dims)


def _places(rows: Rows, dims: Sequence[str]) -> list[Where]:
    return list(dict.fromkeys(_place(row, dims) for row in rows))


def _ordered_lines(rows: Rows, dims: Sequence[str], labels: Mapping[str, MethodLabel]) -> list[tuple[str, Where]]:
    """Methods in the labels' order, rules last; within a method as the rows come."""
    met = dict.fromkeys((str(row.get("method")), _place(row, dims)) for row in rows)
    order = {name: i for i, name in enumerate(labels)}
    return sorted(met, key=lambda line: order.get(line[0], len(order)))


def _named(method: str, labels: Mapping[str, MethodLabel]) -> Cell:
    return Cell(text=_label(method, labels), label=labels.get(method))


def _label(method: str, labels: Mapping[str, MethodLabel]) -> str:
    return labels[method].label if method in labels else method


def _worded(value: object, key: str = "") -> Cell:
    """A whole number as such, another with its digits, anything else as words."""
    if key == "metric":
        return words(measure(str(value)).heading)
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return words({True: "yes", False: "no", None: ""}.get(value, value) if not isinstance(value, str) else value)
    found = finite(value)
    if found is None:
        return words("–")
    return words(tick_label(found)) if found == int(found) else Cell(value=found)


def _heading(key: str) -> str:
    said = key.replace("_", " ")
    return said[:1].upper() + said[1:]
