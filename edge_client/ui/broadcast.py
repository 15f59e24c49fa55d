"""Messages to the local screen's pages and listeners: the last ones are kept, each listener reads at its own pace."""

import asyncio
import contextlib
import logging
import secrets
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final, Literal, NamedTuple

import msgspec
import socketio

log = logging.getLogger(__name__)

EVENTS_KEPT: Final = 200
EVENTS_SHOWN: Final = 20
KEEP_ALIVE_S: Final = 15.0
FAULT_LOG_PAUSE_S: Final = 60.0

Listener = Literal["listeners", "pages"]


class Message(NamedTuple):
    """One message of a channel: JSON, counted from 1, and the Unix time at which it came."""

    number: int
    body: bytes
    received_s: float


class Broadcaster:
    """A sequence of messages to any number of listeners, each at its own pace.

    The last ``kept`` messages stay: a listener that was away goes on where it was, and one that is slower than the
    messages come loses the oldest and delays nobody.
    """

    def __init__(self, kept: int) -> None:
        self._kept: deque[Message] = deque(maxlen=kept)
        self._changed = asyncio.Event()
        self._closed = False
        self.newest = 0

    def send(self, body: bytes) -> None:
        """Hand a message to every listener."""
        self.newest += 1
        self._kept.append(Message(self.newest, body, time.time()))
        self._wake()

    def close(self) -> None:
        """End every listener's sequence."""
        self._closed = True
        self._wake()

    def last(self, count: int) -> list[Message]:
        """The newest messages, oldest first."""
        return list(self._kept)[-count:]

    async def follow(self, after: int) -> AsyncIterator[Message | None]:
        """Every message with a number above ``after``, as it comes; ``None`` now and then while none does."""
        while not self._closed:
            changed = self._changed
            message = next((message for message in self._kept if message.number > after), None)
            if message is not None:
                after = message.number
                yield message
                continue
            try:
                await asyncio.wait_for(changed.wait(), KEEP_ALIVE_S)
            except TimeoutError:
                yield None

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


class Faults:
    """Counts what nothing else caught. The log says each kind once a minute at most."""

    def __init__(self) -> None:
        self.count = 0
        self.last = ""
        self._logged_s = float("-inf")

    def note(self, where: str, error: BaseException | None) -> None:
        """Count one, and log it with its traceback."""
        self.count += 1
        fault = f"{where}: {type(error).__name__}: {error}" if error else where
        if fault != self.last or time.monotonic() - self._logged_s > FAULT_LOG_PAUSE_S:
            log.error("fault %d of the screen, which goes on: %s", self.count, fault, exc_info=error)
            self._logged_s = time.monotonic()
        self.last = fault


class Hub:
    """What the screen knows: its listeners, the last events, and its own faults."""

    def __init__(self) -> None:
        self.events = Broadcaster(EVENTS_KEPT)
        self.live = Broadcaster(1)
        self.faults = Faults()
        self.connected: Counter[Listener] = Counter()
        self.sockets = socketio.AsyncServer(async_mode="asgi", max_http_buffer_size=64 * 1024)
        self.loop: asyncio.AbstractEventLoop | None = None
        # Numbers start anew with each start: an id of an earlier one says so by another run.
        self._run = secrets.token_hex(4)

    async def take_gesture(self, gesture: dict[str, Any]) -> None:
        """Hand a gesture to every listener."""
        self.events.send(msgspec.json.encode(gesture))
        try:
            await self.sockets.emit("message", gesture)
        except Exception as error:
            self.faults.note("Socket.IO", error)

    def take_state(self, state: dict[str, Any]) -> None:
        """Hand the client's state to every page. In the server's own thread only."""
        self.live.send(msgspec.json.encode(state))

    def event_id(self, message: Message) -> str:
        """The id of an event, as SSE and the pages know it."""
        return f"{self._run}-{message.number}"

    def event_number(self, event_id: str) -> int:
        """The number of an event by its id; 0, before all of them, for an id of another run."""
        run, _, number = event_id.rpartition("-")
        known = run == self._run and number.isascii() and number.isdigit() and len(number) < 16
        return int(number) if known else 0

    def recent(self) -> bytes:
        """The last events as a JSON list, the newest first."""
        return b"[" + b",".join(message.body for message in reversed(self.events.last(EVENTS_SHOWN))) + b"]"

    @contextlib.contextmanager
    def connection(self, kind: Listener) -> Iterator[None]:
        """Counts a listener as connected within the context."""
        self.connected[kind] += 1
        try:
            yield
        finally:
            self.connected[kind] -= 1

    def close(self) -> None:
        """End every stream. In the server's own thread only."""
        self.events.close()
        self.live.close()

    def show(self, state: dict[str, Any]) -> None:
        """``take_state`` from another thread; before the server runs, and after, nobody listens."""
        loop = self.loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop was closed since
                loop.call_soon_threadsafe(self.take_state, state)
