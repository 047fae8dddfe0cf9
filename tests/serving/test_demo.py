"""The demo: simulated people, said to be so, and a model that answers by choosing."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from openai import OpenAI

from counterpoint.serving.demo import NOTICE, REFUSAL, TENANT, Chooser, Demo, demo_settings, names, open_demo
from counterpoint.serving.store.records import Principal
from counterpoint.users.simulate import KINDS
from serving.served import running, settings_for


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo's database is."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def demo(folder: Path, embedding_cache: Path) -> Demo:
    """The demo, opened."""
    del embedding_cache
    return open_demo(demo_settings(settings_for(folder)))


@pytest.fixture(scope="module")
def chooser(demo: Demo) -> Chooser:
    """Who answers."""
    (backend,) = demo.service.chat.backends
    assert isinstance(backend, Chooser)
    return backend


def test_everybody_in_it_is_simulated_and_called_so(demo: Demo) -> None:
    people = demo.service.people.people(Principal(TENANT, "test"))
    assert [row.name for row in people] == sorted(names())
    assert all("(simulated, " in row.name for row in people)
    assert [kind in name for kind, name in zip(KINDS, names(), strict=True)] == [True] * 5
    assert "simulated" in NOTICE
    assert demo.service.settings.notice == NOTICE


def test_opening_it_again_leaves_the_people_as_they_are(demo: Demo, folder: Path) -> None:
    who = Principal(TENANT, "test")
    before = list(demo.service.people.people(who))
    again = open_demo(demo_settings(settings_for(folder)))
    assert list(again.service.people.people(who)) == before
    assert again.key != demo.key
    again.service.store.close()


def test_it_chooses_as_somebody_of_that_leaning_would(demo: Demo, chooser: Chooser) -> None:
    taxonomy = demo.service.people.bank.taxonomy
    right = total = 0
    for question in demo.service.people.bank.questions:
        assert question.dilemma is not None
        axis = [pair.name for pair in taxonomy].index(question.dilemma.value_pair)
        for sign, pole in ((1, taxonomy.pairs[axis].positive.name), (-1, taxonomy.pairs[axis].negative.name)):
            vector = np.zeros(len(taxonomy))
            vector[axis] = 2.0 * sign
            right += chooser.choose(question.dilemma, vector).pole == pole
            total += 1
    assert right / total > 0.9  # it was taught these; chance is about a half


def test_it_knows_a_situation_however_it_is_spaced_and_says_when_it_does_not(demo: Demo, chooser: Chooser) -> None:
    dilemma = demo.service.people.bank.questions[0].dilemma
    assert dilemma is not None
    assert chooser.asked(f"Please:\n{dilemma.scenario.upper()}\n\nWell?") == dilemma
    assert chooser.asked("What is the capital of France?") is None


def test_the_addresses_it_prints_let_one_in_and_its_key_works_with_the_real_client(demo: Demo) -> None:
    with running(demo.service) as site:
        welcome = demo.welcome(site.url)
        assert NOTICE in welcome
        for address, heading in zip(re.findall(r"http\S+", welcome), ("Everybody", "Where you stand"), strict=True):
            with httpx.Client(follow_redirects=True) as browser:
                fields = dict(re.findall(r'name="(csrf|token)" value="([^"]+)"', browser.get(address).text))
                assert f"<h1>{heading}</h1>" in browser.post(f"{site.url}/link", data=fields).text
        client = OpenAI(base_url=f"{site.url}/v1", api_key=demo.key, max_retries=0)
        model = client.models.list().data[0].id
        dilemma = demo.service.people.bank.questions[0].dilemma
        assert dilemma is not None
        asked = [{"role": "user", "content": dilemma.scenario}]
        reply = client.chat.completions.create(model=model, messages=asked, user=names()[0])  # type: ignore[call-overload]
        assert reply.choices[0].message.content.startswith(tuple(option.text for option in dilemma.options))
        pieces = client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "Hello"}], stream=True
        )
        assert "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices) == REFUSAL


def test_settings_of_the_demo_keep_what_the_operator_decided(folder: Path) -> None:
    told = replace(settings_for(folder), max_body=12345, public_url="https://demo.example.org")
    made = demo_settings(told)
    assert (made.max_body, made.public_url, made.store) == (12345, told.public_url, told.store)
    assert (made.data_name, made.notice) == ("crossroads", NOTICE)


def test_the_event_loop_is_free_again(demo: Demo) -> None:
    asyncio.run(demo.service.chat.backends[0].ready())
