"""One kept-alive HTTP connection of a load, and where it goes.

It knows HTTP/1.1 just enough and sends the same bytes each time, since it shares the machine with the server.
"""

import asyncio
import re
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self, cast
from urllib.parse import urlsplit

from benchmarks.load.results import UNANSWERED, ResponseLog

LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
CLOSING: Final = re.compile(rb"\r\nconnection:[ \t]*close", re.IGNORECASE)
RETRY_AFTER: Final = re.compile(rb"\r\nretry-after:", re.IGNORECASE)


@dataclass(frozen=True)
class HttpTarget:
    """Where a load goes: host and port, the bytes of its request, and whom it seems to come from.

    ``addresses`` are of this machine; connections are opened from them in turn. None leaves that to the kernel.
    """

    host: str
    port: int
    request: bytes
    addresses: Sequence[str] = ()
    drain_s: float = 5.0  # the Pi's client gives up then

    @classmethod
    def post(
        cls, url: str, headers: Mapping[str, str], body: bytes, *, name: str = "", addresses: Sequence[str] = ()
    ) -> Self:
        """``POST body`` to ``url``; ``name`` is the host that the request asks for, where it isn't the URL's."""
        parts = urlsplit(url)
        host, port = parts.hostname or "127.0.0.1", parts.port or 80
        lines = [f"POST {parts.path} HTTP/1.1", f"Host: {name or f'{host}:{port}'}", f"Content-Length: {len(body)}"]
        lines += [f"{key}: {value}" for key, value in headers.items()]
        return cls(host, port, "\r\n".join([*lines, "", ""]).encode() + body, addresses)

    async def connect(
        self, index: int, responses: ResponseLog, on_free: "Callable[[HttpConnection], Any]"
    ) -> "HttpConnection":
        """Open the connection of this number."""
        local = (self.addresses[index % len(self.addresses)], 0) if self.addresses else None
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: HttpConnection(self.request, responses, on_free), self.host, self.port, local_addr=local
        )
        return connection


class HttpConnection(asyncio.Protocol):
    """Sends a request for each one that is due, one at a time; calls ``on_free`` when nothing is due any more."""

    def __init__(self, request: bytes, responses: ResponseLog, on_free: "Callable[[HttpConnection], Any]") -> None:
        self._request = request
        self._responses = responses
        self._on_free = on_free
        self._transport: asyncio.Transport
        self._due: deque[float] = deque()  # intended times; the first is under way
        self._sent_s = 0.0
        self._buffer = b""
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        self._fail(f"the connection was lost: {error or 'closed'}")

    def send(self, due_s: float) -> None:
        """Send now, or once the responses before are in."""
        self._due.append(due_s)
        if self.lost:
            self._fail("the connection was lost")
        elif len(self._due) == 1:
            self._write()

    def close(self) -> None:
        """Give up on what is waiting, and close."""
        self._fail("no response came in time after the last request")
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
                self._note_error(f"a response has no Content-Length: {head[:200]!r}")
                self._transport.abort()
                return
            end = head_end + 4 + int(length[1])
            if len(self._buffer) < end:
                return
            body, self._buffer = self._buffer[head_end + 4 : end], self._buffer[end:]
            self._take(head, body)

    def _write(self) -> None:
        self._sent_s = time.perf_counter()
        self._transport.write(self._request)

    def _take(self, head: bytes, body: bytes) -> None:
        status = int(head[9:12])
        if status != 200:
            self._note_error(f"{status}: {body[:200]!r}")
            self._responses.missing_retry_after += status == 429 and RETRY_AFTER.search(head) is None
        self._responses.record(status, self._due.popleft(), self._sent_s, time.perf_counter())
        if CLOSING.search(head):
            self.lost = True
            self._fail("the connection was closed after a response")
            self._transport.close()
        elif self._due:
            self._write()
        else:
            self._on_free(self)

    def _note_error(self, text: str) -> None:
        self._responses.first_error = self._responses.first_error or text

    def _fail(self, reason: str) -> None:
        if self._due:
            self._note_error(reason)
        now_s = time.perf_counter()
        while self._due:
            self._responses.record(UNANSWERED, self._due.popleft(), now_s, now_s)
