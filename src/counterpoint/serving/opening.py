"""From settings to a running service: the store, the dilemmas with their evidence, the models. Slow; done once."""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from counterpoint import __version__
from counterpoint.data import load
from counterpoint.errors import BadInputError, CounterpointError, UnknownNameError
from counterpoint.models.language_model import LanguageModel
from counterpoint.models.saved import load_scorer
from counterpoint.models.scorer import Scorer
from counterpoint.serving.chat.adapters import Adapter, claim, read_adapters
from counterpoint.serving.chat.backend import Backend
from counterpoint.serving.chat.chat import Chat
from counterpoint.serving.desk import Desk
from counterpoint.serving.doors.logs import LOGGER
from counterpoint.serving.doors.sessions import Sessions
from counterpoint.serving.metrics import Metrics
from counterpoint.serving.people import People
from counterpoint.serving.service import Service
from counterpoint.serving.settings import Settings
from counterpoint.serving.storage import open_store
from counterpoint.serving.store.bank import Bank
from counterpoint.serving.store.beliefs import Beliefs
from counterpoint.steering.asking import BASE
from counterpoint.steering.engine import Engine
from counterpoint.steering.method import METHODS, Dial
from counterpoint.types import DataSet, Taxonomy, content_hash
from counterpoint.users.inference import open_evidence

logger = logging.getLogger(LOGGER)
DEFAULT = "mixture"
"""The method of requests that name none, where it works."""


def open_service(settings: Settings) -> Service:
    """Everything a service needs, opened.

    Raises:
        CounterpointError: a setting names something that isn't there or doesn't fit.
    """
    metrics = Metrics()
    store = open_store(settings.store, settings.secrets)
    adapters = read_adapters(settings.adapters, upstream=settings.upstream)
    claim(store, adapters)
    data = load(settings.data_name, taxonomy=settings.taxonomy or None)
    bank = Bank.open(store, data, lambda: open_scorer(settings.scorer, data))
    people = People(store, bank, beliefs=Beliefs(bank, model=settings.user_model))
    backends = open_backends(settings, adapters, data.taxonomy, metrics)
    _check_method(settings, backends)
    secret = bytes.fromhex(store.vault.keyed_hash("sessions of the pages"))
    sessions = Sessions(secret, secure=settings.secure_cookies)
    chat = Chat(backends, people, settings, metrics)
    return Service(settings, store, people, Desk(store), chat, sessions, metrics)


def prepare(settings: Settings) -> None:
    """Do what is slow and find what is wrong once, before worker processes begin."""

    async def close(service: Service) -> None:
        for backend in service.chat.backends:
            await backend.close()
        service.store.close()

    asyncio.run(close(open_service(settings)))


def open_scorer(name: str, data: DataSet) -> Scorer:
    """What reads evidence. The encoder is taught on the data once and kept, so that every process reads alike."""
    if name != "encoder":
        return open_evidence(name, data).scorer
    from counterpoint.models.bases import default_cache

    poles = [[pole.name, pole.description] for pole in data.taxonomy.poles]
    recipe = content_hash("serve encoder", __version__, data.digest, poles)
    folder = default_cache() / f"serve-encoder-{recipe[:16]}"
    if not folder.is_dir():
        _teach(data, folder)
    try:
        return load_scorer(folder)
    except BadInputError as error:
        logger.warning("the kept encoder can't be read; teaching it again", extra={"fields": {"why": str(error)}})
        shutil.rmtree(folder)
        _teach(data, folder)
        return load_scorer(folder)


def _teach(data: DataSet, folder: Path) -> None:
    logger.info("teaching the encoder on the data; kept for the next start")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="serve-encoder-making-") as temporary:
        made = Path(temporary) / "scorer"
        open_evidence("encoder", data).scorer.save(made)
        with suppress(OSError):  # another process was faster: its scorer is the one to use
            made.rename(folder)


def open_backends(
    settings: Settings, adapters: Sequence[Adapter], taxonomy: Taxonomy, metrics: Metrics
) -> tuple[Backend, ...]:
    """What writes replies: one endpoint for all models, or one batch for each model in this process."""
    if settings.upstream:
        from counterpoint.serving.chat.upstream import Upstream

        models = (settings.model, *(adapter.name for adapter in adapters))
        return (
            Upstream(
                settings.upstream, key=settings.upstream_key, models=models, taxonomy=taxonomy, timeout=settings.timeout
            ),
        )
    named = [(settings.model, settings.model)]
    named += [(adapter.name, f"lm:{adapter.folder}") for adapter in adapters]
    return tuple(_local(settings, name, place, taxonomy, metrics) for name, place in named)


def _local(settings: Settings, name: str, place: str, taxonomy: Taxonomy, metrics: Metrics) -> Backend:
    """Each has its own weights: an adapter's base is loaded again beside the model."""
    from counterpoint.serving.chat.local import Local

    language = LanguageModel.load(place)
    dials = _dials(settings, language, taxonomy)
    engine = Engine(language, taxonomy, materials=_materials(settings), dials=dials)
    methods = working_methods(engine)
    return Local(
        name,
        engine,
        methods=methods,
        max_waiting=settings.max_waiting,
        max_rows=settings.max_rows,
        metrics=metrics,
    )


def _materials(settings: Settings) -> dict[str, Path]:
    if not settings.materials:
        return {}
    found = {folder.name: folder for folder in sorted(Path(settings.materials).glob("*")) if folder.is_dir()}
    for name in found:
        METHODS.get(name)  # a folder of another name is a mistake
    if not found:
        raise BadInputError(f"materials {settings.materials!r}: no folder of a method in this folder")
    return found


def _dials(settings: Settings, language: LanguageModel, taxonomy: Taxonomy) -> dict[str, Dial]:
    """Calibrations saved as METHOD.json in the folder of dials."""
    from counterpoint.steering.calibration import identity_of
    from counterpoint.steering.dial import MethodDial

    if not settings.dials:
        return {}
    files = sorted(Path(settings.dials).glob("*.json"))
    if not files:
        raise BadInputError(f"dials {settings.dials!r}: no METHOD.json in this folder")
    model = identity_of(language)
    return {file.stem: MethodDial.load(file, method=file.stem, model=model, taxonomy=taxonomy) for file in files}


def working_methods(engine: Engine) -> tuple[str, ...]:
    """Methods that open on this model with what they were given, the default first."""
    found = []
    for name in METHODS.names():
        try:
            engine.method(name)
        except CounterpointError as error:
            logger.info("method left out", extra={"fields": {"method": name, "why": str(error)}})
        else:
            found.append(name)
    return tuple(sorted(found, key=lambda name: (name != DEFAULT, name)))


def _check_method(settings: Settings, backends: Sequence[Backend]) -> None:
    if not settings.method:
        return
    for backend in backends:
        for name in settings.method.split("+"):
            if name not in (*backend.methods, BASE):
                raise UnknownNameError("steering method here", name, (*backend.methods, BASE))
