"""Load on ``WS /stream``: N sessions in one process, at full speed or at a fixed rate. Counts, latency percentiles.

Usage: ``python -m bench.stream_load http://127.0.0.1:8000 --sessions 64 --seconds 10 [--rate 15]``. It shares the
machine with the service, so it speaks just enough of RFC 6455 itself: messages are packed beforehand, and of an answer
it reads little more than the header. A line of JSON is its result.
"""

import argparse
import asyncio
import base64
import json
import os
import struct
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Final, cast
from urllib.parse import urlsplit

import numpy as np
import uvloop

from bench import BenchError
from bench.load_line import line_of
from bench.window import FRAMES, made_window
from landmarks.hands import FEATURE_DIM_XY

HEADER: Final = struct.Struct("!BBH4s")  # final binary frame, masked, 16-bit length; a mask of zeros changes nothing
NUMBER: Final = struct.Struct("<I")
NO_MASK: Final = bytes(4)
FRAME_BYTES: Final = FEATURE_DIM_XY * 2
READY_WITHIN_S: Final = 30.0
WARM_S: Final = 1.0
LAST_ANSWERS_S: Final = 0.5


@dataclass
class Measured:
    """What all sessions saw; ``closed`` counts those that the service ended, ``answered`` the warm-up's too.

    Latencies count from the time at which a message should have gone, so that a late sender hides nothing.
    """

    answered: int = 0
    errors: int = 0
    closed: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    running: bool = True
    counting: bool = False
    said: str = ""  # the first error or close


