"""What one ingress replica is answering: its requests and its WebSockets, so that a service that stops can end both.

Knows nothing of what they are about: the routes do.
"""

import asyncio
import time
from contextlib import suppress
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from landmarks.protocol.stream import SERVICE_RESTART

STOPPING: Final = {
    "type": "websocket.close",
    "code": SERVICE_RESTART,
    "reason": "the service is stopping; open a session anew when it is back",
}
GLANCE_S: Final = 0.05
CLOSE_S: Final = 1.0  # for one goodbye: a client that reads nothing may never take it


class Socket:
    """One WebSocket: passes on what its application sends until ``close`` was called."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._closed = False

    async def send(self, message: Message) -> None:
        """As the server's own ``send``.

        Raises:
            OSError: the socket is closed, as the server says it of a client that has gone.
        """
        if self._closed:
            raise ConnectionResetError("the service is stopping")
        await self._send(message)

    async def close(self) -> None:
        """Say goodbye, for ``CLOSE_S`` at most; the application then receives a disconnect."""
        if not self._closed:
            self._closed = True
            with suppress(OSError, TimeoutError):  # the client was faster, or reads nothing
                async with asyncio.timeout(CLOSE_S):
                    await self._send(STOPPING)


class InFlight:
    """The requests and WebSockets that this replica has accepted and not ended yet."""

    def __init__(self) -> None:
        self.requests = 0
        self._sockets: set[Socket] = set()
        self._stopping = False

    async def add(self, socket: Socket) -> None:
        """Take note of an accepted WebSocket; after ``drain`` it is closed at once."""
        self._sockets.add(socket)
        if self._stopping:
            await socket.close()

    def remove(self, socket: Socket) -> None:
        """Forget a WebSocket that has ended."""
        self._sockets.discard(socket)

    async def drain(self, limit_s: float) -> None:
        """Close every WebSocket with 1012, and wait until every request is answered, for ``limit_s`` seconds at most.

        A request between the proxy and this replica counts when it arrives, so that none is found twice in a row.
        """
        self._stopping = True
        deadline = time.monotonic() + limit_s
        await asyncio.gather(*(socket.close() for socket in self._sockets))
        busy = True
        while (busy or self.requests) and time.monotonic() < deadline:
            busy = self.requests > 0
            await asyncio.sleep(GLANCE_S)


class InFlightMiddleware:
    """ASGI middleware that keeps ``in_flight`` up to date."""

    def __init__(self, app: ASGIApp, in_flight: InFlight) -> None:
        self._app = app
        self._in_flight = in_flight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._in_flight.requests += 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._in_flight.requests -= 1
        elif scope["type"] == "websocket":
            await self._track(scope, receive, Socket(send))
        else:
            await self._app(scope, receive, send)

    async def _track(self, scope: Scope, receive: Receive, socket: Socket) -> None:
        async def send_and_add(message: Message) -> None:
            await socket.send(message)
            if message["type"] == "websocket.accept":
                await self._in_flight.add(socket)

        try:
            await self._app(scope, receive, send_and_add)
        finally:
            self._in_flight.remove(socket)
