"""CompressionMiddleware: answers as gzip or deflate for clients that ask for it.

Only good answers of a size for which it pays; an error is read by clients that don't look at its encoding.
"""

import asyncio
import zlib
from functools import lru_cache
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve_app.api.preferences import LONGEST, parse_preferences
from serve_app.api.request_body import WINDOWS

OFFERED: Final = ("gzip", "deflate")
SMALLEST: Final = 1024  # below, a packet is a packet
IN_PLACE: Final = 16 * 1024  # more is compressed beside the loop
LEVEL: Final = 4


class CompressionMiddleware:
    """ASGI middleware around the routes, whose answers have one body each.

    An answer with an ``ETag`` goes out as it is: the tag names its bytes, and those are a model's weights, which hardly
    get smaller.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            accepted = dict(scope["headers"]).get(b"accept-encoding", b"")
            encoding = preferred_encoding(accepted[:LONGEST])
            if encoding is not None:
                send = compress_responses(send, encoding)
        await self._app(scope, receive, send)


def compress_responses(send: Send, encoding: str) -> Send:
    """A ``send`` that compresses the answers for which it pays."""
    start: Message | None = None

    async def sent(message: Message) -> None:
        nonlocal start
        if message["type"] == "http.response.start":
            start = message
            return
        if start is not None:
            begun, start = start, None
            body = message.get("body", b"")
            headers = MutableHeaders(raw=begun["headers"])
            if (
                begun["status"] == 200
                and len(body) >= SMALLEST
                and not message.get("more_body", False)
                and "etag" not in headers
            ):
                if len(body) <= IN_PLACE:
                    body = compress(body, encoding)
                else:
                    body = await asyncio.to_thread(compress, body, encoding)
                headers["Content-Encoding"] = encoding
                headers["Content-Length"] = str(len(body))
                headers.add_vary_header("Accept-Encoding")
                begun = {**begun, "headers": headers.raw}
                message = {**message, "body": body}
            await send(begun)
        await send(message)

    return sent


def compress(body: bytes, encoding: str) -> bytes:
    """A body, compressed."""
    stream = zlib.compressobj(LEVEL, wbits=WINDOWS[encoding])
    return stream.compress(body) + stream.flush()


@lru_cache(64)
def preferred_encoding(header: bytes) -> str | None:
    """The encoding of an ``Accept-Encoding`` header that is offered here; gzip where it likes both the same."""
    weights = parse_preferences(header.decode("latin-1"))
    best = max(OFFERED, key=lambda encoding: weights.get(encoding, 0.0))
    return best if weights.get(best) else None
