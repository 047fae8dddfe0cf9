"""The application: routes behind doors, every refusal in OpenAI's words, and a description without gaps.

uvicorn --factory counterpoint.serving.app:from_environment
"""

from __future__ import annotations

import gc
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache, partial
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from counterpoint import __version__
from counterpoint.errors import BadInputError, CounterpointError, MissingExtraError, UnknownNameError
from counterpoint.serving.description import DESCRIPTION, describe
from counterpoint.serving.doors import logs
from counterpoint.serving.doors.bodies import Bodies
from counterpoint.serving.doors.deadlines import Deadlines
from counterpoint.serving.doors.errors import ApiError
from counterpoint.serving.doors.headers import SecureHeaders
from counterpoint.serving.doors.identity import Identity
from counterpoint.serving.doors.keys import Keys
from counterpoint.serving.doors.rates import Rates
from counterpoint.serving.opening import open_service
from counterpoint.serving.routes import audit, chat, events, health, holdings, models, preferences, questions
from counterpoint.serving.service import Service
from counterpoint.serving.settings import Settings
from counterpoint.serving.store.keys import authenticate
from counterpoint.serving.store.records import (
    ConflictError,
    PersonDeletedError,
    Principal,
    StoreError,
    UnknownPersonError,
)

ROUTERS = (chat, models, events, preferences, questions, holdings, audit, health)
logger = logging.getLogger(logs.LOGGER)

_DOMAIN: tuple[tuple[type[CounterpointError], int, str], ...] = (
    (UnknownPersonError, 404, "unknown_person"),
    (PersonDeletedError, 410, "person_deleted"),
    (ConflictError, 409, "conflict"),
    (UnknownNameError, 404, "unknown_name"),
    (StoreError, 503, "store_unavailable"),
    (BadInputError, 400, "bad_input"),
    (MissingExtraError, 500, "missing_extra"),
    (CounterpointError, 400, "bad_input"),
)
"""Errors of the domain as statuses and codes; the first that fits counts."""


def from_environment() -> FastAPI:
    """The application that `counterpoint serve` described in the environment; for worker processes."""
    logs.set_up()
    settings = Settings.from_environment()
    app = create_app(settings, open_service(settings))
    keep_what_stays()
    return app


def keep_what_stays() -> None:
    """Take what is here for good out of garbage collection, which would look at all of it while everybody waits."""
    gc.collect()
    gc.freeze()


def create_app(settings: Settings, service: Service) -> FastAPI:
    """The application around an opened service, which it closes when it ends."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        logger.info("ready", extra={"fields": {"models": list(service.chat.by_model)}})
        yield
        for backend in service.chat.backends:
            await backend.close()
        service.desk.close()
        service.store.close()
        logger.info("stopped")

    app = FastAPI(
        title="Counterpoint",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation,
        lifespan=lifespan,
    )
    app.state.service = service
    for module in ROUTERS:
        app.include_router(module.router)
    _include_pages(app, service)
    _handle_errors(app)
    app.openapi = _description(app, service)  # type: ignore[method-assign]
    _add_doors(app, settings, service)
    return app


def _include_pages(app: FastAPI, service: Service) -> None:
    if not service.settings.pages:
        return
    from counterpoint.serving.pages.router import router

    app.include_router(router, include_in_schema=False)


def _description(app: FastAPI, service: Service) -> Callable[[], dict[str, Any]]:
    return cache(partial(describe, app, models=list(service.chat.by_model), taxonomy=service.people.bank.taxonomy))


def _add_doors(app: FastAPI, settings: Settings, service: Service) -> None:
    """Each wraps those before it, so the last is the outermost: see `doors`."""

    def known(secret: str, request: str) -> Principal:
        return authenticate(service.store, secret, request=request)

    rates = Rates(settings.rate, settings.burst)
    app.add_middleware(Deadlines, seconds=settings.timeout)
    app.add_middleware(Bodies, most=settings.max_body, patience=settings.body_timeout)
    app.add_middleware(Keys, authenticate=known, rates=rates, remember=settings.key_cache, metrics=service.metrics)
    app.add_middleware(SecureHeaders, https=settings.secure_cookies)
    app.add_middleware(Identity, metrics=service.metrics)


# Errors


def _handle_errors(app: FastAPI) -> None:
    handlers: dict[type[Exception], Callable[[Request, Any], Any]] = {
        ApiError: _refuse,
        CounterpointError: _refuse_domain,
        RequestValidationError: _refuse_invalid,
        HTTPException: _refuse_http,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


async def _refuse(_: Request, error: ApiError) -> Response:
    return error.response()


async def _refuse_domain(request: Request, error: CounterpointError) -> Response:
    status, code = next((status, code) for kind, status, code in _DOMAIN if isinstance(error, kind))
    if status >= 500:
        fields = {"request": request.state.request_id, **logs.traced(error)}
        logger.error("refused", extra={"fields": fields})
    headers = {"Retry-After": "1"} if status == 503 else {}
    return ApiError(status, code, str(error), headers=headers).response()


async def _refuse_invalid(request: Request, error: RequestValidationError) -> Response:
    """400 with every fault, values left out; 415 where a body was needed and is no JSON."""
    faults = error.errors()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    told_json = kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
    if any(fault["loc"][:1] == ("body",) for fault in faults) and not told_json and await request.body():
        return ApiError(415, "not_json", "send JSON, with Content-Type: application/json").response()
    told = []
    for fault in faults[:10]:
        place = ".".join(str(part) for part in fault["loc"][1:]) or str(fault["loc"][0])
        told.append(f"{place}: {_message(fault)}")
    more = f" (and {len(faults) - 10} more)" if len(faults) > 10 else ""
    first = ".".join(str(part) for part in faults[0]["loc"][1:]) or None
    code = "unknown_parameter" if faults[0]["type"] == "extra_forbidden" else "invalid_value"
    return ApiError(400, code, "; ".join(told) + more, param=first).response()


def _message(fault: Any) -> str:
    return "is not known" if fault["type"] == "extra_forbidden" else str(fault["msg"])


async def _refuse_http(request: Request, error: HTTPException) -> Response:
    codes = {404: "not_found", 405: "method_not_allowed"}
    message = {404: "there is no such path", 405: "this path knows no such method"}.get(
        error.status_code, str(error.detail)
    )
    headers = dict(error.headers or {})
    if error.status_code == 405 and (allowed := _allowed(request.scope)):
        headers["Allow"] = ", ".join(allowed)
    return ApiError(error.status_code, codes.get(error.status_code, "bad_request"), message, headers=headers).response()


def _allowed(scope: Scope) -> list[str]:
    """Methods of all routes of a path; the framework names those of the first alone."""
    routes = [route for module in ROUTERS for route in module.router.routes if isinstance(route, APIRoute)]
    return sorted(
        {method for route in routes if route.matches(scope)[0] is not Match.NONE for method in route.methods or ()}
    )


def _operation(route: APIRoute) -> str:
    return route.name
