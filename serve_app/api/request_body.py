"""The body of a request: bounded while it comes and once it is decompressed, whatever its headers say of it.

Knows nothing of what is in it; ``gestures/request.py`` and its like read that.
"""

import asyncio
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from starlette.requests import ClientDisconnect, Request

from serve_app.api.deadline import BODY_READ
from serve_app.errors import BodyTooLarge, InvalidInput, Overloaded, UnsupportedContentType, UnsupportedEncoding

JSON_TYPES: Final = ("application/json", "application/x-json", "text/json")
ACCEPTED: Final = "gzip, deflate"
# What zlib calls each of them; HTTP's deflate is zlib's own format.
WINDOWS: Final = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}

Take = Callable[[int], None]


class BodyMemoryLimit:
    """Memory for bodies that are too large for each caller to hold one at the same time."""

    def __init__(self) -> None:
        self._held = 0

    @contextmanager
    def hold(self, most: int) -> Iterator[Take]:
        """Take bytes of the room, of which all callers together hold ``most``; they are free again at the end.

        Taking raises ``Overloaded`` where they aren't there.
        """
        own = 0

        def take(count: int) -> None:
            nonlocal own
            if self._held + count > most:
                raise Overloaded(
                    f"bodies of {self._held} bytes are being read, the limit is {most}; try again in a second"
                )
            self._held += count
            own += count

        try:
            yield take
        finally:
            self._held -= own


def ignore(_: int) -> None:
    """Take no memory: the body is small."""


async def read_json_body(request: Request, limit: int, take: Take = ignore) -> bytes:
    """The body of a request that is declared as JSON, or not declared at all.

    Raises:
        UnsupportedContentType: it is declared as something else.
        UnsupportedEncoding, BodyTooLarge, InvalidInput, Overloaded: as ``read_body``.
    """
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared and declared not in JSON_TYPES:
        raise UnsupportedContentType(f"Content-Type is {declared[:100]}, expected application/json")
    return await read_body(request, limit, take)


async def read_body(request: Request, limit: int, take: Take = ignore) -> bytes:
    """The body of a request, whatever it is declared as, decompressed.

    Args:
        request: the request.
        limit: bytes that it may have, as it comes and decompressed.
        take: is called with the size of each part before it is kept.

    Raises:
        UnsupportedEncoding: it is compressed in a way that isn't known here.
        BodyTooLarge: it has more than ``limit`` bytes; the rest is neither read nor decompressed.
        InvalidInput: it isn't what its encoding says; or the client hung up in the middle: nobody reads this answer,
            and it is no fault of ours.
        Overloaded: ``take`` has no room for it.
    """
    encodings = [
        name
        for header in request.headers.getlist("content-encoding")
        for name in header.lower().replace(" ", "").split(",")
        if name not in ("", "identity")
    ]
    if len(encodings) > 1 or (encodings and encodings[0] not in WINDOWS):
        raise UnsupportedEncoding(f"Content-Encoding is {', '.join(encodings)[:100]}, expected one of: {ACCEPTED}")
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length[:20]) > limit:
        raise BodyTooLarge(f"the body has {length[:20]} bytes, expected at most {limit}")
    chunks = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise BodyTooLarge(f"the body has more than {limit} bytes, expected at most {limit}")
            take(len(chunk))
            chunks.append(chunk)
    except ClientDisconnect as error:
        raise InvalidInput(f"the client went away after {size} bytes of the body") from error
    request.scope[BODY_READ] = True
    body = b"".join(chunks)
    if encodings and body:
        body = await asyncio.to_thread(decompress, body, encodings[0], limit)
        take(len(body))
    return body


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """What a compressed body is, of ``limit`` bytes at most: a bomb is given up where it goes beyond.

    Raises:
        BodyTooLarge: it is larger.
        InvalidInput: it isn't compressed this way, ends early, or something follows its end.
    """
    stream = zlib.decompressobj(WINDOWS[encoding])
    try:
        plain = stream.decompress(body, limit + 1)
    except zlib.error as error:
        raise InvalidInput(f"the body is not {encoding}, as Content-Encoding says: {error}") from error
    if len(plain) > limit:
        raise BodyTooLarge(f"the body has more than {limit} bytes decompressed, expected at most {limit}")
    if not stream.eof:
        raise InvalidInput(f"the body ends in the middle of its {encoding}, expected all of it")
    if stream.unused_data:
        raise InvalidInput(f"the body goes on after its {encoding} for {len(stream.unused_data)} bytes, expected none")
    return plain
