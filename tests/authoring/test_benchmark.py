"""What benchmarks/authoring.py measures: small in the default suite, with the numbers promised where slow tests run."""

import importlib.util
from pathlib import Path

import pytest

FILE = Path(__file__).parents[2] / "benchmarks" / "authoring.py"
_spec = importlib.util.spec_from_file_location("benchmarks_authoring", FILE)
benchmark = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(benchmark)


def check_killed(result, kills):
    assert result["same rows"], (result, kills)
    assert (result["paid twice"], result["partial lines"], result["left over"]) == (0, 0, [])
    assert result["rows"] > 0


def check_malformed(result):
    assert result["share bad"] > 0.25
    assert (result["in the output"], result["unaccounted"]) == (0, 0)
    assert result["rows"] > 0


def test_a_run_killed_twice_ends_as_one_that_was_not():
    check_killed(benchmark.killed(24, 2), 2)


def test_malformed_answers_stay_out_of_the_output_and_are_accounted_for():
    check_malformed(benchmark.malformed(8))


def test_the_cap_is_not_passed_by_more_than_what_is_in_flight():
    money = benchmark.capped(0.002)
    assert money["over"] <= money["in flight"]
    assert money["server's count"] > 0.001


@pytest.mark.slow
def test_a_run_of_five_hundred_calls_killed_twenty_times_ends_as_one_that_was_not():
    result = benchmark.killed(500, 20)
    check_killed(result, 20)
    assert result["calls"] >= 500


@pytest.mark.slow
def test_three_in_ten_answers_malformed_over_hundreds_of_calls():
    check_malformed(benchmark.malformed(60))
