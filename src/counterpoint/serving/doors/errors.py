"""Every refusal, with a body as OpenAI's, so that its clients raise the exception they should.

`{"error": {"message": ..., "type": ..., "param": ..., "code": ...}}`; `type` follows from the status.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

REQUEST, SERVER, RATE = "invalid_request_error", "server_error", "rate_limit_error"


class ErrorDetail(BaseModel):
    """What went wrong."""

    message: str = Field(description="The thing, its value, what was expected, what to do.")
    type: str = Field(description="invalid_request_error, rate_limit_error or server_error.")
    param: str | None = Field(description="The parameter at fault, as a path such as events.3.kind.")
    code: str | None = Field(description="For programs; stays the same when the message changes.")


class ErrorBody(BaseModel):
    """The body of every answer that is not a success."""

    error: ErrorDetail


class ApiError(Exception):
    """A request that is refused.

    Args:
        status: HTTP status.
        code: for programs.
        message: for people; never holds a secret or a text of a person.
        param: the parameter at fault.
        headers: to send along.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.param = status, code, message, param
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """The JSON body."""
        return error_body(self.status, self.code, self.message, self.param)

    def response(self) -> JSONResponse:
        """As an answer."""
        return JSONResponse(self.body(), self.status, headers=self.headers)


def error_body(status: int, code: str, message: str, param: str | None = None) -> dict[str, Any]:
    """OpenAI's error body for a status."""
    kind = RATE if status == 429 else SERVER if status >= 500 else REQUEST
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


MEANINGS = {
    400: "A parameter is missing, unknown or not what it must be",
    401: "No API key, or none that is known",
    403: "The API key lacks the scope",
    404: "There is nothing of that name",
    405: "The path knows no such method",
    408: "The body arrived too slowly",
    409: "In conflict with what is stored",
    410: "The person was deleted",
    413: "The body is too large",
    415: "The body is not JSON",
    429: "Too many requests with this key; see Retry-After",
    500: "A fault of ours; the request id finds it in the logs",
    502: "The upstream endpoint failed",
    503: "Not ready, or too much is waiting; see Retry-After",
    504: "It took too long",
}
"""Statuses of refusals and what they mean, for the OpenAPI description."""

EVERYWHERE = (400, 401, 403, 408, 413, 415, 429, 500, 503, 504)
"""What any route behind a key may answer."""


def documented(*statuses: int, everywhere: tuple[int, ...] = EVERYWHERE) -> dict[int | str, dict[str, Any]]:
    """`responses=` of a route: these refusals and those that any route may answer."""
    return {
        status: {"model": ErrorBody, "description": MEANINGS[status]} for status in sorted({*statuses, *everywhere})
    }
