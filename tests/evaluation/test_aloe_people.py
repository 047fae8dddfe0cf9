"""Cases: drawn by a seed, crossed, and held out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from counterpoint.data.conversations import Persona
from counterpoint.errors import BadInputError
from counterpoint.evaluation.aloe.people import check_held_out, load_people
from counterpoint.evaluation.aloe.proof import somebody_else


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, count in (("profile", 30), ("personality", 8)):
        lines = [json.dumps(f"{name} {i}") for i in range(count)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join([*lines, lines[0], ""]))
    return tmp_path


def test_a_folder_gives_every_profile_drawn_with_every_personality_drawn(folder: Path) -> None:
    people = load_people(folder, cases=100, profiles=20, personalities=5, seed=0)
    assert len(people) == len({person.id for person in people}) == 100
    assert len({person.profile for person in people}) == 20
    assert len({person.personality for person in people}) == 5
    assert people == load_people(folder, cases=100, profiles=20, personalities=5, seed=0)
    assert people != load_people(folder, cases=100, profiles=20, personalities=5, seed=1)


def test_a_folder_with_too_few_or_no_descriptions_is_refused(folder: Path) -> None:
    with pytest.raises(BadInputError, match="holds 8 different descriptions; expected 9 at least"):
        load_people(folder, cases=100, profiles=20, personalities=9, seed=0)
    (folder / "profile.jsonl").write_text('{"profile": "A welder."}\n')
    with pytest.raises(BadInputError, match="line 1: expected a JSON string"):
        load_people(folder, cases=100, profiles=1, personalities=1, seed=0)


def test_two_descriptions_run_together_on_a_line_are_two_as_in_the_published_pool(folder: Path) -> None:
    (folder / "profile.jsonl").write_text('"A welder.""A diver."\n\n"A judge."\n')
    people = load_people(folder, cases=100, profiles=3, personalities=1, seed=0)
    assert [person.profile for person in people] == ["A welder.", "A diver.", "A judge."]
    for broken in ('"A welder." 3\n', '"A welder."""\n', '"A welder\n'):
        (folder / "profile.jsonl").write_text(broken)
        with pytest.raises(BadInputError, match="line 1: expected a JSON string"):
            load_people(folder, cases=100, profiles=1, personalities=1, seed=0)


def test_a_file_gives_so_many_of_its_personas(tmp_path: Path) -> None:
    file = tmp_path / "people.jsonl"
    rows = [{"id": f"p{i}", "profile": f"Life {i}.", "personality": "Calm."} for i in range(9)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert len(load_people(file, cases=4, profiles=1, personalities=1, seed=0)) == 4
    assert len(load_people(file, cases=40, profiles=1, personalities=1, seed=0)) == 9


def test_people_who_were_trained_on_are_refused_whichever_half_is_known() -> None:
    known = [Persona("t", "A welder of 40.", "Says little.")]
    check_held_out([Persona("a", "A nurse.", "Calm.")], known)
    for persona in (Persona("b", "a welder  of 40.", "Calm."), Persona("c", "A nurse.", "Says little.")):
        with pytest.raises(BadInputError, match=f"trained on \\({persona.id}\\)"):
            check_held_out([persona], known)


def test_somebody_else_differs_in_both_halves() -> None:
    people = [Persona(f"{i}{j}", f"life {i}", f"manner {j}") for i in range(3) for j in range(2)]
    assert [somebody_else(people, place).id for place in range(6)] == ["11", "10", "21", "20", "01", "00"]
    with pytest.raises(BadInputError, match="nobody among 2 cases"):
        somebody_else(people[:2], 0)
