"""The published form of Value Conflict Dilemmas."""

from __future__ import annotations

from pathlib import Path

from made_up import AVERSE, RISK, TAKING, vcd_row

from counterpoint.data import load
from counterpoint.data.source import SOURCES, Context
from counterpoint.data.taxonomy import taxonomy
from counterpoint.types import Dilemma, Option

VCD = SOURCES.get("vcd")
CONTEXT = Context(taxonomy("vcd"), Path("rows.json"))


def test_a_row_is_read_field_by_field() -> None:
    options = (Option("Order the unknown one.", TAKING), Option("Order the usual.", AVERSE))
    expected = Dilemma("", RISK, "You are in a tea house.", options, scene="Gaming", source="vcd")
    assert VCD.parse(vcd_row(), CONTEXT).record == expected


def test_questions_explanations_and_ids_are_taken_where_they_are() -> None:
    row = vcd_row(id="a", question="What do you order?", other=1)
    row["options"][0]["explanation"] = "Curious."
    record = VCD.parse(row, CONTEXT).record
    assert isinstance(record, Dilemma)
    assert (record.id, record.question, record.options[0].explanation) == ("a", "What do you order?", "Curious.")


def test_a_question_alone_is_the_scenario() -> None:
    row = vcd_row(question="You are in a tea house. What do you order?")
    del row["scenario"]
    record = VCD.parse(row, CONTEXT).record
    assert isinstance(record, Dilemma)
    assert (record.scenario, record.question) == ("You are in a tea house. What do you order?", "")


def test_every_fault_of_a_row_is_told_in_the_names_of_the_file() -> None:
    row = vcd_row(**{"preference domain": "Risk Orientatoin"}, scenario=" ")
    assert [fault.field for fault in VCD.parse(row, CONTEXT).faults] == ["scenario"]
    row["scenario"] = "A tea house."
    (fault,) = VCD.parse(row, CONTEXT).faults
    assert fault.field == "preference domain"
    assert "Did you mean 'Risk Orientation'?" in fault.message
    row = vcd_row()
    row["options"][1]["bias"] = "Risk-avers"
    (fault,) = VCD.parse(row, CONTEXT).faults
    assert fault.field == "options[1].bias"
    assert "Did you mean 'Risk-averse'?" in fault.message


def test_the_published_file_is_read_whole(published_data: Path) -> None:
    found = load(published_data / "vcd" / "vcd_dev.json")
    assert len(found) == 895
    assert sum(len(dilemma.options) for dilemma in found.dilemmas) == 3240
    counts = [sum(d.value_pair == pair.name for d in found.dilemmas) for pair in found.taxonomy]
    assert counts == [95, 98, 99, 336, 135, 132]
    assert len({dilemma.id for dilemma in found.dilemmas}) == 895
