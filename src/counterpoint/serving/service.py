"""The parts of a running service, put together: what routes and pages find at `request.app.state.service`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from counterpoint.serving.chat.chat import Chat
from counterpoint.serving.desk import Desk
from counterpoint.serving.doors.sessions import Sessions
from counterpoint.serving.metrics import Metrics
from counterpoint.serving.people import People
from counterpoint.serving.settings import Settings
from counterpoint.serving.store.store import Store


@dataclass(frozen=True)
class Service:
    """Everything a request may need."""

    settings: Settings
    """What the operator decided."""
    store: Store
    """The database; what is not about one person (keys, audit, receipts) asks it."""
    people: People
    """What is done with people."""
    desk: Desk
    """Where writes wait their turn."""
    chat: Chat
    """What writes replies."""
    sessions: Sessions
    """Signed links and cookies of the pages."""
    metrics: Metrics
    """Figures."""


def service_of(request: Request) -> Service:
    """The service a request came to."""
    service: Service = request.app.state.service
    return service


async def served(request: Request) -> Service:
    """The same, for `Depends`: what is not async would take a thread each time."""
    return service_of(request)


Served = Annotated[Service, Depends(served)]
