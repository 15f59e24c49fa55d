"""One kept-alive HTTP connection of a load, and where it goes.

It knows HTTP/1.1 just enough and sends the same bytes each time, since it shares the machine with the server.
"""

import asyncio
import re
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

from benchmarks.load.connection import Connection, OnFree
from benchmarks.load.results import UNANSWERED, ResponseLog
from edge_client.service.request_encoding import EncodedRequest

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
    def post(cls, url: str, request: EncodedRequest, *, name: str = "", addresses: Sequence[str] = ()) -> Self:
        """``POST`` a request to the server at ``url``; ``name`` is the host it asks for, where it isn't the URL's."""
        parts = urlsplit(url)
        host, port = parts.hostname or "127.0.0.1", parts.port or 80
        lines = [f"POST {request.path} HTTP/1.1", f"Host: {name or f'{host}:{port}'}"]
        lines += [f"Content-Length: {len(request.body)}", *(f"{key}: {text}" for key, text in request.headers.items())]
        return cls(host, port, "\r\n".join([*lines, "", ""]).encode() + request.body, addresses)

    async def connect(self, index: int, responses: ResponseLog, on_free: OnFree) -> "HttpConnection":
        """Open the connection of this number."""
        local = (self.addresses[index % len(self.addresses)], 0) if self.addresses else None
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: HttpConnection(self.request, responses, on_free), self.host, self.port, local_addr=local
        )
        return connection


class HttpConnection(Connection):
    """Sends a request for each one that is due, one at a time."""

    def __init__(self, request: bytes, responses: ResponseLog, on_free: OnFree) -> None:
        super().__init__(responses, on_free)
        self._request = request
        self._due: deque[float] = deque()  # intended times; the first is under way

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
                self._note_error(f"a response has no Content-Length: {head[:200]!r}")
                self._transport.abort()
                return
            if len(rest) < int(length[1]):
                return
            self._buffer = rest[int(length[1]) :]
            self._take(head, rest)

    def _take(self, head: bytes, body: bytes) -> None:
        status = int(head[9:12])
        if status != 200:
            self._note_error(f"{status}: {body[:200]!r}")
            self._responses.missing_retry_after += status == 429 and RETRY_AFTER.search(head) is None
        self._responses.record(status, self._due.popleft(), time.perf_counter())
        if CLOSING.search(head):
            self._lose("the connection was closed after a response")
            self._transport.close()
        elif self._due:
            self._transport.write(self._request)
        else:
            self._on_free(self)

    def _lose(self, reason: str) -> None:
        self.lost = True
        if self._due:
            self._note_error(reason)
        while self._due:
            self._responses.record(UNANSWERED, self._due.popleft(), time.perf_counter())
