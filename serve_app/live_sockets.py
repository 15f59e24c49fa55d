"""The WebSockets that are open in one ingress replica, so that a service that stops can close them in order.

Knows nothing of what is said on them: ``routes/stream.py`` does.
"""

from contextlib import suppress
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

SERVICE_RESTART: Final = 1012
STOPPING: Final = {
    "type": "websocket.close",
    "code": SERVICE_RESTART,
    "reason": "the service is stopping; open a session anew when it is back",
}


class LiveSocket:
    """One accepted WebSocket: passes on what its application sends until ``close`` was called."""

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
        """Say goodbye; the application then receives a disconnect."""
        if not self._closed:
            self._closed = True
            with suppress(OSError):  # the client was faster
                await self._send(STOPPING)


class LiveSockets:
    """Every WebSocket that this replica has accepted and not ended yet."""

    def __init__(self) -> None:
        self._open: set[LiveSocket] = set()
        self._stopping = False

    async def add(self, socket: LiveSocket) -> None:
        """Take note of an accepted socket; after ``close`` it is closed at once."""
        self._open.add(socket)
        if self._stopping:
            await socket.close()

    def remove(self, socket: LiveSocket) -> None:
        """Forget a socket that has ended."""
        self._open.discard(socket)

    async def close(self) -> None:
        """Close every open socket with 1012, and those that are still to come."""
        self._stopping = True
        for socket in tuple(self._open):
            await socket.close()


class Closable:
    """ASGI middleware that puts the WebSockets of the application on ``sockets`` for as long as they are open."""

    def __init__(self, app: ASGIApp, sockets: LiveSockets) -> None:
        self._app = app
        self._sockets = sockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        socket = LiveSocket(send)

        async def send_and_register(message: Message) -> None:
            await socket.send(message)
            if message["type"] == "websocket.accept":
                await self._sockets.add(socket)

        try:
            await self._app(scope, receive, send_and_register)
        finally:
            self._sockets.remove(socket)
