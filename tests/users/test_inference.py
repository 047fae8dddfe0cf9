"""From events to beliefs, in figures, in words and as a picture."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from counterpoint.errors import BadInputError
from counterpoint.types import Choice, ChoiceKind, DataSet
from counterpoint.users.belief import Belief
from counterpoint.users.events import by_id_and_digest
from counterpoint.users.evidence import Evidence
from counterpoint.users.inference import Inference, as_record, in_words, infer_person, make_model, open_evidence
from counterpoint.users.plot import draw_path
from users.small import TAXONOMY, WordScorer, dilemma

BANK = [dilemma(f"d{i}", "leap", "guard", scene="gaming" if i % 2 else "medical") for i in range(12)]
DILEMMAS = by_id_and_digest(BANK)
EVIDENCE = Evidence(WordScorer(), TAXONOMY)


def event(number: int, option: int) -> Choice:
    return Choice(f"e{number}", "ann", float(number + 1), ChoiceKind.CHOSE, f"d{number}", ((option,),))


def infer(events: list[Choice], model: str = "gaussian", as_of: float | None = None) -> Inference:
    made = make_model(model, Belief.flat(2), EVIDENCE)
    return infer_person("ann", events, model=made, evidence=EVIDENCE, dilemmas=DILEMMAS, as_of=as_of)


CAREFUL = [event(n, 1) for n in range(6)]


def test_late_and_repeated_events_give_the_belief_of_those_in_order() -> None:
    in_order, mixed = infer(CAREFUL), infer([CAREFUL[4], *CAREFUL[::-1], CAREFUL[0]])
    assert np.array_equal(in_order.belief.mean, mixed.belief.mean)
    assert np.array_equal(in_order.belief.covariance, mixed.belief.covariance)
    assert in_order.belief.count == mixed.belief.count == 6


@pytest.mark.parametrize("model", ["gaussian", "drifting", "contextual"])
def test_the_past_is_what_was_known_then(model: str) -> None:
    then, short = infer(CAREFUL, model, as_of=3.5), infer(CAREFUL[:3], model)
    assert then.belief.mean == pytest.approx(short.belief.mean, abs=1e-6)
    assert then.belief.count == 3


def test_taking_everything_back_leaves_a_newcomer() -> None:
    back = [Choice(f"r{n}", "ann", 100.0, ChoiceKind.RETRACTED, target=f"e{n}") for n in range(6)]
    found = infer(CAREFUL + back)
    assert found.belief.mean.tolist() == [0, 0]
    assert found.belief.count == 0


def test_the_summary_says_leanings_and_what_is_not_known() -> None:
    words = in_words(infer(CAREFUL), TAXONOMY)
    assert words == "ann leans clearly to Careful. No idea yet about Pace."
    assert in_words(infer([]), TAXONOMY) == "No idea yet about Risk and Pace."


def test_the_summary_tells_scenes_apart_where_they_differ() -> None:
    both = infer([event(n, n % 2) for n in range(12)], "contextual")
    assert set(both.scenes) == {"gaming", "medical"}
    words = in_words(both, TAXONOMY)
    assert "leans clearly to Careful in gaming" in words
    assert "leans clearly to Daring in medical" in words


def test_the_record_holds_every_figure_under_its_name() -> None:
    record = as_record(infer(CAREFUL), TAXONOMY)
    first = record["value_pairs"][0]
    assert first["mean"] < 0 < first["evidence"]
    assert first["low"] < first["mean"] < first["high"]
    assert first["probability_positive"] < 0.05
    assert (record["observations"], record["last_event"], record["last_change"]) == (6, "1970-01-01T00:00:06Z", None)


def test_the_picture_is_well_formed_whatever_the_name() -> None:
    found = infer(CAREFUL)
    odd = Inference('<b>&"ann"', found.belief, found.prior, {}, found.path)
    root = ElementTree.fromstring(draw_path(odd, TAXONOMY))
    lines = [e for e in root.iter() if e.tag.endswith("polyline")]
    assert len(lines) == 2
    # The start and six events.
    assert all(len(line.attrib["points"].split()) == 7 for line in lines)
    assert ElementTree.fromstring(draw_path(infer([]), TAXONOMY)) is not None


def test_a_model_that_is_nothing_is_refused() -> None:
    with pytest.raises(BadInputError, match="neither 'encoder'"):
        open_evidence("nonsense", DataSet("small", TAXONOMY, tuple(BANK)))