class Session(asyncio.Protocol):
    """One session: opens, fills its window, then sends a message for each prediction.

    Args:
        target: host, port and path.
        messages: the frames of one message each, fp16.
        measured: where it counts.
        eager: whether an answer is followed by the next frame at once.
    """

    def __init__(self, target: tuple[str, int, str], messages: list[bytes], measured: Measured, *, eager: bool) -> None:
        self._host, self._port, self._path = target
        self._messages = messages
        self._measured = measured
        self._eager = eager
        self._transport: asyncio.Transport
        self._buffer = b""
        self._upgraded = False
        self._sent = 0
        self._intended: dict[int, float] = {}
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        key = base64.b64encode(os.urandom(16)).decode()
        self._transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def connection_lost(self, error: Exception | None) -> None:
        self.ended.set_result(None)
        self._measured.closed += self._measured.running
        if not self.ready.done():
            self.ready.set_exception(BenchError(f"the session ended before it was ready: {error or 'closed'}"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._upgraded:
            head, separator, rest = self._buffer.partition(b"\r\n\r\n")
            if not separator:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self.ready.set_exception(BenchError(f"/stream answered {head.splitlines()[0].decode()}"))
                return
            self._upgraded, self._buffer = True, rest
            self._open()
        while self._take_frame():
            pass

    def send(self, intended_s: float) -> None:
        """Send the next frame; ``intended_s`` is when it should have gone (``perf_counter``)."""
        if self._transport.is_closing():
            return
        self._sent += 1
        self._intended[self._sent] = intended_s
        frame = self._messages[self._sent % len(self._messages)]
        length = NUMBER.size + len(frame)
        self._transport.write(HEADER.pack(0x82, 0x80 | 126, length, NO_MASK) + NUMBER.pack(self._sent) + frame)

    def close(self) -> None:
        self._transport.close()

    def _open(self) -> None:
        opening = json.dumps({"encoding": "fp16", "stride": 1, "min_frames": FRAMES}).encode()
        self._transport.write(struct.pack("!BB4s", 0x81, 0x80 | len(opening), NO_MASK) + opening)
        # All but the last message of a window at once: every prediction is of a whole one.
        size = len(self._messages[0])
        filling = b"".join(self._messages)[: (FRAMES * FRAME_BYTES - 1) // size * size]
        self._transport.write(HEADER.pack(0x82, 0x80 | 126, len(filling), NO_MASK) + filling)

    def _take_frame(self) -> bool:
        buffer = self._buffer
        if len(buffer) < 2:
            return False
        length, begin = buffer[1], 2
        if length == 126:
            if len(buffer) < 4:
                return False
            length, begin = int.from_bytes(buffer[2:4], "big"), 4
        end = begin + length
        if len(buffer) < end:
            return False
        self._buffer = buffer[end:]
        self._on_message(buffer[0], buffer[begin:end])
        return True

    def _on_message(self, kind: int, payload: bytes) -> None:
        measured = self._measured
        if kind == 0x81 and payload.startswith(b'{"prediction"'):
            number = int(payload[payload.rindex(b'"frame":') + 8 :].partition(b",")[0])
            intended_s = self._intended.pop(number)
            now_s = time.perf_counter()
            measured.answered += 1
            if measured.counting:
                measured.latencies_ms.append((now_s - intended_s) * 1000)

            if self._eager:
                self.send(now_s)
        elif kind == 0x89:  # ping
            self._transport.write(struct.pack("!BB4s", 0x8A, 0x80 | len(payload), NO_MASK) + payload)
        elif payload.startswith(b'{"type":"ready"'):
            self.ready.set_result(None)
        elif kind == 0x81:
            measured.errors += 1
            measured.said = measured.said or payload.decode()
        elif kind == 0x88:
            measured.said = measured.said or f"close {int.from_bytes(payload[:2], 'big')} {payload[2:].decode()}"


async def measure(url: str, *, sessions: int, seconds: float, rate: float | None, frames: int = 1) -> Measured:
    """Run the load; with a ``rate``, each session sends so many messages a second whatever comes back.

    ``frames`` a message: a Pi with a stride of 2 sends two frames a prediction.

    Raises:
        BenchError: when a session doesn't become ready.
    """
    parts = urlsplit(url)
    target = (parts.hostname or "127.0.0.1", parts.port or 80, parts.path.rstrip("/") + "/stream")
    measured = Measured()
    loop = asyncio.get_running_loop()
    started: list[Session] = []
    for index in range(sessions):
        window = np.concatenate([made_window(index), made_window(index + sessions)])
        rows = [window[begin : begin + frames].astype("<f2").tobytes() for begin in range(0, len(window), frames)]
        session = Session(target, rows, measured, eager=rate is None)
        await loop.create_connection(partial(_same, session), target[0], target[1])
        started.append(session)
    try:
        async with asyncio.timeout(READY_WITHIN_S):
            await asyncio.gather(*(session.ready for session in started))
        await _run(started, measured, seconds, rate)
    except TimeoutError as error:
        raise BenchError(f"not every session was ready within {READY_WITHIN_S:.0f} s") from error
    finally:
        measured.counting = measured.running = False
        for session in started:
            session.close()
        await asyncio.gather(*(session.ended for session in started))
    return measured


async def _run(started: list[Session], measured: Measured, seconds: float, rate: float | None) -> None:
    begin_s = time.perf_counter()
    if rate is None:
        for session in started:
            session.send(begin_s)
        await asyncio.sleep(WARM_S)
        measured.counting = True
        await asyncio.sleep(seconds)
        return
    tasks = [
        asyncio.create_task(_send_at(session, begin_s + index / len(started) / rate, rate, WARM_S + seconds))
        for index, session in enumerate(started)
    ]
    await asyncio.sleep(WARM_S)
    measured.counting = True
    await asyncio.gather(*tasks)
    await asyncio.sleep(LAST_ANSWERS_S)


def _same(session: Session) -> Session:
    return session


async def _send_at(session: Session, begin_s: float, rate: float, seconds: float) -> None:
    for index in range(int(seconds * rate)):
        intended_s = begin_s + index / rate
        wait_s = intended_s - time.perf_counter()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        session.send(intended_s)


def main() -> None:
    """Run the load that the command line asks for and print one line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.stream_load", description="Load on WS /stream.")
    parser.add_argument("url")
    parser.add_argument("--sessions", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rate", type=float, help="messages a second a session; without: as answers come")
    parser.add_argument("--frames", type=int, default=1, help="frames a message")
    options = parser.parse_args()
    measured = uvloop.run(
        measure(
            options.url, sessions=options.sessions, seconds=options.seconds, rate=options.rate, frames=options.frames
        )
    )
    print(
        line_of(
            measured.latencies_ms,
            options.seconds,
            errors=measured.errors,
            closed=measured.closed,
            answered=measured.answered,
            said=measured.said,
        )
    )


if __name__ == "__main__":
    main()
