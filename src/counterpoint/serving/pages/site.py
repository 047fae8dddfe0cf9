"""What pages are made of. The app makes a `Site` and includes `pages(site)`."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter

from counterpoint.serving.chat.chat import Chat
from counterpoint.serving.doors.sessions import Sessions
from counterpoint.serving.metrics import Metrics
from counterpoint.serving.people import People
from counterpoint.serving.settings import Settings


@dataclass(frozen=True)
class Site:
    """Everything a page may use.

    Attributes:
        people: what is done with people.
        chat: `Chat.reply`, for the side-by-side.
        metrics: `Metrics.load`, for the operator's page.
        settings: where browsers reach us, who writes replies.
        sessions: cookies, signed links and the forms' tokens.
        notice: one line on top of every page, such as that people here are simulated; empty: none.
    """

    people: People
    chat: Chat
    metrics: Metrics
    settings: Settings
    sessions: Sessions
    notice: str = ""


def pages(site: Site) -> APIRouter:
    """All pages: `/`, `/sign-in`, `/sign-out`, `/link`, `/operator`, `/person...` and `/static/...`."""
    raise NotImplementedError
