"""From settings to files, with the price beforehand."""

import json

import pytest

from counterpoint.authoring.dilemmas.authoring import identity, price
from counterpoint.authoring.dilemmas.writing import DilemmaSettings
from counterpoint.authoring.llm import Endpoint
from counterpoint.data import taxonomy

HERE = Endpoint("m", "http://here/v1", price_in=1.0, price_out=4.0)


def marked(settings=DilemmaSettings(), endpoint=HERE, checker=HERE, name="vcd", likeness="words"):
    return json.dumps(identity(settings, taxonomy(name), writer=endpoint, checker=checker, likeness=likeness))


def test_whatever_decides_the_rows_is_in_a_runs_identity():
    others = [
        marked(DilemmaSettings(seed=1)),
        marked(DilemmaSettings(twins=True)),
        marked(DilemmaSettings(sizes=(2,))),
        marked(endpoint=Endpoint("n", "http://here/v1")),
        marked(checker=Endpoint("m", "http://there/v1")),
        marked(name="bqd"),
        marked(likeness="sentence encoder"),
    ]
    assert len({marked(), *others}) == 8


def test_what_only_decides_how_fast_is_not():
    assert marked(endpoint=Endpoint("m", "http://here/v1", concurrency=64, price_in=9.0)) == marked()


def test_the_price_of_a_plan():
    once = price(1, DilemmaSettings(), writer=HERE, checker=HERE, attempts=4)
    assert once.calls == 4
    assert once.expected == pytest.approx((once.tokens_in + 4 * once.tokens_out) / 1e6)
    assert price(50, DilemmaSettings(), writer=HERE, checker=HERE, attempts=4).expected == pytest.approx(
        50 * once.expected
    )
    assert price(1, DilemmaSettings(twins=True), writer=HERE, checker=HERE, attempts=4).calls == 6
    assert once.at_most > 4 * once.expected
    free = Endpoint("m", "http://here/v1", price_in=0.0, price_out=0.0)
    assert price(1, DilemmaSettings(), writer=free, checker=free, attempts=4).at_most == 0
