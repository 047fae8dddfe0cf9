"""What goes wrong on a page is said on a page."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import Response

from counterpoint.errors import BadInputError, CounterpointError, UnknownNameError
from counterpoint.serving.doors.errors import ApiError
from counterpoint.serving.pages.render import go_to, show
from counterpoint.serving.pages.visitors import SIGN_IN, looking
from counterpoint.serving.store.records import ConflictError, PersonDeletedError, StoreError, UnknownPersonError

HEADINGS = {
    401: "Please sign in",
    403: "Not for you to do",
    404: "Nobody here",
    409: "Already done",
    410: "Deleted",
    422: "That did not work",
    429: "A moment, please",
    503: "Not available just now",
}


class Page(APIRoute):
    """A route whose refusals are pages; signed-out visitors are asked to sign in."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with errors turned into pages."""
        handle = super().get_route_handler()

        async def handling(request: Request) -> Response:
            try:
                return await handle(request)
            except ApiError as error:
                if error.status == 401 and request.url.path != SIGN_IN:
                    return go_to(request, SIGN_IN)
                return refusal(request, error.status, error.message)
            except RequestValidationError:
                return refusal(request, 422, "The form was not filled in as it should be. Load the page again.")
            except PersonDeletedError:
                return refusal(request, 410, "What was known of them is gone, and what comes late is refused")
            except CounterpointError as error:
                return refusal(request, status_of(error), str(error))

        return handling


def status_of(error: CounterpointError) -> int:
    """HTTP status of an error of the domain."""
    match error:
        case UnknownPersonError() | UnknownNameError():
            return 404
        case ConflictError():
            return 409
        case BadInputError():
            return 422
        case StoreError():
            return 503
    return 500


def refusal(request: Request, status: int, message: str) -> Response:
    """The page that says why not."""
    heading = HEADINGS.get(status, "Something went wrong")
    try:
        shown = looking(request)
    except ApiError:
        shown = None
    return show(request, "refusal", status=status, looking=shown, heading=heading, message=message, status_code=status)


def pages_router() -> APIRouter:
    """A router for pages: no part of the API's description, refusals said on a page."""
    return APIRouter(include_in_schema=False, route_class=Page)
