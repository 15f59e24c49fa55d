"""One live session of a load on ``WS /stream``: a message for each prediction that is due.

It shares the machine with the service: messages are packed beforehand.
"""

import asyncio
import time
from typing import Final

import msgspec
import numpy as np
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

from benchmarks import BenchmarkError
from benchmarks.load.connection import Connection, OnFree, Target
from benchmarks.load.results import UNANSWERED, ResponseLog
from landmarks.protocol.stream import FRAME_NUMBER, PATH, OpenMessage, StreamPrediction, is_prediction, pack_frames
from landmarks.synthetic import make_window

FRAMES: Final = 30  # of a window


def build_stream_target(url: str, frames: int = 1) -> Target:
    """Live sessions that send ``frames`` with each message: a Pi with a stride of 2 sends two a prediction."""

    def build(index: int, responses: ResponseLog, on_free: OnFree) -> StreamConnection:
        window = np.concatenate([make_window(seed=2 * index), make_window(seed=2 * index + 1)])
        # All but the last message of a window at once: every prediction is of a whole one.
        first = pack_frames(window[: (FRAMES - 1) // frames * frames])
        messages = [pack_frames(window[begin : begin + frames]) for begin in range(0, len(window), frames)]
        return StreamConnection(url.replace("http", "ws", 1) + PATH, first, messages, responses, on_free)

    return Target(url, build, drain_s=0.5)


class StreamConnection(Connection):
    """Sends a message whenever one is due, whatever comes back; it is free after each prediction.

    A prediction that the service skips, because a newer window came, is never recorded.
    """

    def __init__(self, url: str, first: bytes, messages: list[bytes], responses: ResponseLog, on_free: OnFree) -> None:
        super().__init__(responses, on_free)
        self._protocol = ClientProtocol(parse_uri(url))
        self._first = first
        self._messages = messages
        self._sent = 0
        self._due_s: dict[int, float] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._protocol.send_request(self._protocol.connect())
        self._flush()

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        if not self.ready.done():
            reason = self._protocol.handshake_exc or error or "closed"
            self.ready.set_exception(BenchmarkError(f"a session ended before it was ready: {reason}"))

    def send(self, due_s: float) -> None:
        """Send the next message."""
        if self._protocol.state is State.OPEN:
            self._sent += 1
            self._due_s[self._sent] = due_s
            message = self._messages[self._sent % len(self._messages)]
            self._protocol.send_binary(FRAME_NUMBER.pack(self._sent) + message)
            self._flush()

    def data_received(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._take(event.opcode, bytes(event.data))
            elif isinstance(event, Response) and event.status_code == 101:
                self._protocol.send_text(msgspec.json.encode(OpenMessage(min_frames=FRAMES)))
                self._protocol.send_binary(self._first)
        self._flush()

    def _flush(self) -> None:
        for part in self._protocol.data_to_send():
            if part:
                self._transport.write(part)
            else:
                self._transport.close()  # the empty bytes mean that nothing follows

    def _take(self, kind: Opcode, payload: bytes) -> None:
        if kind is Opcode.TEXT and is_prediction(payload):
            number = msgspec.json.decode(payload, type=StreamPrediction).frame
            self._responses.record(200, self._due_s.pop(number), time.perf_counter())
            self._on_free(self)
        elif payload.startswith(b'{"type":"ready"'):
            self.ready.set_result(None)
        elif kind in (Opcode.TEXT, Opcode.CLOSE):
            self.lost = self.lost or kind is Opcode.CLOSE
            self._responses.note_error(payload.decode(errors="replace"))
            self._responses.record(UNANSWERED, now_s := time.perf_counter(), now_s)
