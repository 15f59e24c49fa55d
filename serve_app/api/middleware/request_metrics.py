"""RequestMetricsMiddleware: counts every request that reaches an ingress replica, with its route, status and time.

The outermost of our own layers, so that what the others reject is counted too.
"""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve_app.observability.metrics import IngressMetrics

CLIENT_LEFT = 499


class RequestMetricsMiddleware:
    """ASGI middleware around the routes.

    A route is its pattern, such as ``/models/{name}/{file}``, or ``-`` where none was reached, so that strangers
    can't make up series.
    """

    def __init__(self, app: ASGIApp, metrics: IngressMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._request(scope, receive, send)
        elif scope["type"] == "websocket":
            with self._metrics.websocket_sessions.track_inprogress():
                await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        status = CLIENT_LEFT

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        started = time.perf_counter()
        try:
            await self._app(scope, receive, sent)
        except Exception:
            status = 500  # what Starlette's own outermost layer answers
            raise
        finally:
            route = getattr(scope.get("route"), "path", "-")
            self._metrics.record_request(route, status, time.perf_counter() - started)
