"""Goes as soon as the app says `app.include_router(counterpoint.serving.pages.router.router)`, which needs no `Site`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter


def Site(*_: Any, **__: Any) -> None:  # noqa: N802
    """Not needed: pages read `service_of(request)`."""


def pages(_: None) -> APIRouter:
    """`pages.router.router`."""
    from counterpoint.serving.pages.router import router

    return router
