"""Rows, rejections and the card say what happened and what it cost."""

import json

from counterpoint.authoring.calls import Answer
from counterpoint.authoring.llm import MENDING
from counterpoint.authoring.provenance import About, card_in_words, write_records
from counterpoint.authoring.run import Draft, Outcome, Rejection


def answer(key, step, cost):
    return Answer(key, "text", "stop", 30, 10, cost, "m", "here", 0.0, 5, step, "p/1 sha256:ab")


GOOD = Draft({"id": "a"}, (answer("1", "scene", 0.1), answer("2", "scene" + MENDING, 0.2)), {"labels read": ["x"]})
OUTCOME = Outcome(((0, 1, GOOD),), (Rejection(0, 0, "refused", "No.", (answer("3", "scene", 0.4),)),), (1,), "the cap")
ABOUT = About("rivers", "rows", "CC0-1.0", 2, {"seed": 5}, {"rows": 1}, "abc", ["error: x"])


def test_each_row_names_prompt_model_endpoint_time_seed_cost_and_checks(tmp_path):
    write_records(tmp_path, OUTCOME, ABOUT, lambda draft: draft.row["id"])
    (row,) = [json.loads(line) for line in (tmp_path / "provenance.jsonl").read_text().splitlines()]
    assert (row["id"], row["slot"], row["attempt"], row["cost"]) == ("a", 0, 1, 0.3)
    assert row["checks"] == {"labels read": ["x"]}
    assert row["steps"][0] == {
        "step": "scene",
        "prompt": "p/1 sha256:ab",
        "model": "m",
        "endpoint": "here",
        "time": "1970-01-01T00:00:00+00:00",
        "seed": 5,
        "tokens_in": 30,
        "tokens_out": 10,
        "cost": 0.1,
        "finish": "stop",
        "answer": "1",
    }


def test_each_rejection_names_its_reason_and_cost(tmp_path):
    write_records(tmp_path, OUTCOME, ABOUT, lambda draft: draft.row["id"])
    row = json.loads((tmp_path / "rejected.jsonl").read_text())
    assert (row["slot"], row["attempt"], row["reason"], row["detail"], row["cost"]) == (0, 0, "refused", "No.", 0.4)


def test_the_card_adds_up(tmp_path):
    card = write_records(tmp_path, OUTCOME, ABOUT, lambda draft: draft.row["id"])
    assert json.loads((tmp_path / "card.json").read_text()) == card
    assert (card["rows"], card["planned"], card["complete"], card["stopped"]) == (1, 2, False, "the cap")
    assert (card["cost"], card["cost_of_rejected"]) == (0.7, 0.4)
    assert (card["tokens_in"], card["tokens_out"]) == (90, 30)
    assert card["answers"] == {"scene": 2, "scene" + MENDING: 1}
    assert (card["mended"], card["rejected"]) == (1, {"refused": 1})
    assert (card["licence"], card["findings"]) == ("CC0-1.0", ["error: x"])


def test_the_card_reads_as_text(tmp_path):
    text = card_in_words(write_records(tmp_path, OUTCOME, ABOUT, lambda draft: draft.row["id"]))
    for said in (
        "# rivers",
        "1 rows of 2 planned (incomplete)",
        "stopped: the cap",
        "CC0-1.0",
        "refused: 1",
        "m at here",
    ):
        assert said in text
