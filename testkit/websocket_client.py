"""A WebSocket to an ASGI app in this process: what the server in front of the app would do, without its network."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from starlette.types import ASGIApp, Message

WAIT_S = 10


class LiveSocket:
    """The client's end."""

    def __init__(self) -> None:
        self.to_app: asyncio.Queue[Message] = asyncio.Queue()
        self.from_app: asyncio.Queue[Message] = asyncio.Queue()
        self.reads = asyncio.Event()  # while it isn't set, the app's messages find no room in the line
        self.reads.set()
        self.fault: Exception | None = None  # that the server has with the app's next message

    async def send_to_client(self, message: Message) -> None:
        """The app's ``send``; a close of the app's reaches its ``receive`` too, as with uvicorn."""
        await self.reads.wait()
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        self.from_app.put_nowait(message)
        if message["type"] == "websocket.close":
            self.to_app.put_nowait({"type": "websocket.disconnect", "code": message["code"]})

    def send(self, message: bytes | dict[str, Any] | str) -> None:
        """Send bytes as a binary message, a dictionary as JSON and a string as it is."""
        if isinstance(message, bytes):
            self.to_app.put_nowait({"type": "websocket.receive", "bytes": message})
        else:
            text = message if isinstance(message, str) else json.dumps(message)
            self.to_app.put_nowait({"type": "websocket.receive", "text": text})

    async def event(self) -> Message:
        """The next ASGI message of the app."""
        async with asyncio.timeout(WAIT_S):
            return await self.from_app.get()

    async def answer(self) -> dict[str, Any]:
        """The next text message of the app, decoded."""
        event = await self.event()
        assert event["type"] == "websocket.send", event
        decoded: dict[str, Any] = json.loads(event["text"])
        return decoded

    async def opened(self, **opening: Any) -> dict[str, Any]:
        """Send the opening message, and give the answer to it."""
        self.send(opening)
        return await self.answer()


@asynccontextmanager
async def live_socket(
    app: ASGIApp, headers: Iterable[tuple[str, str]] = (), subprotocols: Iterable[str] = (), path: str = "/stream"
) -> AsyncIterator[LiveSocket]:
    """A WebSocket that asks ``app`` for an upgrade; its first event is the app's answer. It hangs up at the end."""
    socket = LiveSocket()
    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "scheme": "ws",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
        "subprotocols": list(subprotocols),
        "extensions": {"websocket.http.response": {}},
        "state": {},
    }
    socket.to_app.put_nowait({"type": "websocket.connect"})
    running = asyncio.ensure_future(app(scope, socket.to_app.get, socket.send_to_client))
    try:
        yield socket
    finally:
        socket.to_app.put_nowait({"type": "websocket.disconnect", "code": 1005})
        async with asyncio.timeout(WAIT_S):
            await running


@asynccontextmanager
async def accepted_socket(app: ASGIApp, **asked: Any) -> AsyncIterator[LiveSocket]:
    """A WebSocket that the app has accepted."""
    async with live_socket(app, **asked) as socket:
        event = await socket.event()
        assert event["type"] == "websocket.accept", event
        yield socket
