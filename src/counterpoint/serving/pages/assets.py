"""Style, script and htmx, served by this service under names that change with their content.

htmx comes from the installed django-htmx package, found without importing it: importing would want Django.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from counterpoint.errors import MissingExtraError
from counterpoint.serving.doors.errors import ApiError

HTMX = "static/django_htmx/htmx-2.min.js"
FOREVER = "public, max-age=31536000, immutable"
HTMX_CONFIG = json.dumps(
    {
        # nothing inline, nothing evaluated: the Content-Security-Policy stays strict
        "includeIndicatorStyles": False,
        "allowEval": False,
        "allowScriptTags": False,
        "selfRequestsOnly": True,
        # pages about people are not kept in the browser's storage
        "historyEnabled": False,
        "historyCacheSize": 0,
        # refusals are shown where the answer would be
        "responseHandling": [
            {"code": "204", "swap": False},
            {"code": "[23]..", "swap": True},
            {"code": "[45]..", "swap": True, "error": True},
        ],
    }
)
"""Content of the `htmx-config` meta element."""


class Asset(NamedTuple):
    """A file to serve."""

    content: bytes
    kind: str
    digest: str
    """First 12 hex digits of its SHA-256."""


def htmx_script() -> Path:
    """Where the installed package keeps htmx. Raises `MissingExtraError` if it isn't installed."""
    spec = find_spec("django_htmx")
    places = spec.submodule_search_locations if spec else None
    for place in places or ():
        if (script := Path(place) / HTMX).is_file():
            return script
    raise MissingExtraError("the pages' script htmx", "serve")


@cache
def assets() -> dict[str, Asset]:
    """All files by name; read once."""
    own = files("counterpoint.serving.pages") / "static"
    found = {name: (own / name).read_bytes() for name in ("pages.css", "pages.js", "icon.svg")}
    found["htmx.js"] = htmx_script().read_bytes()
    kinds = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
    return {
        name: Asset(content, kinds[name.rpartition(".")[2]], hashlib.sha256(content).hexdigest()[:12])
        for name, content in found.items()
    }


def address(name: str) -> str:
    """The path to ask for; another one whenever the content changes."""
    return f"/static/{name}?v={assets()[name].digest}"


def serve(request: Request) -> Response:
    """`GET /static/{name}`. Raises `ApiError` 404."""
    name = request.path_params["name"]
    if name not in assets():
        raise ApiError(404, "not_found", f"there is no file {name!r} here")
    asset = assets()[name]
    kept = FOREVER if request.query_params.get("v") == asset.digest else "no-cache"
    return Response(asset.content, media_type=asset.kind, headers={"cache-control": kept})
