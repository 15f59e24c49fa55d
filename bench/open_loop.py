"""Requests at a fixed rate whatever comes back: what overload is made of. Knows HTTP just enough, shares the machine.

Latency counts from the time at which a request should have gone, so that a late sender hides nothing. Each connection
carries one request at a time; when all of them wait for an answer, a request is counted as not sent.
"""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Final, cast
from urllib.parse import urlsplit

import numpy as np

from bench import BenchError
from bench.window import made_window
from landmarks.wire import HEADER_LENGTH, encode_request

TICK_S: Final = 0.002
LAST_ANSWERS_S: Final = 15.0


@dataclass
class Answers:
    """What came back: counts by status, and for each when it should have gone and the milliseconds it took."""

    asked: int = 0
    not_sent: int = 0
    broken: int = 0
    without_retry_after: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    took_ms: dict[int, list[tuple[float, float]]] = field(default_factory=dict)

    def note(self, status: int, intended_s: float, now_s: float) -> None:
        """Count one answer."""
        self.statuses[status] += 1
        self.took_ms.setdefault(status, []).append((intended_s, (now_s - intended_s) * 1000))

    def percentile_ms(self, status: int, share: float, since_s: float = 0.0, until_s: float = float("inf")) -> float:
        """A percentile of the latency of answers of a status whose requests were due in a span; NaN without any."""
        took = [ms for intended_s, ms in self.took_ms.get(status, ()) if since_s <= intended_s < until_s]
        return float(np.percentile(took, share)) if took else float("nan")


class Connection(asyncio.Protocol):
    """One kept-alive connection; ``idle`` while no answer is due."""

    def __init__(self, request: bytes, answers: Answers, idle: "list[Connection]") -> None:
        self._request = request
        self._answers = answers
        self._idle = idle
        self._buffer = b""
        self._intended_s = 0.0
        self._waiting = False
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._idle.append(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._answers.broken += self._waiting
        self._waiting = False
        if self in self._idle:
            self._idle.remove(self)

    def send(self, intended_s: float) -> None:
        """Send the request, which should have gone at ``intended_s`` (``perf_counter``)."""
        self._waiting = True
        self._intended_s = intended_s
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator or not self._waiting:
            return
        lowered = head.lower()
        _, found, length = lowered.partition(b"content-length:")
        if found and len(body) < int(length.partition(b"\r\n")[0]):
            return
        self._buffer = b""
        self._waiting = False
        status = int(head[9:12])
        self._answers.without_retry_after += status == 429 and b"retry-after:" not in lowered
        self._answers.note(status, self._intended_s, time.perf_counter())
        if b"connection: close" in lowered:
            self.transport.close()
        else:
            self._idle.append(self)


def window_request(url: str) -> bytes:
    """A whole HTTP request as a Pi sends it: one window of 30 frames in FP16."""
    body, length = encode_request({"sequence": made_window(0)[None]}, "FP16")
    host = urlsplit(url).netloc
    head = f"POST /v2/models/gesture/infer HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}{HEADER_LENGTH}: {length}\r\n\r\n".encode() + body


def place_of(url: str) -> tuple[str, int]:
    """Host and port of a URL."""
    parts = urlsplit(url)
    return parts.hostname or "127.0.0.1", parts.port or 80


async def at_rate(url: str, rate: float, seconds: float, connections: int, wait_s: float = LAST_ANSWERS_S) -> Answers:
    """Ask ``rate`` times a second for ``seconds``, evenly, then wait ``wait_s`` at most for the answers that are due.

    Raises:
        BenchError: no connection is left.
    """
    host, port = place_of(url)
    answers = Answers()
    idle: list[Connection] = []
    make = partial(Connection, window_request(url), answers, idle)
    loop = asyncio.get_running_loop()
    opened = [(await loop.create_connection(make, host, port))[1] for _ in range(connections)]
    began_s = time.perf_counter()
    count = round(rate * seconds)
    while answers.asked < count:
        now_s = time.perf_counter()
        due = min(count, int((now_s - began_s) * rate) + 1)
        for number in range(answers.asked, due):
            if idle:
                idle.pop().send(began_s + number / rate)
            else:
                answers.not_sent += 1
        answers.asked = due
        if all(connection.transport.is_closing() for connection in opened):
            raise BenchError("the service closed every connection")
        await asyncio.sleep(max(TICK_S, began_s + due / rate - time.perf_counter()))
    give_up_s = time.perf_counter() + wait_s
    # An event for each of a hundred thousand answers would cost more than looking.
    while time.perf_counter() < give_up_s and answers.statuses.total() + answers.broken + answers.not_sent < count:  # noqa: ASYNC110
        await asyncio.sleep(TICK_S)
    for connection in opened:
        connection.transport.close()
    return answers


async def capacity(url: str, seconds: float, connections: int) -> float:
    """Answers a second when each connection asks again as soon as it has its answer."""
    host, port = place_of(url)
    answers = Answers()
    idle: list[Connection] = []
    make = partial(Connection, window_request(url), answers, idle)
    loop = asyncio.get_running_loop()
    opened = [(await loop.create_connection(make, host, port))[1] for _ in range(connections)]
    began_s = time.perf_counter()
    while (now_s := time.perf_counter()) < began_s + seconds:
        while idle:
            idle.pop().send(now_s)
        await asyncio.sleep(0)
    done = answers.statuses[200]
    for connection in opened:
        connection.transport.close()
    return done / seconds
