"""A name for every request, one log line when it has been answered, and the last resort for errors.

The line has the route's template, not the path: a path names a person. It has ids of tenant and key, never the key.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from typing import Any

from starlette.datastructures import MutableHeaders

from counterpoint.serving.doors.asgi import ASGIApp, Message, Receive, Scope, Send, header, on_start
from counterpoint.serving.doors.errors import ApiError
from counterpoint.serving.doors.logs import LOGGER, traced
from counterpoint.serving.metrics import Metrics

HEADER = "x-request-id"
_GIVEN = re.compile(r"[A-Za-z0-9._-]{1,64}")
CLIENT_GONE = 499
"""What is logged of a request whose client went before an answer (nginx's number)."""
logger = logging.getLogger(LOGGER)


class Identity:
    """Names, counts and logs requests; a fault of ours becomes 500 with the request's id."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = header(scope, HEADER)
        name = given if _GIVEN.fullmatch(given) else f"req_{secrets.token_hex(12)}"
        scope.setdefault("state", {})["request_id"] = name
        answer: dict[str, Any] = {"status": CLIENT_GONE}

        def begin(message: Message) -> None:
            answer["status"] = message["status"]
            MutableHeaders(scope=message)[HEADER] = name

        sending, since = on_start(send, begin), time.perf_counter()
        with self.metrics.under_way():
            try:
                await self.app(scope, receive, sending)
            except Exception as error:
                logger.error("fault", extra={"fields": {"request": name, **traced(error)}})
                if answer["status"] != CLIENT_GONE:  # an answer has begun: all that is left is to break it off
                    raise
                fault = ApiError(500, "internal_error", f"a fault of ours; the logs have it as {name}")
                await fault.response()(scope, receive, sending)
            finally:
                self._finish(scope, answer["status"], time.perf_counter() - since)

    def _finish(self, scope: Scope, status: int, seconds: float) -> None:
        state = scope["state"]
        route = getattr(scope.get("route"), "path", "-")
        self.metrics.answered(scope["method"], route, status, seconds)
        fields = {
            "request": state["request_id"],
            "method": scope["method"],
            "route": route,
            "status": status,
            "ms": round(seconds * 1000, 2),
        }
        if (who := state.get("who")) is not None:
            fields |= {"tenant": who.tenant, "key": who.key}
        level = logging.DEBUG if route in ("/healthz", "/readyz", "/metrics") else logging.INFO
        logger.log(level, "request", extra={"fields": fields})
