"""Signed links and cookies of the pages, and what keeps other sites from submitting their forms.

A token is `payload.signature`: JSON that says for what, for whom and until when, signed with HMAC-SHA-256 (RFC 2104).
Nothing is stored, so every replica with the same secrets file takes it. A link's token opens a session; the session's
is a cookie that scripts can't read and other sites' requests don't bring (HttpOnly, SameSite=Strict).

A form carries `csrf(session)`, which only a page of this session can know: a keyed hash of the session's token. A
request that changes something must bring it, as the field `csrf` or the header `X-CSRF-Token`, and must not say that
it comes from another site (`Sec-Fetch-Site`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from counterpoint.serving.doors.errors import ApiError
from counterpoint.serving.store.records import Principal, Scope

COOKIE = "counterpoint_session"
FIELD, HEADER = "csrf", "x-csrf-token"
LINK, SESSION = 15 * 60.0, 12 * 3600.0
"""Seconds that a link and a session last."""

Purpose = Literal["link", "session"]


@dataclass(frozen=True)
class Visitor:
    """Who looks at pages: a person of a tenant, or, with `person` empty, the tenant's operator."""

    tenant: str
    key: str
    """Id of the API key that let them in; their actions are written down under it."""
    person: str = ""
    """Whose pages; empty: the operator's."""

    def principal(self, request: Request) -> Principal:
        """As whom the domain is asked."""
        rights = (Scope.READ, Scope.WRITE, Scope.DELETE, Scope.CHAT)
        scopes = frozenset(rights) if self.person else frozenset({*rights, Scope.ADMIN})
        return Principal(self.tenant, self.key, scopes, request.state.request_id)


class Sessions:
    """Makes and checks tokens.

    Args:
        secret: the same in all replicas.
        secure: whether cookies go over https alone.
        clock: seconds since 1970.
    """

    def __init__(self, secret: bytes, *, secure: bool, clock: Callable[[], float] = time.time) -> None:
        self._secret, self.secure, self._clock = secret, secure, clock

    def link(self, visitor: Visitor, *, lasts: float = LINK) -> str:
        """A token for a link that opens `visitor`'s pages."""
        return self._sign("link", visitor, lasts)

    def enter(self, token: str) -> Visitor:
        """Who a link was made for. Raises `ApiError` 401 for one that is not ours or too old."""
        return self._read("link", token)

    def open(self, response: Response, visitor: Visitor) -> str:
        """Give the browser a session; returns its token."""
        token = self._sign("session", visitor, SESSION)
        response.set_cookie(
            COOKIE, token, max_age=int(SESSION), httponly=True, secure=self.secure, samesite="strict", path="/"
        )
        return token

    def close(self, response: Response) -> None:
        """Take the browser's session away."""
        response.delete_cookie(COOKIE, httponly=True, secure=self.secure, samesite="strict", path="/")

    def visitor(self, request: Request) -> Visitor:
        """Who looks. Raises `ApiError` 401 without a session that is good."""
        return self._read("session", request.cookies.get(COOKIE, ""))

    def csrf(self, session: str) -> str:
        """What a form of this session must bring; `session` is the session's token."""
        return hmac.new(self._secret, b"csrf\0" + session.encode(), hashlib.sha256).hexdigest()

    def csrf_of(self, request: Request) -> str:
        """What forms on the answer to this request must bring."""
        return self.csrf(request.cookies.get(COOKIE, ""))

    async def check_csrf(self, request: Request) -> None:
        """For `Depends` of every route that changes something. Raises `ApiError` 403 for a forged request."""
        brought = request.headers.get(HEADER, "")
        if not brought:
            brought = str((await request.form()).get(FIELD, ""))
        foreign = request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
        if foreign or not hmac.compare_digest(brought.encode(), self.csrf_of(request).encode()):
            raise ApiError(403, "forged_form", "this form is not from your page, or too old; load the page again")

    def _sign(self, purpose: Purpose, visitor: Visitor, lasts: float) -> str:
        fields = [purpose, visitor.tenant, visitor.key, visitor.person, self._clock() + lasts]
        payload = base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")
        return f"{payload}.{self._signature(payload)}"

    def _read(self, purpose: Purpose, token: str) -> Visitor:
        payload, _, signature = token.partition(".")
        if hmac.compare_digest(signature.encode(), self._signature(payload).encode()):
            try:
                told, tenant, key, person, until = json.loads(
                    base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
                )
            except (ValueError, binascii.Error):  # signed by us, yet of another make
                told, until = "", 0.0
            if told == purpose and until > self._clock():
                return Visitor(tenant, key, person)
        raise ApiError(401, "signed_out", "this link or session is not good any more; ask for a new link")

    def _signature(self, payload: str) -> str:
        return hmac.new(self._secret, b"token\0" + payload.encode(), hashlib.sha256).hexdigest()
