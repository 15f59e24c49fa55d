"""One kept-alive HTTP connection of a load, and what it sends where.

It knows HTTP/1.1 just enough and sends the same bytes each time, since it shares the machine with the server.
"""

import asyncio
import re
import time
from collections import deque
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from benchmarks.load.connection import Connection, OnFree, Target
from benchmarks.load.results import UNANSWERED, ResponseLog
from edge_client.service.request_encoding import EncodedRequest

LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
CLOSING: Final = re.compile(rb"\r\nconnection:[ \t]*close", re.IGNORECASE)
RETRY_AFTER: Final = re.compile(rb"\r\nretry-after:", re.IGNORECASE)


def build_http_target(
    url: str, request: EncodedRequest, *, name: str = "", addresses: Sequence[str] = (), drain_s: float = 5.0
) -> Target:
    """Post ``request``; ``name`` is the host it asks for, where it isn't the URL's. The Pi's client waits 5 s too."""
    message = format_request(request, name or urlsplit(url).netloc)
    return Target(url, lambda _, *rest: HttpConnection(message, *rest), drain_s, addresses)


def format_request(request: EncodedRequest, host: str) -> bytes:
    """The request as it goes on the wire."""
    headers = {"Host": host, "Content-Length": str(len(request.body))} | request.headers
    lines = [f"POST {request.path} HTTP/1.1", *(f"{name}: {text}" for name, text in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + request.body


class HttpConnection(Connection):
    """Sends a request for each one that is due, one at a time; free after each response, and once it is lost."""

    def __init__(self, request: bytes, responses: ResponseLog, on_free: OnFree) -> None:
        super().__init__(responses, on_free)
        self._request = request
        self._buffer = b""
        self._due: deque[float] = deque()  # intended times; the first is under way

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.ready.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        self._lose(f"the connection was lost: {error or 'closed'}")

    def send(self, due_s: float) -> None:
        """Send now, or once the responses before are in."""
        self._due.append(due_s)
        if self.lost:
            self._lose("the connection was lost")
        elif len(self._due) == 1:
            self._transport.write(self._request)

    def close(self) -> None:
        """Give up on what is waiting, and close."""
        self._lose("no response came in time after the last request")
        super().close()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._due:
            head, separator, rest = self._buffer.partition(b"\r\n\r\n")
            if not separator:
                return
            length = LENGTH.search(head)
            if length is None:
                self._responses.note_error(f"a response has no Content-Length: {head[:200]!r}")
                self._transport.abort()
                return
            if len(rest) < int(length[1]):
                return
            self._buffer = rest[int(length[1]) :]
            self._take(head, rest)

    def _take(self, head: bytes, body: bytes) -> None:
        status = int(head[9:12])
        if status != 200:
            self._responses.note_error(f"{status}: {body[:200]!r}")
            self._responses.missing_retry_after += status == 429 and RETRY_AFTER.search(head) is None
        self._responses.record(status, self._due.popleft(), time.perf_counter())
        if CLOSING.search(head):
            self._transport.close()
            self._lose("the connection was closed after a response")
        elif self._due:
            self._transport.write(self._request)
        else:
            self._on_free(self)

    def _lose(self, reason: str) -> None:
        if self._due:
            self._responses.note_error(reason)
        while self._due:
            self._responses.record(UNANSWERED, self._due.popleft(), time.perf_counter())
        if not self.lost:
            self.lost = True
            self._on_free(self)
