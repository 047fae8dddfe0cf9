"""Errors say what, its value, what was expected; each is also a standard exception."""

from __future__ import annotations

import pytest

from counterpoint.errors import BadDataError, BadInputError, CounterpointError, MissingExtraError, UnknownNameError
from counterpoint.types import Problem


def test_every_kind_is_a_standard_exception_too() -> None:
    kinds = {BadInputError: ValueError, UnknownNameError: KeyError, MissingExtraError: ImportError}
    for kind, standard in kinds.items():
        assert issubclass(kind, CounterpointError)
        assert issubclass(kind, standard)
    assert issubclass(BadDataError, BadInputError)


def test_an_unknown_name_is_told_with_the_nearest_and_without_key_errors_quotes() -> None:
    error = UnknownNameError("method", "ptf", ("sft_mixed", "pft"))
    assert str(error) == "unknown method 'ptf'. Did you mean 'pft'? Known: pft, sft_mixed"
    assert str(UnknownNameError("method", "zzz", ("pft",))) == "unknown method 'zzz'. Known: pft"
    assert str(UnknownNameError("method", "zzz", ())) == "unknown method 'zzz'. Known: none"


@pytest.mark.parametrize(("count", "said"), [(1, "1 problem in"), (20, "20 problems in"), (23, "... and 3 more")])
def test_bad_data_names_the_first_twenty_problems_and_counts_the_rest(count: int, said: str) -> None:
    problems = [Problem("tea.json", f"record {i}", "pole", "is unknown", "'x'") for i in range(count)]
    error = BadDataError(problems, hint="Do this.")
    assert error.problems == tuple(problems)
    text = str(error)
    assert said in text
    assert text.count("tea.json: record") == min(count, 20)
    assert "tea.json: record 0, pole: is unknown (got 'x')" in text
    assert text.endswith("\nDo this.")
    assert ("more" in text) is (count > 20)


def test_a_missing_extra_says_how_to_install_it() -> None:
    assert "pip install 'counterpoint[encoder]'" in str(MissingExtraError("The encoder", "encoder"))
