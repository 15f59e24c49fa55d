"""One kept-alive HTTP connection of a load, and what it sends where.

It sends the same bytes each time, since it shares the machine with the server; httptools reads the responses.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from urllib.parse import urlsplit

from httptools import HttpResponseParser

from benchmarks.load.connection import Connection, OnFree, Target
from benchmarks.load.results import UNANSWERED, ResponseLog
from edge_client.service.request_encoding import EncodedRequest


def build_http_target(url: str, request: EncodedRequest, *, name: str = "", addresses: Sequence[str] = ()) -> Target:
    """Post ``request``; ``name`` is the host it asks for, where it isn't the URL's."""
    message = format_request(request, name or urlsplit(url).netloc)
    # The Pi's client gives up after 5 s.
    return Target(url, lambda _, *rest: HttpConnection(message, *rest), drain_s=5.0, addresses=addresses)


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
        self._due: deque[float] = deque()  # intended times; the first is under way

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._parser = HttpResponseParser(self)
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
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._headers: set[bytes] = set()
        self._body = b""

    def on_header(self, name: bytes, _: bytes) -> None:
        self._headers.add(name.lower())

    def on_headers_complete(self) -> None:
        if b"content-length" not in self._headers:
            self._responses.note_error("a response has no Content-Length")
            self._transport.abort()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status != 200:
            self._responses.note_error(f"{status}: {self._body[:200]!r}")
            self._responses.missing_retry_after += status == 429 and b"retry-after" not in self._headers
        self._responses.record(status, self._due.popleft(), time.perf_counter())
        if not self._parser.should_keep_alive():
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
