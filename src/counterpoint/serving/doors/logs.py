"""JSON lines on standard error: one object a line, no prompts, no secrets.

What is logged is chosen field by field: a message and figures given as `extra={"fields": {...}}`. Tracebacks name
files and lines but not values: an exception's text may quote what somebody sent.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

LOGGER = "counterpoint.serving"


class JsonFormatter(logging.Formatter):
    """A record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1] is not None:
            line |= traced(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False, default=str)


def traced(error: BaseException) -> dict[str, Any]:
    """An exception's kind and the places it came through, without its text."""
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    return {"error": type(error).__name__, "trace": places[-12:]}


def set_up(level: int = logging.INFO) -> None:
    """All logs of this process as JSON lines; uvicorn's own line a request is switched off, ours says more."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(LOGGER).setLevel(level)
    for name in ("uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers[:], logger.propagate = [], True
        logger.setLevel(level)
    access = logging.getLogger("uvicorn.access")
    access.handlers[:], access.propagate, access.disabled = [], False, True
    for name in ("httpx", "httpx2", "openai", "sqlalchemy.engine"):  # at INFO and below these print URLs and values
        logging.getLogger(name).setLevel(logging.WARNING)
