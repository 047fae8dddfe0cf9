"""GET /v1/models and /v1/models/{model}: OpenAI's list; GET /v1/value-pairs: what people's leanings are about."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter

from counterpoint.serving.chat.chat import Chat
from counterpoint.serving.doors.errors import documented
from counterpoint.serving.routes.fields import Reader, Strict, Talker
from counterpoint.serving.service import Served
from counterpoint.steering.asking import BASE

router = APIRouter(tags=["models"])


class Model(Strict):
    """Something that writes replies."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str
    methods: list[str]
    """Steering methods that work with it, the default first; `base` last."""


class ModelList(Strict):
    """All models."""

    object: Literal["list"] = "list"
    data: list[Model]


class PoleRecord(Strict):
    """One side of a value pair."""

    name: str
    description: str


class PairRecord(Strict):
    """One value pair."""

    name: str
    positive: PoleRecord
    negative: PoleRecord


class PairList(Strict):
    """The axes of everybody's leanings, in order."""

    taxonomy: str
    value_pairs: list[PairRecord]


@router.get("/v1/models", response_model=ModelList, responses=documented())
async def list_models(who: Talker, service: Served) -> ModelList:
    """What can write replies."""
    del who
    return ModelList(data=[_record(service.chat, name) for name in service.chat.by_model])


@router.get("/v1/models/{model:path}", response_model=Model, responses=documented(404))
async def get_model(model: str, who: Talker, service: Served) -> Model:
    """One of them."""
    del who
    service.chat.backend(model)
    return _record(service.chat, model)


@router.get("/v1/value-pairs", response_model=PairList, responses=documented())
async def list_value_pairs(who: Reader, service: Served) -> PairList:
    """What people's leanings are about."""
    del who
    taxonomy = service.people.bank.taxonomy
    pairs = [
        PairRecord(
            name=pair.name,
            positive=PoleRecord(name=pair.positive.name, description=pair.positive.description),
            negative=PoleRecord(name=pair.negative.name, description=pair.negative.description),
        )
        for pair in taxonomy
    ]
    return PairList(taxonomy=taxonomy.name, value_pairs=pairs)


def _record(chat: Chat, name: str) -> Model:
    methods = [*chat.by_model[name].methods, BASE]
    return Model(id=name, created=chat.started, owned_by="counterpoint", methods=methods)
