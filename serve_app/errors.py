"""What can go wrong with a request, as exceptions that know their HTTP status, code and message.

Raised where the truth is known; the ingress alone turns them into responses. They pickle, because some cross a
replica boundary on their way.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any


class RequestError(Exception):
    """A request that gets no response: an HTTP status, a slug for machines and one message for people.

    Subclasses fix ``status`` and ``code``; ``retry_after_s`` becomes the ``Retry-After`` header, beside ``headers``.
    """

    status = 500
    code = "internal"
    retry_after_s: int | None = None
    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def body(self, request_id: str) -> dict[str, Any]:
        """The error body of the contract."""
        return error_body(self.message, self.code, request_id)


def error_body(message: str, code: str, request_id: str) -> dict[str, Any]:
    """The error body of the contract; what a message quotes from a request need not be text that UTF-8 can write."""
    return {"error": message.encode(errors="replace").decode(), "code": code, "request_id": request_id}


class InvalidInput(RequestError):
    """The body is readable but isn't a window: the message names the field, what was found and what was expected."""

    status = 400
    code = "invalid_input"


class Unauthorized(RequestError):
    """The service has API keys, and the request carries none."""

    status = 401
    code = "unauthorized"


class Forbidden(RequestError):
    """The request carries an API key that isn't one of the service's."""

    status = 403
    code = "forbidden"


class UnknownHost(RequestError):
    """The request came by a name that isn't the service's: a page may have had its own name point here."""

    status = 403
    code = "unknown_host"


class ForeignOrigin(RequestError):
    """A web page of another site has a browser ask."""

    status = 403
    code = "foreign_origin"


class NotFound(RequestError):
    """There is no such model, or not in this version."""

    status = 404
    code = "not_found"


class RequestTimeout(RequestError):
    """The body was not all there within the request's deadline."""

    status = 408
    code = "request_timeout"


class BodyTooLarge(RequestError):
    """The body has more bytes than the service reads."""

    status = 413
    code = "body_too_large"


class UnsupportedContentType(RequestError):
    """The body is declared as something other than JSON."""

    status = 415
    code = "unsupported_content_type"


class UnsupportedEncoding(RequestError):
    """The body is compressed in a way that isn't read here; the answer's header says which are."""

    status = 415
    code = "unsupported_encoding"
    headers = MappingProxyType({"Accept-Encoding": "gzip, deflate"})


class Overloaded(RequestError):
    """More requests wait than the service admits; the client may come back at once or a second later."""

    status = 429
    code = "overloaded"
    retry_after_s = 1


class Unsupported(RequestError):
    """Something that the protocol knows and this service doesn't do."""

    status = 501
    code = "unsupported"


class NotReady(RequestError):
    """A model that the answer needs can't answer (yet)."""

    status = 503
    code = "not_ready"
    retry_after_s = 1


class DeadlineExceeded(RequestError):
    """The answer took longer than the request's deadline."""

    status = 504
    code = "deadline_exceeded"
