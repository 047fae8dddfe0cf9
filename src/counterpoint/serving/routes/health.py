"""Whether the process lives, whether it can answer, and its figures. Open to anybody who reaches the port."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from counterpoint.serving.doors.errors import documented
from counterpoint.serving.routes.fields import Strict
from counterpoint.serving.service import Served

router = APIRouter(tags=["operation"])


class Health(Strict):
    """All is well."""

    status: Literal["ok"] = "ok"


@router.get("/healthz", response_model=Health, responses=documented(everywhere=(500,)))
async def healthz() -> Health:
    """The process lives. Restart it if this fails."""
    return Health()


@router.get("/readyz", response_model=Health, responses=documented(everywhere=(500, 503, 504)))
async def readyz(service: Served) -> Health:
    """Database and models answer. Send it no requests while this fails."""
    await run_in_threadpool(service.store.ready)
    for backend in service.chat.backends:
        await backend.ready()
    return Health()


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **documented(everywhere=(500,))},
)
async def metrics(service: Served) -> Response:
    """Figures for Prometheus; no person, tenant or key in them."""
    return Response(service.metrics.text(), media_type=CONTENT_TYPE_LATEST)
