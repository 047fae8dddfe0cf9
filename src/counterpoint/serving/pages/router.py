"""All pages."""

from __future__ import annotations

from counterpoint.serving.pages import assets, corrections, data, interview, operator, person, side_by_side, signing
from counterpoint.serving.pages.errors import pages_router

router = pages_router()
router.add_api_route("/static/{name}", assets.serve, methods=["GET"])
for part in (signing, operator, person, interview, corrections, side_by_side, data):
    router.include_router(part.router)
