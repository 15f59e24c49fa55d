"""The local screen's server: gestures in by POST, out to every listener by Socket.IO and SSE, and the page.

It keeps the last events and nothing else. ``run --ui`` starts it beside the client, ``ui`` alone.
"""

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import AsyncIterator, Collection
from functools import partial
from pathlib import Path
from typing import Final

import socketio
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge_client.settings import Screen
from edge_client.ui.body import MAX_BODY_BYTES, RequestRejected, check_state, read_object
from edge_client.ui.broadcast import Faults, Hub, Listener
from edge_client.ui.middleware import SameOriginMiddleware, SecurityHeadersMiddleware
from edge_client.ui.streams import MAX_LISTENERS, event_frames, serve_page, state_frames

log = logging.getLogger(__name__)

STATIC: Final = Path(__file__).parent / "static"


def build_screen(hub: Hub, *, bind: str = "127.0.0.1", names: Collection[str] = ()) -> ASGIApp:
    """The ASGI application: the contract's routes, the page, and Socket.IO at ``/socket.io``.

    ``bind`` is the address that it listens on, ``names`` what browsers may call it besides its own names.
    """

    async def post_gesture(request: Request) -> Response:
        await hub.take_gesture(await read_object(request))
        return JSONResponse({"status": "ok"})

    async def post_state(request: Request) -> Response:
        state = await read_object(request)
        check_state(state)
        hub.take_state(state)
        return JSONResponse({"status": "ok"})

    async def stream_events(request: Request) -> Response:
        return _stream(hub, "listeners", event_frames(hub, request.headers.get("last-event-id")))

    async def stream_states(_: Request) -> Response:
        return _stream(hub, "pages", state_frames(hub))

    async def health(_: Request) -> Response:
        connected = {"listeners": hub.connected["listeners"], "pages": hub.connected["pages"]}
        faults = {"faults": hub.faults.count, "last_fault": hub.faults.last}
        # A client in another process posts hands to /live only where "accepts" says so.
        return JSONResponse({"status": "ok", "accepts": ["live"], **connected, **faults})

    async def recent(_: Request) -> Response:
        return Response(hub.recent(), media_type="application/json")

    async def show_page(_: Request) -> Response:
        return FileResponse(STATIC / "index.html")

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        hub.loop = asyncio.get_running_loop()
        hub.loop.set_exception_handler(lambda _, fault: hub.faults.note(fault["message"], fault.get("exception")))
        yield
        hub.loop = None

    pages = Starlette(
        routes=[
            Route("/gestures/gesture-key", post_gesture, methods=["POST"]),
            Route("/gestures/gesture-key/", post_gesture, methods=["POST"]),
            Route("/events", stream_events),
            Route("/live", post_state, methods=["POST"]),
            Route("/live", stream_states),
            WebSocketRoute("/page", partial(serve_page, hub)),
            Route("/recent", recent),
            Route("/health", health),
            Route("/", show_page),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        exception_handlers={RequestRejected: _reject, HTTPException: _answer_http_error, Exception: _answer_fault},
        lifespan=lifespan,
    )
    pages.router.redirect_slashes = False
    guarded = SameOriginMiddleware(socketio.ASGIApp(hub.sockets, other_asgi_app=pages), bind=bind, names=names)
    return SecurityHeadersMiddleware(LastResortMiddleware(guarded, hub.faults))


class LastResortMiddleware:
    """Counts and logs what a request or stream ends with that nothing else caught; the others go on."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ended = False

        async def watch(message: Message) -> None:
            nonlocal ended
            if message["type"] in ("http.response.body", "websocket.close"):
                ended = not message.get("more_body", False)
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception as error:
            self._faults.note(f"{scope['type']} {scope.get('path', '')}", error)
            if not ended and scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1011})
            elif not ended:
                raise  # the server has to cut an answer that is not whole


async def _reject(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestRejected)  # noqa: S101 - registered for this class alone
    return JSONResponse({"error": str(error), "code": error.code}, error.status)


async def _answer_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class alone
    what = f"{request.method} {request.url.path}: {error.detail}"
    code = error.detail.lower().replace(" ", "_")
    return JSONResponse({"error": what, "code": code}, error.status_code, headers=dict(error.headers or {}))


async def _answer_fault(_: Request, __: Exception) -> Response:
    return JSONResponse({"error": "a fault of the screen; its log says which", "code": "internal"}, 500)


def _stream(hub: Hub, kind: Listener, frames: AsyncIterator[bytes]) -> Response:
    if hub.connected[kind] >= MAX_LISTENERS:
        raise RequestRejected(503, "too_many_listeners", f"{MAX_LISTENERS} listeners are connected already")
    return StreamingResponse(frames, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


class _Server(uvicorn.Server):
    """uvicorn that ends the pages' streams before it waits for connections to end."""

    def __init__(self, hub: Hub, settings: Screen) -> None:
        config = uvicorn.Config(
            build_screen(hub, bind=settings.host, names=settings.hosts),
            host=settings.host,
            port=settings.port,
            log_level="warning",
            ws="websockets-sansio",
            ws_max_size=MAX_BODY_BYTES,
            server_header=False,
            timeout_graceful_shutdown=1,  # pages hold their streams open for good
        )
        super().__init__(config)
        self._hub = hub

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._hub.close()
        await super().shutdown(sockets)


class ScreenServer:
    """The screen in a thread of this process, a part of the client's health. Use it as a context manager."""

    def __init__(self, hub: Hub, settings: Screen) -> None:
        self._server = _Server(hub, settings)
        self._thread = threading.Thread(target=self._run, name="screen-server", daemon=True)

    def __enter__(self) -> "ScreenServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=5)

    def _run(self) -> None:
        try:
            self._server.run()
        except SystemExit:
            pass  # uvicorn ends the process when its port is taken; here only the screen has failed
        except Exception:
            log.exception("the local screen has ended; everything else goes on")

    @property
    def started(self) -> bool:
        return bool(self._server.started)

    @property
    def alive(self) -> bool:
        """False once it ended without having been asked to, its port taken for one."""
        return self._thread.is_alive() or self._server.should_exit

    @property
    def trouble(self) -> str:
        return "" if self.alive else "the local screen has ended"


def serve_screen(settings: Screen) -> None:
    """The screen alone, until it is interrupted."""
    _Server(Hub(), settings).run()
