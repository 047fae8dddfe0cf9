"""From settings to a running service: models, adapters, scorers and methods; what is missing is said at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from counterpoint.errors import BadInputError, CounterpointError, UnknownNameError
from counterpoint.models.decoding import Decoding
from counterpoint.models.language_model import LanguageModel, LoraSettings
from counterpoint.serving.chat.backend import Order
from counterpoint.serving.opening import open_service
from counterpoint.serving.service import Service
from counterpoint.serving.settings import Settings
from counterpoint.serving.store import keys
from counterpoint.serving.store.records import NewEvent, Principal, Scope
from counterpoint.steering.asking import Message
from counterpoint.steering.steering import nothing
from counterpoint.types import ChoiceKind
from serving.process import make_parts
from small_language import randomised

WHO = Principal("acme", "test", frozenset(Scope), "request")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, an adapter and dilemmas."""
    folder = tmp_path_factory.mktemp("opening")
    make_parts(folder)
    language = LanguageModel.load(f"lm:{folder / 'model'}")
    language.add_adapter(LoraSettings())
    randomised(language.model)
    language.save(folder / "adapter")
    return folder


def settings(folder: Path, database: Path, **changes: object) -> Settings:
    """Everything of that folder."""
    model = f"lm:{folder / 'model'}"
    told = {"model": model, "scorer": model, "data": str(folder / "dilemmas.jsonl")}
    return Settings(**{**told, "store": f"sqlite:///{database / 'store.db'}", **changes})  # type: ignore[arg-type]


@pytest.fixture
def opened(folder: Path, tmp_path: Path) -> Iterator[Service]:
    """A service with an adapter."""
    service = open_service(settings(folder, tmp_path, adapters=(f"tide-v1={folder / 'adapter'}",)))
    yield service
    close(service)


def close(service: Service) -> None:
    """As the application does when it ends."""
    for backend in service.chat.backends:
        asyncio.run(backend.close())
    service.store.close()


def reply(service: Service, model: str) -> str:
    """The likeliest tokens."""
    taxonomy = service.people.bank.taxonomy
    decoding = Decoding(temperature=0, max_new_tokens=12)
    order = Order(model, (Message("user", "Hello"),), nothing(taxonomy), "base", decoding, 0)

    async def text() -> str:
        async with aclosing(service.chat.write(order)) as pieces:
            return "".join([piece.text async for piece in pieces])

    return asyncio.run(text())


def test_an_adapter_is_a_model_of_its_own_and_leaves_the_base_alone(opened: Service, folder: Path) -> None:
    base = f"lm:{folder / 'model'}"
    assert list(opened.chat.by_model) == [base, "tide-v1"]
    assert reply(opened, "tide-v1") != reply(opened, base)
    assert {"mixture", "instruction"} <= set(opened.chat.by_model["tide-v1"].methods)
    assert opened.chat.by_model[base].methods[0] == "mixture"


def test_a_scorer_given_as_a_model_reads_what_people_do(opened: Service) -> None:
    keys.create_tenant(opened.store, "acme")
    opened.people.record(WHO, "ann", [NewEvent(ChoiceKind.SAID, pole="Risk-taking", strength=2.0)])
    assert opened.people.preferences(WHO, "ann").observations == 1


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"model": "lm:/nowhere"}, BadInputError),
        ({"method": "hypnosis"}, UnknownNameError),
        ({"user_model": "horoscope"}, UnknownNameError),
        ({"data": "/nowhere.jsonl"}, CounterpointError),
        ({"scorer": "/nowhere"}, BadInputError),
        ({"materials": "/nowhere"}, BadInputError),
        ({"dials": "/nowhere"}, BadInputError),
        ({"store": "mysql://x"}, BadInputError),
    ],
)
def test_what_is_not_there_is_said_at_the_start(
    folder: Path, tmp_path: Path, changes: dict[str, object], kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        open_service(settings(folder, tmp_path, **changes))
