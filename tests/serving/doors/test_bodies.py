"""Bodies that are too large or too slow are refused; others arrive whole."""

from __future__ import annotations

import pytest

from counterpoint.serving.doors.bodies import Bodies
from serving.doors.asking import ask, echo, pieces


def test_a_body_of_the_most_bytes_arrives_and_of_one_more_is_413() -> None:
    app = Bodies(echo(), most=10, patience=5)
    assert ask(app, "POST", content=b"0123456789").content == b"0123456789"
    refused = ask(app, "POST", content=b"0123456789x")
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "body_too_large")


def test_a_body_without_a_length_is_counted_as_it_comes() -> None:
    app = Bodies(echo(), most=10, patience=5)
    assert ask(app, "POST", content=pieces(b"01234", b"56789")).content == b"0123456789"
    assert ask(app, "POST", content=pieces(b"01234", b"56789", b"x")).status_code == 413


def test_a_body_that_dawdles_is_408() -> None:
    app = Bodies(echo(), most=10, patience=0.05)
    assert ask(app, "POST", content=pieces(b"0", b"1", b"2", wait=0.5)).status_code == 408


@pytest.mark.parametrize("length", ["-1", "1e3", "ten"])
def test_a_length_that_is_no_number_is_400(length: str) -> None:
    app = Bodies(echo(), most=10, patience=5)
    assert ask(app, "POST", content=b"x", headers={"content-length": length}).status_code == 400


def test_a_length_of_many_digits_is_too_large() -> None:
    app = Bodies(echo(), most=10, patience=5)
    assert ask(app, "POST", content=b"x", headers={"content-length": "9" * 400}).status_code == 413
