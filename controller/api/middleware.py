"""Around every request: its id, its log line, the security headers, and the last resort.

Owns the ``request_id`` of the log's context. Must not know of any route.
"""

from __future__ import annotations

import re
import time
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from controller.api.errors import internal_problem
from controller.api.metrics import observe
from controller.observability import get_logger

_log = get_logger(__name__)

_ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_FAILED = 500

_SECURITY_HEADERS = {
    # Everything the dashboard and /docs need is served from here; images may be inlined by CSS.
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class RequestScope:
    """ASGI middleware; the outermost of this application's own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._serve(scope, receive, _Dressed(scope, send, request_id))

    async def _serve(self, scope: Scope, receive: Receive, send: _Dressed) -> None:
        started = time.perf_counter()
        try:
            await self._app(scope, receive, send)
        except ClientDisconnect:
            return
        except Exception:
            _log.exception("request failed", method=scope["method"], path=scope["path"])
            if send.status is not None:
                raise
            await internal_problem(scope)(scope, receive, send)
        _log.debug(
            "request served",
            method=scope["method"],
            path=scope["path"],
            status=send.status,
            seconds=round(time.perf_counter() - started, 4),
        )


class _Dressed:
    """``send`` that adds this application's headers, and remembers the status."""

    def __init__(self, scope: Scope, send: Send, request_id: str) -> None:
        self._scope = scope
        self._send = send
        self._request_id = request_id
        self._started = time.perf_counter()
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            # A watch goes on for hours; how long its answer took to begin says more.
            observe(self._scope, message["status"], time.perf_counter() - self._started)
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self._request_id
            headers.update(_SECURITY_HEADERS)
            if "Cache-Control" not in headers:
                headers["Cache-Control"] = _cache_control(self._scope["path"], message["status"])
        await self._send(message)


def _cache_control(path: str, status: int) -> str:
    """Built assets have the hash of their content in their names; all else is asked for anew."""
    if path.startswith("/assets/") and status < _FAILED and status in {200, 206, 304}:
        return "public, max-age=31536000, immutable"
    return "no-store" if path.startswith("/v1/") else "no-cache"


def _request_id(scope: Scope) -> str:
    """The caller's own, when it can stand in a log line as it is."""
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _ACCEPTED_ID.fullmatch(given) else uuid4().hex
