"""What holds for every registered format, one of your own included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import RISK, data_sets, row, vcd_row

from counterpoint.data import load, taxonomy
from counterpoint.data.faults import Fault
from counterpoint.data.source import SOURCES, Context
from counterpoint.data.writing import write
from counterpoint.errors import BadInputError
from counterpoint.types import DataSet

ROWS: dict[str, list[dict[str, Any]]] = {
    "vcd": [vcd_row()],
    "jsonl": [row(), {"value_pair": RISK, "prompt": "Tea?"}],
    "conversations": [
        {
            "persona": {"profile": "A welder of 40.", "personality": "Says little."},
            "turns": [{"user": "Tea?", "preferred": "Yes.", "rejected": "No.", "continued": "preferred"}],
        }
    ],
    "trl": [{"prompt": "Tea?", "chosen": "Yes.", "rejected": "No.", "value_pair": RISK, "pole": "Risk-taking"}],
    "bqd": [
        {"question": "Tea?"},
        {
            "question": "Tea?\n (A) Yes\n (B) No",
            "answer_matching_behavior": "(A)",
            "answer_not_matching_behavior": "(B)",
        },
    ],
}
PAIRS = {"bqd": "refusal"}
every_format = pytest.mark.parametrize("name", SOURCES.names())


@every_format
def test_a_good_row_is_recognised_by_its_own_format_alone_and_read(name: str) -> None:
    source = SOURCES.get(name)
    for good in ROWS[name]:
        assert [other for other in SOURCES.names() if SOURCES.get(other).recognises(good)] == [name]
        context = Context(taxonomy(source.default_taxonomy(good)), Path("rows"), PAIRS.get(name, ""))
        assert source.parse(good, context).record is not None


@every_format
@given(value=st.none() | st.integers() | st.text() | st.lists(st.text()) | st.dictionaries(st.text(), st.text()))
def test_no_value_makes_a_format_fail(name: str, value: object) -> None:
    source = SOURCES.get(name)
    record, faults = source.parse(value, Context(taxonomy("bqd"), Path("rows"), "refusal"))
    assert (record is None) is bool(faults)
    assert all(isinstance(fault, Fault) for fault in faults)
    if isinstance(value, dict):
        source.recognises(value)
        source.default_taxonomy(value)


@every_format
@given(found=data_sets())
def test_what_a_format_can_hold_it_writes_so_that_it_is_recognised(
    name: str, found: DataSet, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / f"written-{name}"
    try:
        write(found, path, source=name, force=True)
    except BadInputError:
        return
    value_pair = found.dilemmas[0].value_pair
    again = load(path, source=name, taxonomy=found.taxonomy, value_pair=value_pair)
    texts = {option.text for dilemma in found.dilemmas for option in dilemma.options}
    written = {option.text for dilemma in again.dilemmas for option in dilemma.options}
    assert {text.strip() for text in written} == {text.strip() for text in texts}
