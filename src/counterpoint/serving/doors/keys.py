"""API keys, before anything else is read: who asks, what they may do, how often.

Everything under `/v1/` needs `Authorization: Bearer cp_...`. The store holds hashes only and compares them in constant
time; here a key found good is remembered by its hash for a moment, so that not every request asks the database.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request

from counterpoint.serving.doors.asgi import ASGIApp, Message, Receive, Scope, Send, header, on_start
from counterpoint.serving.doors.errors import ApiError
from counterpoint.serving.doors.rates import Rates, Verdict
from counterpoint.serving.metrics import Metrics
from counterpoint.serving.store.records import BadKeyError, Principal, StoreError
from counterpoint.serving.store.records import Scope as Right

PREFIX = "/v1/"
_LONGEST = 200
_MOST_KNOWN = 10_000

Authenticate = Callable[[str, str], Principal]
"""Secret and request id in, who that is out. Raises `BadKeyError`."""


class Keys:
    """Lets requests pass that bring a good key and don't come too often; puts `Principal` into their state as `who`.

    Args:
        authenticate: asks the store.
        rates: how often a key may ask.
        remember: seconds for which a good key is not looked up again.
    """

    def __init__(
        self, app: ASGIApp, *, authenticate: Authenticate, rates: Rates, remember: float, metrics: Metrics
    ) -> None:
        self.app, self.authenticate, self.rates, self.metrics = app, authenticate, rates, metrics
        self.remember = remember
        self._known: OrderedDict[bytes, tuple[float, Principal]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self.app(scope, receive, send)
            return
        try:
            who = await self._who(header(scope, "authorization"), scope["state"]["request_id"])
            scope["state"]["who"] = who
            verdict = self._rate(who)
        except ApiError as error:
            self.metrics.refused(error.code)
            await error.response()(scope, receive, send)
            return
        await self.app(scope, receive, on_start(send, lambda message: self._tell(message, verdict)))

    async def _who(self, authorization: str, request: str) -> Principal:
        kind, _, secret = authorization.partition(" ")
        secret = secret.strip()
        if kind.lower() != "bearer" or not secret:
            raise _refusal("missing_api_key", "there is no API key; send the header Authorization: Bearer cp_...")
        if len(secret) > _LONGEST or not secret.isascii():
            raise _refusal("invalid_api_key", "the API key is not known")
        digest, now = hashlib.sha256(secret.encode()).digest(), time.monotonic()
        until, who = self._known.get(digest, (0.0, None))
        if who is None or until <= now:
            try:
                who = await run_in_threadpool(self.authenticate, secret, request)
            except BadKeyError:
                self._known.pop(digest, None)
                raise _refusal("invalid_api_key", "the API key is not known, or has expired") from None
            except StoreError as error:
                raise ApiError(503, "store_unavailable", str(error), headers={"Retry-After": "1"}) from error
            self._known[digest] = (now + self.remember, who)
            if len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
        return replace(who, request=request)

    def _rate(self, who: Principal) -> Verdict:
        verdict = self.rates.take(f"{who.tenant}/{who.key}", time.monotonic())
        if verdict.wait:
            message = f"too many requests with this key; try again in {verdict.wait:.2f} s"
            headers = {
                "Retry-After": str(math.ceil(verdict.wait)),
                "Retry-After-Ms": str(math.ceil(verdict.wait * 1e3)),
            }
            raise ApiError(429, "rate_limit_exceeded", message, headers=headers)
        return verdict

    def _tell(self, message: Message, verdict: Verdict) -> None:
        headers = MutableHeaders(scope=message)
        headers["x-ratelimit-limit-requests"] = str(self.rates.burst)
        headers["x-ratelimit-remaining-requests"] = str(verdict.remaining)
        headers["x-ratelimit-reset-requests"] = f"{verdict.reset:.3f}s"


def _refusal(code: str, message: str) -> ApiError:
    return ApiError(401, code, message, headers={"WWW-Authenticate": "Bearer"})


def caller(request: Request, right: Right) -> Principal:
    """Who asks, if their key may do this. Raises `ApiError` 403."""
    who: Principal = request.state.who
    if right not in who.scopes and Right.ADMIN not in who.scopes:
        raise ApiError(403, "insufficient_scope", f"this needs an API key with the scope {right.value!r}")
    return who
