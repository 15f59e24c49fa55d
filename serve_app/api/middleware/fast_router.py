"""ExactPathRouter: the routes that are asked many times a second, found by their path alone.

Starlette tries one route's pattern after the other and wraps each endpoint twice; for these the answer costs less than
that. It stands inside the other layers, and what it doesn't know goes on to Starlette.
"""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from serve_app.api.json_responses import error_response
from serve_app.errors import RequestError


class ExactPathRouter:
    """ASGI middleware in front of Starlette's router.

    Args:
        app: what everything else goes to.
        routes: by path, a route that takes ``POST`` and its path parameters.
    """

    def __init__(self, app: ASGIApp, routes: Mapping[str, tuple[Route, Mapping[str, str]]]) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._routes.get(scope["path"]) if scope.get("method") == "POST" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        scope["route"], scope["path_params"] = found
        request = Request(scope, receive)
        try:
            response = await scope["route"].endpoint(request)
        except RequestError as error:
            response = error_response(error, request)
        await response(scope, receive, send)
