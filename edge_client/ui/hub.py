"""Who listens to the local screen, and what a listener that comes later is told.

Knows queues and messages; HTTP is ``server.py``.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec
import socketio

EVENTS_KEPT: Final = 20
QUEUE_LENGTH: Final = 64
KEEP_ALIVE_S: Final = 15.0


class Channel:
    """One stream of messages to any number of listeners; a slow listener loses the oldest, never delays the others."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[bytes | None]] = set()

    def __len__(self) -> int:
        return len(self._listeners)

    def send(self, message: bytes | None) -> None:
        """Hand a message to every listener; ``None`` ends their streams."""
        for queue in self._listeners:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(message)

    async def listen(self, first: bytes) -> AsyncIterator[bytes]:
        """SSE frames: ``first``, then every message, and a comment now and then so that a dead listener is noticed."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUE_LENGTH)
        self._listeners.add(queue)
        try:
            yield b"data: " + first + b"\n\n"
            while True:
                try:
                    message = await asyncio.wait_for(queue.get(), KEEP_ALIVE_S)
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                if message is None:
                    return
                yield b"data: " + message + b"\n\n"
        finally:
            self._listeners.discard(queue)


class Hub:
    """What the screen knows: its listeners and the last events."""

    def __init__(self) -> None:
        self.events = Channel()
        self.live = Channel()
        self.recent: deque[dict[str, Any]] = deque(maxlen=EVENTS_KEPT)
        self.sockets = socketio.AsyncServer(async_mode="asgi", max_http_buffer_size=64 * 1024)
        self.loop: asyncio.AbstractEventLoop | None = None

    async def take_gesture(self, gesture: dict[str, Any]) -> None:
        """Hand a gesture to every listener."""
        self.recent.appendleft(gesture)
        self.events.send(msgspec.json.encode(gesture))
        await self.sockets.emit("message", gesture)

    def take_state(self, state: dict[str, Any]) -> None:
        """Hand the client's state to every page. In the server's own thread only."""
        self.live.send(msgspec.json.encode(state))

    def close(self) -> None:
        """End every stream. In the server's own thread only."""
        self.events.send(None)
        self.live.send(None)

    def show(self, state: dict[str, Any]) -> None:
        """``take_state`` from another thread; before the server runs, and after, nobody listens."""
        if self.loop is not None and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.take_state, state)
