"""All pages."""

from __future__ import annotations

from fastapi import APIRouter

from counterpoint.serving.pages.errors import Page

router = APIRouter(include_in_schema=False, route_class=Page)
