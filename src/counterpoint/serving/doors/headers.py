"""Secure headers on every answer.

API answers are never cached, framed or sniffed. Pages load nothing but what this service serves; a page may say more by
setting a header itself, which then stays.
"""

from __future__ import annotations

from starlette.datastructures import MutableHeaders

from counterpoint.serving.doors.asgi import ASGIApp, Message, Receive, Scope, Send, on_start

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
TRANSPORT = "max-age=31536000; includeSubDomains"


class SecureHeaders:
    """Adds what an answer doesn't say itself; with `https` also that browsers must come by https again."""

    def __init__(self, app: ASGIApp, *, https: bool = False) -> None:
        self.app = app
        self.headers = HEADERS | ({"strict-transport-security": TRANSPORT} if https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        def add(message: Message) -> None:
            headers = MutableHeaders(scope=message)
            for name, value in self.headers.items():
                headers.setdefault(name, value)

        await self.app(scope, receive, on_start(send, add))
