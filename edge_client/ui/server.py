"""The local screen's server: gestures in by POST, out to every listener by Socket.IO and SSE, and the page.

It keeps the last events and nothing else. ``run --ui`` starts it beside the client, ``ui`` alone.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import msgspec
import socketio
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from edge_client.ui.guard import SameSite, SecurityHeaders
from edge_client.ui.hub import Channel, Hub

STATIC: Final = Path(__file__).parent / "static"
MAX_BODY_BYTES: Final = 64 * 1024
MAX_LISTENERS: Final = 64
HELLO: Final = b'{"type":"hello","status":"ok"}'


class Refused(Exception):
    """A request that is answered with ``status`` and one sentence."""

    def __init__(self, status: int, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code


def build_screen(hub: Hub) -> ASGIApp:
    """The ASGI application: the contract's routes, the page, and Socket.IO at ``/socket.io``."""

    async def post_gesture(request: Request) -> Response:
        await hub.take_gesture(await _read_object(request))
        return JSONResponse({"status": "ok"})

    async def post_state(request: Request) -> Response:
        hub.take_state(await _read_object(request))
        return JSONResponse({"status": "ok"})

    async def stream_events(_: Request) -> Response:
        return _stream(hub.events, HELLO)

    async def stream_states(_: Request) -> Response:
        return _stream(hub.live, b"null")

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok", "listeners": len(hub.events), "pages": len(hub.live)})

    async def recent(_: Request) -> Response:
        return JSONResponse(list(hub.recent))

    async def page(_: Request) -> Response:
        return FileResponse(STATIC / "index.html")

    async def refuse(_: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)  # noqa: S101 - registered for this class alone
        return JSONResponse({"error": str(error), "code": error.code}, error.status)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        hub.loop = asyncio.get_running_loop()
        yield
        hub.loop = None

    pages = Starlette(
        routes=[
            Route("/gestures/gesture-key", post_gesture, methods=["POST"]),
            Route("/events", stream_events),
            Route("/live", post_state, methods=["POST"]),
            Route("/live", stream_states),
            Route("/recent", recent),
            Route("/health", health),
            Route("/", page),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(SecurityHeaders)],
        exception_handlers={Refused: refuse},
        lifespan=lifespan,
    )
    return SameSite(socketio.ASGIApp(hub.sockets, other_asgi_app=pages))


def _stream(channel: Channel, first: bytes) -> Response:
    if len(channel) >= MAX_LISTENERS:
        raise Refused(503, "too_many_listeners", f"{MAX_LISTENERS} listeners are connected already")
    return StreamingResponse(channel.listen(first), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def _read_object(request: Request) -> dict[str, Any]:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise Refused(413, "body_too_large", f"the body has more than {MAX_BODY_BYTES} bytes")
    except ClientDisconnect:
        raise Refused(400, "disconnected", "the body ended early") from None
    try:
        return msgspec.json.decode(bytes(body), type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise Refused(400, "invalid_input", f"the body is not a JSON object: {error}") from None


class _Server(uvicorn.Server):
    """uvicorn that ends the pages' streams before it waits for connections to end."""

    def __init__(self, hub: Hub, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._hub = hub

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._hub.close()
        await super().shutdown(sockets)


class ScreenServer:
    """The screen in a thread of this process, for ``run --ui``. Use it as a context manager."""

    def __init__(self, hub: Hub, host: str, port: int) -> None:
        self._server = _Server(hub, _server_config(hub, host, port))
        self._thread = threading.Thread(target=self._run, name="screen-server", daemon=True)

    def __enter__(self) -> "ScreenServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=5)

    def _run(self) -> None:
        # uvicorn ends the process when its port is taken; here only the screen has failed.
        with contextlib.suppress(SystemExit):
            self._server.run()

    @property
    def started(self) -> bool:
        return bool(self._server.started)

    @property
    def failed(self) -> bool:
        """Whether it ended without having been asked to, its port taken for one."""
        return not self._thread.is_alive() and not self._server.should_exit


def serve_screen(host: str, port: int) -> None:
    """The screen alone, until it is interrupted."""
    hub = Hub()
    _Server(hub, _server_config(hub, host, port)).run()


def _server_config(hub: Hub, host: str, port: int) -> uvicorn.Config:
    # Pages hold their streams open for good: a second is all that stopping waits for them.
    return uvicorn.Config(
        build_screen(hub),
        host=host,
        port=port,
        log_level="warning",
        ws="websockets-sansio",
        server_header=False,
        timeout_graceful_shutdown=1,
    )
