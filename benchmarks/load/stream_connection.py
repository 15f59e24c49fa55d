"""One live session of a load on ``WS /stream``: a message for each prediction that is due.

It shares the machine with the service, so it speaks just enough of RFC 6455 itself: messages are packed beforehand,
and of a prediction it reads little more than the header.
"""

import asyncio
import struct
import time
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import msgspec
import numpy as np

from benchmarks import BenchmarkError
from benchmarks.load.connection import Connection, OnFree
from benchmarks.load.results import UNANSWERED, ResponseLog
from landmarks.hands import FEATURE_DIM_XY
from landmarks.protocol.stream import FRAME_NUMBER, PATH, OpenMessage, is_prediction, pack_frames
from landmarks.synthetic import make_window

FRAMES: Final = 30  # of a window
FRAME_BYTES: Final = FEATURE_DIM_XY * 2
NO_MASK: Final = bytes(4)  # a mask of zeros changes nothing
TEXT, BINARY, CLOSE, PING, PONG = 0x81, 0x82, 0x88, 0x89, 0x8A
UPGRADE: Final = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@dataclass(frozen=True)
class StreamTarget:
    """The service at ``url``; ``frames`` go with each message: a Pi with a stride of 2 sends two a prediction."""

    url: str
    frames: int = 1
    drain_s: float = 0.5

    async def connect(self, index: int, responses: ResponseLog, on_free: OnFree) -> "StreamConnection":
        """Open the session of this number, its window but for one message filled.

        Raises:
            BenchmarkError: the service did not admit it.
        """
        parts = urlsplit(self.url)
        window = np.concatenate([make_window(seed=2 * index), make_window(seed=2 * index + 1)])
        messages = [pack_frames(window[begin : begin + self.frames]) for begin in range(0, len(window), self.frames)]
        upgrade = UPGRADE.format(path=f"{parts.path.rstrip('/')}{PATH}", host=parts.netloc).encode()
        _, session = await asyncio.get_running_loop().create_connection(
            lambda: StreamConnection(upgrade, messages, responses, on_free),
            parts.hostname or "127.0.0.1",
            parts.port or 80,
        )
        try:
            await session.ready
        except BaseException:
            session.close()
            raise
        return session


class StreamConnection(Connection):
    """Sends a message whenever one is due, whatever comes back; it is free after each prediction.

    A prediction that the service skips, because a newer window came, is never recorded.
    """

    def __init__(self, upgrade: bytes, messages: list[bytes], responses: ResponseLog, on_free: OnFree) -> None:
        super().__init__(responses, on_free)
        self._upgrade = upgrade
        self._messages = messages
        self._upgraded = False
        self._sent = 0
        self._due_s: dict[int, float] = {}
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._transport.write(self._upgrade)

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        self._fail(f"a session ended before it was ready: {error or 'closed'}")

    def send(self, due_s: float) -> None:
        """Send the next message."""
        if not self.lost:
            self._sent += 1
            self._due_s[self._sent] = due_s
            self._write(BINARY, FRAME_NUMBER.pack(self._sent) + self._messages[self._sent % len(self._messages)])

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._upgraded:
            head, separator, rest = self._buffer.partition(b"\r\n\r\n")
            if not separator:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self._fail(f"/stream answered {head.splitlines()[0].decode()}")
                return
            self._upgraded, self._buffer = True, rest
            self._write(TEXT, msgspec.json.encode(OpenMessage(min_frames=FRAMES)))
            # All but the last message of a window at once: every prediction is of a whole one.
            size = len(self._messages[0])
            self._write(BINARY, b"".join(self._messages)[: (FRAMES * FRAME_BYTES - 1) // size * size])
        while (message := self._read_message()) is not None:
            self._take(*message)

    def _fail(self, reason: str) -> None:
        if not self.ready.done():
            self.ready.set_exception(BenchmarkError(reason))

    def _write(self, kind: int, payload: bytes) -> None:
        size = len(payload)
        head = struct.pack("!BB", kind, 0x80 | size) if size < 126 else struct.pack("!BBH", kind, 0x80 | 126, size)
        self._transport.write(head + NO_MASK + payload)

    def _read_message(self) -> tuple[int, bytes] | None:
        buffer = self._buffer
        length, begin = buffer[1] if len(buffer) > 1 else 0, 2
        if length == 126:
            length, begin = int.from_bytes(buffer[2:4], "big"), 4
        end = begin + length
        if len(buffer) < end:
            return None
        self._buffer = buffer[end:]
        return buffer[0], buffer[begin:end]

    def _take(self, kind: int, payload: bytes) -> None:
        if kind == TEXT and is_prediction(payload):
            number = int(payload[payload.rindex(b'"frame":') + 8 :].partition(b",")[0])
            self._responses.record(200, self._due_s.pop(number), time.perf_counter())
            self._on_free(self)
        elif kind == PING:
            self._write(PONG, payload)
        elif payload.startswith(b'{"type":"ready"'):
            self.ready.set_result(None)
        elif kind in (TEXT, CLOSE):
            self._note_error(payload.decode(errors="replace"))
            self._responses.record(UNANSWERED, now_s := time.perf_counter(), now_s)
