"""Taxonomies: built in and a user's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterpoint.data.taxonomy import built_in_with, taxonomy, taxonomy_names
from counterpoint.errors import BadDataError, UnknownNameError

PAIR = """
[[pairs]]
name = "Volume"
positive = { name = "Loud", description = "Likes it loud.", stems = ["loud"] }
negative = { name = "Quiet", description = "Likes it quiet." }
"""


def test_the_built_in_taxonomies_have_the_papers_numbers_of_pairs() -> None:
    assert {name: len(taxonomy(name)) for name in taxonomy_names()} == {"vcd": 6, "bqd": 7, "preference": 1, "toy": 2}
    for name in taxonomy_names():
        assert all(pole.description.endswith(".") for pole in taxonomy(name).poles)


def test_the_first_named_pole_of_the_paper_is_the_positive_one() -> None:
    assert taxonomy("vcd").by_name["Change Preference"].positive.name == "Innovation-seeking"


def test_a_taxonomy_of_ones_own_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"' + PAIR)
    mine = taxonomy(path)
    assert [pole.name for pole in mine.poles] == ["Loud", "Quiet"]
    assert mine.pairs[0].positive.stems == ("loud",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name = "mine"\n', "pairs: is missing"),
        ('name = "mine"\npairs = []\n', "has no value pair"),
        ("name = ", "is not TOML"),
        ('name = "mine"\ncolour = "red"' + PAIR, "colour: unknown key"),
        ('name = "mine"' + PAIR.replace("stems", "stem"), "pairs[0].positive.stem: unknown key. Did you mean 'stems'?"),
        ('name = "mine"' + PAIR.replace("description", "descripton", 1), "Did you mean 'description'?"),
        ('name = "mine"' + PAIR.replace('"Quiet"', '"Loud"'), "the same name for several poles (got Loud)"),
        ('name = "mine"' + PAIR + PAIR, "the same name for several value pairs (got Volume)"),
        (
            'name = "mine"' + PAIR.replace('"Likes it loud."', "7"),
            "positive.description: must be text (got 7)",
        ),
        ('name = ""' + PAIR, "name: is empty"),
    ],
)
def test_a_wrong_taxonomy_is_refused_with_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(BadDataError) as refused:
        taxonomy(path)
    assert said in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_taxonomy_file_in_another_encoding_or_a_folder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes('name = "für"'.encode("latin-1"))
    for wrong in (path, tmp_path):
        with pytest.raises(BadDataError):
            taxonomy(wrong)


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'preference'"):
        taxonomy("preferences")


def test_the_built_in_taxonomy_of_a_pair_or_pole_is_found() -> None:
    assert built_in_with(value_pair="sycophancy") == "bqd"
    assert built_in_with(pole="Intuitive") == "vcd"
    assert built_in_with(pole="nobody's", default="preference") == "preference"
