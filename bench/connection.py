"""One connection of a load over HTTP, where it goes, and what came back. ``arrivals.py`` decides when a request is due.

It knows HTTP/1.1 just enough and sends the same bytes each time, since it shares the machine with the server.
"""

import asyncio
import math
import re
import time
from array import array
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Self, cast
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
CLOSING: Final = re.compile(rb"\r\nconnection:[ \t]*close", re.IGNORECASE)
RETRY_AFTER: Final = re.compile(rb"\r\nretry-after:", re.IGNORECASE)
UNANSWERED: Final = 0  # in place of a status: the connection was lost, or the client gave up


@dataclass(frozen=True)
class Target:
    """Where a load goes: the bytes of its request, and whom it seems to come from.

    Args:
        host: name or address, with ``port``.
        request: head and body as they go on the wire, the same each time.
        addresses: of this machine, from which connections are opened in turn; none leaves that to the kernel.
    """

    host: str
    port: int
    request: bytes
    addresses: Sequence[str] = ()

    @classmethod
    def post(
        cls,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        name: str | None = None,
        addresses: Sequence[str] = (),
    ) -> Self:
        """``POST body`` to ``url``; ``name`` is the host that the request asks for, where it isn't the URL's."""
        parts = urlsplit(url)
        host, port = parts.hostname or "127.0.0.1", parts.port or 80
        lines = [f"POST {parts.path} HTTP/1.1", f"Host: {name or f'{host}:{port}'}", f"Content-Length: {len(body)}"]
        lines += [f"{key}: {value}" for key, value in headers.items()]
        return cls(host, port, "\r\n".join([*lines, "", ""]).encode() + body, addresses)


@dataclass
class Answers:
    """What came back: of each request, by status, when it was due, sent and answered (``perf_counter``)."""

    asked: int = 0
    not_sent: int = 0
    settled: int = 0
    closed: int = 0
    without_retry_after: int = 0
    said: str = ""  # the first answer that was no 200, or why there was none
    began_s: float = 0.0
    _times: "dict[int, array[float]]" = field(default_factory=dict)

    def note(self, status: int, due_s: float, sent_s: float, now_s: float) -> None:
        """Count one answer."""
        self.settled += 1
        # Numbers side by side: a tuple for each of half a million answers would keep the garbage collector busy.
        self._times.setdefault(status, array("d")).extend((due_s, sent_s, now_s))

    @property
    def statuses(self) -> Counter[int]:
        """How many requests ended with each status, or ``UNANSWERED``."""
        return Counter({status: len(times) // 3 for status, times in self._times.items()})

    def latencies_ms(self, status: int, since_s: float = 0.0, until_s: float = math.inf) -> list[float]:
        """From due to answered, of the requests with a status that were due in a span."""
        due_s, _, now_s = self._columns(status, since_s, until_s)
        return list((now_s - due_s) * 1000)

    def waited_ms(self, status: int) -> list[float]:
        """From sent to answered: what the service took, without the sender's own lateness."""
        _, sent_s, now_s = self._columns(status)
        return list((now_s - sent_s) * 1000)

    def late_ms(self) -> list[float]:
        """From due to sent, of all requests: the sender's own lateness, where none waits for the one before."""
        columns = [self._columns(status) for status in self._times]
        return [ms for due_s, sent_s, _ in columns for ms in (sent_s - due_s) * 1000]

    def _columns(self, status: int, since_s: float = 0.0, until_s: float = math.inf) -> NDArray[np.float64]:
        rows = np.array(self._times.get(status, ()), dtype=np.float64).reshape(-1, 3)
        return rows[(rows[:, 0] >= since_s) & (rows[:, 0] < until_s)].T


class Connection(asyncio.Protocol):
    """One kept-alive connection that sends the same bytes for each request that is due, one at a time.

    ``freed`` is called with it whenever nothing is due on it any more.
    """

    def __init__(self, request: bytes, answers: Answers, freed: "Callable[[Connection], None]") -> None:
        self._request = request
        self._answers = answers
        self._freed = freed
        self._transport: asyncio.Transport
        self._due: deque[float] = deque()  # intended times; the first is under way
        self._sent_s = 0.0
        self._buffer = b""
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        self._give_up(f"the connection was lost: {error or 'closed'}")

    def ask(self, due_s: float) -> None:
        """Ask now, or once the answers before are in."""
        self._due.append(due_s)
        if self.lost:
            self._give_up("the connection was lost")
        elif len(self._due) == 1:
            self._send()

    def close(self) -> None:
        """Give up on what is waiting, and close."""
        self._give_up("no answer came in time after the last request")
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._due:
            head_end = self._buffer.find(b"\r\n\r\n")
            if head_end < 0:
                return
            head = self._buffer[: head_end + 2]
            length = LENGTH.search(head)
            if length is None:
                self._answers.said = self._answers.said or f"an answer has no Content-Length: {head[:200]!r}"
                self._transport.abort()
                return
            end = head_end + 4 + int(length[1])
            if len(self._buffer) < end:
                return
            body, self._buffer = self._buffer[head_end + 4 : end], self._buffer[end:]
            self._take(head, body)

    def _send(self) -> None:
        self._sent_s = time.perf_counter()
        self._transport.write(self._request)

    def _take(self, head: bytes, body: bytes) -> None:
        answers, status = self._answers, int(head[9:12])
        if status != 200:
            answers.said = answers.said or f"{status}: {body[:200]!r}"
            answers.without_retry_after += status == 429 and RETRY_AFTER.search(head) is None
        answers.note(status, self._due.popleft(), self._sent_s, time.perf_counter())
        if CLOSING.search(head):
            self.lost = True
            self._give_up("the connection was closed after an answer")
            self._transport.close()
        elif self._due:
            self._send()
        else:
            self._freed(self)

    def _give_up(self, why: str) -> None:
        if self._due:
            self._answers.said = self._answers.said or why
        now_s = time.perf_counter()
        while self._due:
            due_s = self._due.popleft()
            self._answers.note(UNANSWERED, due_s, now_s, now_s)
