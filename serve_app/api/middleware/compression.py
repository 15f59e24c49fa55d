"""CompressionMiddleware: answers as gzip or deflate for clients that ask for it.

Only good answers of a size for which it pays; an error is read by clients that don't look at its encoding.
"""

import asyncio
import re
import zlib
from functools import lru_cache
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve_app.api.request_body import WINDOWS

OFFERED: Final = ("gzip", "deflate")
SMALLEST: Final = 1024  # below, a packet is a packet
IN_PLACE: Final = 16 * 1024  # more is compressed beside the loop
LEVEL: Final = 4
PREFERENCE: Final = re.compile(r"\s*([a-z0-9*-]+)\s*(?:;\s*q=([01](?:\.[0-9]{0,3})?))?\s*", flags=re.ASCII)
LONGEST: Final = 256  # bytes of Accept-Encoding that are looked at


class CompressionMiddleware:
    """ASGI middleware around the routes, whose answers have one body each.

    An answer with an ``ETag`` goes out as it is: the tag names its bytes, and those are a model's weights, which hardly
    get smaller.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"accept-encoding":
                    encoding = preferred_encoding(value[:LONGEST])
                    if encoding is not None:
                        send = compress_responses(send, encoding)
                    break
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
    best: tuple[float, str | None] = (0.0, None)
    for entry in header.decode("latin-1").lower().split(","):
        found = PREFERENCE.fullmatch(entry)
        if found is None:
            continue
        weight = 1.0 if found[2] is None else float(found[2])
        better = weight > best[0] or (weight == best[0] > 0 and found[1] == OFFERED[0])
        if found[1] in OFFERED and better:
            best = (weight, found[1])
    return best[1]
