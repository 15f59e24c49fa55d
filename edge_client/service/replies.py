"""Responses of a peer, read in one place: whatever bytes came, the result is a value or a ``ResponseError``.

It knows no route and no retry: ``http_client.py``, ``stream_client.py`` and the others do.
"""

import time
from collections.abc import Mapping
from typing import Final, TypeVar
from urllib.parse import urlsplit

import msgspec
import urllib3
from urllib3.util import Timeout

Reply = TypeVar("Reply")

LONGEST_RETRY_AFTER: Final = 10.0
READ_BYTES: Final = 64 * 1024
LONGEST_QUOTE: Final = 300


class ServiceError(Exception):
    """The service gave no answer: one sentence, its HTTP status if it had one, and when it wants to be asked again."""

    def __init__(self, message: str, *, status: int | None = None, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


class ResponseError(ServiceError):
    """An answer that isn't one; the message says what was found and what was expected."""


class ErrorBody(msgspec.Struct, frozen=True):
    """The part of an error body that people read."""

    error: str


def decode_reply(data: bytes, kind: type[Reply], sender: str = "the service's answer") -> Reply:
    """JSON that a peer sent, as ``kind``; ``sender`` begins the sentence when it is something else.

    Raises:
        ResponseError: it is no JSON of this kind.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ResponseError(f"{sender} is not a {kind.__name__}: {quote_text(str(error))}") from error


def read_error_message(data: bytes) -> str:
    """The reason in an error body, or the beginning of what came in its place."""
    try:
        return quote_text(decode_reply(data, ErrorBody).error)
    except ResponseError:
        return quote_text(data[:120].decode("utf-8", "replace")) or "no reason given"


def quote_text(text: str) -> str:
    """The beginning of a peer's text on one line, without what a terminal would act on."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text[:LONGEST_QUOTE])
    return shown.strip()


def parse_retry_after(text: str | None) -> float:
    """``Retry-After`` in seconds, at most ``LONGEST_RETRY_AFTER``; a date, or what is no number, counts as 1 s."""
    text = (text or "").strip()
    if not text:
        return 0.0
    return min(float(text), LONGEST_RETRY_AFTER) if text.isascii() and text.isdigit() else 1.0


def describe_redirect(status: int, location: str | None) -> str:
    """Why a redirect is a failure: nobody but the address in the settings gets the key and the hands."""
    return f"answered {status}, a redirect to {_redirect_target(location)}: redirects are not followed"


def _redirect_target(location: str | None) -> str:
    try:
        parts = urlsplit(location or "")
        host, port = parts.hostname, parts.port
    except ValueError:
        return "an address that is none"
    if host is None:
        return "another path of its own" if location else "nowhere"
    scheme = f"{parts.scheme}://" if parts.scheme else ""
    return quote_text(scheme + host + (f":{port}" if port else ""))


def send_request(
    pool: urllib3.PoolManager,
    method: str,
    url: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    timeout_s: float,
) -> urllib3.BaseHTTPResponse:
    """Ask a peer, following no redirect; its answer with the body unread, for ``read_body``.

    Raises:
        urllib3.exceptions.HTTPError, OSError, ValueError: there is no answer.
    """
    return pool.request(
        method, url, body=body, headers=headers, timeout=Timeout(total=timeout_s), preload_content=False, redirect=False
    )


def read_body(answer: urllib3.BaseHTTPResponse, limit: int, timeout_s: float) -> bytes:
    """The body of an answer of ``send_request``; the connection is given back.

    Raises:
        ResponseError: it has more than ``limit`` bytes, or wasn't whole within ``timeout_s``.
        urllib3.exceptions.HTTPError, OSError: the connection broke.
    """
    deadline_s = time.monotonic() + timeout_s
    body = bytearray()
    try:
        while part := answer.read1(READ_BYTES):
            body += part
            if len(body) > limit:
                raise ResponseError(f"answered with more than {limit} bytes")
            if time.monotonic() > deadline_s:
                raise ResponseError(f"gave an answer that was not whole within {timeout_s:g} s")
    except BaseException:
        answer.close()  # what is left unread must not be the next answer
        raise
    finally:
        answer.release_conn()
    return bytes(body)
