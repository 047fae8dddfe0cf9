"""A folder says what kind of scorer it holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from counterpoint.errors import BadInputError
from counterpoint.models.caa import CaaScorer
from counterpoint.models.caa_fit import CaaConfig, fit_caa
from counterpoint.models.encoder import EncoderScorer
from counterpoint.models.icl import IclConfig, IclScorer
from counterpoint.models.lm_scorer import LmReading, LmScorer
from counterpoint.models.saved import load_scorer
from counterpoint.models.scorer import Scorer
from counterpoint.models.text_encoder import TextEncoder
from small_encoder import TWO_PAIRS, made_up_dilemmas, small_text_encoder
from small_language import language, randomised

DILEMMAS = made_up_dilemmas(12)
POLES = [TWO_PAIRS.by_name[dilemma.value_pair].poles for dilemma in DILEMMAS]
ONE = CaaConfig(layers=(0,), multipliers=(1.0,))


def encoder(_: Path) -> Scorer:
    return EncoderScorer(small_text_encoder(), TWO_PAIRS.poles)


def adapter(folder: Path) -> Scorer:
    made = language("none", folder=folder)
    made.add_adapter()
    randomised(made.model)
    return LmScorer(made, LmReading(form="letter"))


def steered(folder: Path) -> Scorer:
    return fit_caa(LmScorer(language("none", folder=folder), LmReading(form="letter")), DILEMMAS, TWO_PAIRS, config=ONE)


def shown(folder: Path) -> Scorer:
    return IclScorer(LmScorer(language("none", folder=folder), LmReading(form="letter")), DILEMMAS, IclConfig(shots=1))


KINDS = [(encoder, EncoderScorer), (adapter, LmScorer), (steered, CaaScorer), (shown, IclScorer)]


@pytest.mark.parametrize(("make", "kind"), KINDS)
def test_every_kind_comes_back_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: object, kind: type
) -> None:
    monkeypatch.setattr(TextEncoder, "load", lambda *_, **__: small_text_encoder())
    scorer: Scorer = make(tmp_path / "base")  # type: ignore[operator]
    scorer.save(tmp_path / "saved")
    found = load_scorer(tmp_path / "saved")
    assert type(found) is kind
    for a, b in zip(found.score(DILEMMAS, POLES), scorer.score(DILEMMAS, POLES), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("content", [None, "{", "[]", '{"format": 3}', '{"format": "counterpoint.other/1"}'])
def test_anything_else_is_bad_input(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "scorer.json").write_text(content)
    with pytest.raises(BadInputError, match=tmp_path.name):
        load_scorer(tmp_path)
