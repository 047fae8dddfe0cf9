"""Templates: a whole page, or, where htmx asks, the page's main part alone with what a screen reader is to say."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import quote

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from counterpoint import __version__
from counterpoint.serving.pages import charts, words
from counterpoint.serving.pages.assets import HTMX_CONFIG, address
from counterpoint.serving.pages.visitors import Looking
from counterpoint.serving.service import service_of


@cache
def environment() -> Environment:
    """Escapes everything; a name that a template misspells is an error."""
    made = Environment(
        loader=PackageLoader("counterpoint.serving.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"number": charts.number, "moment": moment, "day": day, "iso": iso}
    made.globals |= {
        "stance": words.stance,
        "summary": words.summary,
        "asset": address,
        "htmx_config": HTMX_CONFIG,
        "version": __version__,
    }
    return made


def is_part(request: Request) -> bool:
    """Whether htmx asks, which swaps the main part."""
    return request.headers.get("hx-request") == "true"


def show(
    request: Request,
    template: str,
    *,
    status: int = 200,
    looking: Looking | None = None,
    signed_in: bool = False,
    say: str = "",
    focus: str = "",
    **values: Any,
) -> HTMLResponse:
    """A page.

    Args:
        request: what is answered.
        template: its file's name without `.html`.
        status: HTTP status.
        looking: whose page it is; None: nobody's in particular.
        signed_in: whether an operator looks at a page that is about nobody in particular.
        say: what has just happened; shown on top of the main part and read out.
        focus: what has the focus after htmx swapped the main part, where that is not what had it before.
        values: for the template.
    """
    text = (
        environment()
        .get_template(f"{template}.html")
        .render(
            frame="part.html" if is_part(request) else "base.html",
            page=template,
            looking=looking,
            say=say,
            focus=focus,
            notice=service_of(request).settings.notice,
            csrf=service_of(request).sessions.csrf_of(request),
            signed_in=signed_in or looking is not None,
            **values,
        )
    )
    return HTMLResponse(text, status)


def go_to(request: Request, href: str) -> Response:
    """Send the browser to another page; htmx would follow a redirect silently and swap it in."""
    if is_part(request):
        return Response(status_code=204, headers={"HX-Redirect": href})
    return RedirectResponse(href, status_code=303)


def attachment(content: bytes, filename: str) -> Response:
    """A JSON file to keep."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in filename)
    named = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"
    return Response(content, media_type="application/json", headers={"content-disposition": named})


def moment(seconds: float | None) -> str:
    """A day and, today's readers being many, the time in UTC: `3 Mar 2026, 09:30`."""
    if seconds is None:
        return "never"
    at = datetime.fromtimestamp(seconds, UTC)
    return f"{at.day} {at:%b %Y, %H:%M}"


def day(seconds: float | None) -> str:
    """`3 Mar 2026`."""
    return moment(seconds).partition(",")[0]


def iso(seconds: float) -> str:
    """For programs."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
