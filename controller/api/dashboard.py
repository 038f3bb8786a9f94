"""Serves the built dashboard for whatever path is not the API's.

Owns nothing. The dashboard is one document that routes by itself, so every page a browser navigates
to is that document; without a built dashboard everything here is not found.
"""

from __future__ import annotations

from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

_API_PREFIXES = ("/v1/", "/docs/")


class Dashboard:
    """The ASGI application behind all routes."""

    def __init__(self, directory: Path) -> None:
        self._index = directory / "index.html"
        self._files = StaticFiles(directory=directory, check_dir=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if scope["type"] != "http" or path.startswith(_API_PREFIXES) or not self._index.is_file():
            raise HTTPException(404)
        if scope["method"] not in {"GET", "HEAD"}:
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        response = await self._response(path, scope)
        await response(scope, receive, send)

    async def _response(self, path: str, scope: Scope) -> Response:
        if path == "/":
            return FileResponse(self._index)
        try:
            return await self._files.get_response(self._files.get_path(scope), scope)
        except HTTPException as error:
            if error.status_code != 404 or not _is_navigation(path, scope):
                raise
            return FileResponse(self._index)


def _is_navigation(path: str, scope: Scope) -> bool:
    """Whether a browser goes to a page; a missing file must not look like one."""
    return "text/html" in Headers(scope=scope).get("accept", "") and not path.startswith("/assets/")
