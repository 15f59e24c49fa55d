"""What can go wrong with a request, as exceptions that know their HTTP status, code and message.

Raised where the truth is known; the ingress alone turns them into responses. They pickle, because some cross a
replica boundary on their way.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

RETRY_SOON: Final = {"Retry-After": "1"}  # seconds


class RequestError(Exception):
    """A request that gets no response: an HTTP status, a slug for machines and one message for people.

    Subclasses name theirs where they are declared; ``headers`` are the response's.
    """

    status = 500
    code = "internal"
    headers: Mapping[str, str] = MappingProxyType({})

    def __init_subclass__(cls, *, status: int, code: str, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        super().__init_subclass__()
        cls.status, cls.code, cls.headers = status, code, headers

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def body(self, request_id: str) -> dict[str, Any]:
        """The error body of the contract."""
        return error_body(self.message, self.code, request_id)


def error_body(message: str, code: str, request_id: str) -> dict[str, Any]:
    """The error body of the contract; what a message quotes from a request need not be text that UTF-8 can write."""
    return {"error": message.encode(errors="replace").decode(), "code": code, "request_id": request_id}


class InvalidInput(RequestError, status=400, code="invalid_input"):
    """The body is readable but isn't a window: the message names the field, what was found and what was expected."""


class Unauthorized(RequestError, status=401, code="unauthorized", headers={"WWW-Authenticate": "Bearer"}):
    """The service has API keys, and the request carries none."""


class Forbidden(RequestError, status=403, code="forbidden"):
    """The request carries an API key that isn't one of the service's."""


class UnknownHost(RequestError, status=403, code="unknown_host"):
    """The request came by a name that isn't the service's: a page may have had its own name point here."""


class ForeignOrigin(RequestError, status=403, code="foreign_origin"):
    """A web page of another site has a browser ask."""


class NotFound(RequestError, status=404, code="not_found"):
    """There is no such model, or not in this version."""


class Conflict(RequestError, status=409, code="conflict"):
    """The service's state doesn't allow it: no room for one more vocabulary, or a model that carries none."""


class RequestTimeout(RequestError, status=408, code="request_timeout"):
    """The body was not all there within the request's deadline."""


class BodyTooLarge(RequestError, status=413, code="body_too_large"):
    """The body has more bytes than the service reads."""


class UnsupportedContentType(RequestError, status=415, code="unsupported_content_type"):
    """The body is declared as something other than JSON."""


class UnsupportedEncoding(
    RequestError, status=415, code="unsupported_encoding", headers={"Accept-Encoding": "gzip, deflate"}
):
    """The body is compressed in a way that isn't read here; the answer's header says which are."""


class Overloaded(RequestError, status=429, code="overloaded", headers=RETRY_SOON):
    """More requests wait than the service admits; the client may come back at once or a second later."""


class Unsupported(RequestError, status=501, code="unsupported"):
    """Something that the protocol knows and this service doesn't do."""


class NotReady(RequestError, status=503, code="not_ready", headers=RETRY_SOON):
    """A model that the answer needs can't answer (yet)."""


class VocabularyPending(NotReady, status=503, code="not_ready", headers=RETRY_SOON):
    """A replica doesn't apply this vocabulary over this base model yet: it is to be prepared, then asked again."""

    def __init__(self, name: str, sha256: str, base: str) -> None:
        super().__init__(f"the vocabulary {name} is being prepared; try again in a second")
        self.name, self.sha256, self.base = name, sha256, base

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.name, self.sha256, self.base)


class StorageUnavailable(RequestError, status=503, code="storage_unavailable"):
    """The model repository, in which vocabularies are kept, can't be read or written."""


class DeadlineExceeded(RequestError, status=504, code="deadline_exceeded"):
    """The answer took longer than the request's deadline."""
