"""TrailingSlashMiddleware: a path with a slash at its end is answered as the path without it; no redirect sends a body
twice.

The outermost layer, so that keys, counts and routes know one path each.
"""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

HAD_SLASH: Final = "helen_had_slash"  # in a request's scope: what the browser takes relative addresses from lies deeper


class TrailingSlashMiddleware:
    """ASGI middleware around all others."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "/")
        if path[-1:] == "/" and path != "/":
            scope = {**scope, "path": path[:-1], HAD_SLASH: True}
        await self._app(scope, receive, send)
