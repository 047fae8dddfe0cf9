"""What changed from one version of a data set to another, row by row.

Rows are told by id; a row whose id is gone but whose content stands under another id was renamed. The order of options
and of rows is no change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from counterpoint.types import DataSet, Dilemma, OpenQuestion, content_hash

Record = Dilemma | OpenQuestion


@dataclass(frozen=True)
class Change:
    """One row that says something else than it did."""

    id: str
    """The row's, the same in both."""
    fields: tuple[str, ...]
    """What differs: `value_pair`, `scenario`, `options`, `poles` (the same options serve other poles), ..."""


@dataclass(frozen=True)
class Diff:
    """All differences; rows by id, sorted."""

    added: tuple[str, ...]
    """Only in the new version."""
    removed: tuple[str, ...]
    """Only in the old one."""
    renamed: tuple[tuple[str, str], ...]
    """Old and new id of rows with the same content."""
    changed: tuple[Change, ...]
    """In both, with differences."""
    unchanged: int
    """Rows that say the same under the same id."""
    by_pair: tuple[tuple[str, int, int], ...]
    """Value pair, rows in the old version, rows in the new one."""

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not (self.added or self.removed or self.renamed or self.changed)


def diff(old: DataSet, new: DataSet) -> Diff:
    """The differences from `old` to `new`."""
    before, after = _by_id(old), _by_id(new)
    gone = [name for name in before if name not in after]
    come = [name for name in after if name not in before]
    where: dict[str, list[str]] = {}
    for name in come:
        where.setdefault(_content(after[name]), []).append(name)
    renamed = []
    for name in gone:
        if same := where.get(_content(before[name])):
            renamed.append((name, same.pop(0)))
    both = [name for name in before if name in after]
    changes = [Change(name, fields) for name in both if (fields := _changes(before[name], after[name]))]
    moved_from, moved_to = {name for name, _ in renamed}, {name for _, name in renamed}
    counts = [Counter(record.value_pair for record in rows.values()) for rows in (before, after)]
    pairs = sorted(set(counts[0]) | set(counts[1]))
    return Diff(
        added=tuple(sorted(name for name in come if name not in moved_to)),
        removed=tuple(sorted(name for name in gone if name not in moved_from)),
        renamed=tuple(sorted(renamed)),
        changed=tuple(sorted(changes, key=lambda change: change.id)),
        unchanged=len(both) - len(changes),
        by_pair=tuple((pair, counts[0][pair], counts[1][pair]) for pair in pairs),
    )


def _by_id(data: DataSet) -> Mapping[str, Record]:
    records: list[Record] = [*data.dilemmas, *data.open_questions]
    return {record.id: record for record in records}


def _content(record: Record) -> str:
    """A hash of all that a row says but its id."""
    return content_hash(type(record).__name__, _said(record))


def _said(record: Record) -> dict[str, object]:
    """Fields by name, options apart from the poles they serve and in no order."""
    fields: dict[str, object] = {name: value for name, value in vars(record).items() if name in _fields(record)}
    if isinstance(record, Dilemma):
        fields["options"] = sorted(option.text for option in record.options)
        fields["poles"] = sorted([option.text, option.pole] for option in record.options)
        fields["explanations"] = sorted([option.text, option.explanation] for option in record.options)
    return fields


def _fields(record: Record) -> tuple[str, ...]:
    """Plain fields: `vars` also holds what was worked out and kept."""
    return tuple(name for name in type(record).__dataclass_fields__ if name not in ("id", "options"))


def _changes(old: Record, new: Record) -> tuple[str, ...]:
    before, after = _said(old), _said(new)
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    if "options" in names:  # their poles and explanations differ because they do
        names = [name for name in names if name not in ("poles", "explanations")]
    return tuple(names)
