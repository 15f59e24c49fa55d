"""Who may ask: optional API keys in front of every route but ``/health``. Keys come from the environment only."""

import hashlib
import hmac
from collections.abc import Iterable, Sequence

from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from serve_app.errors import Forbidden, Unauthorized
from serve_app.http import error_response
from serve_app.key_form import ask_for_key, from_browser, key_in_cookie

OPEN_PATHS = ("/health",)


class ApiKeys:
    """ASGI middleware that lets a request through when it carries one of the keys, or when there are none.

    The key is the header ``X-API-Key`` or ``Authorization: Bearer``, or the cookie that a browser got for it; a
    refused browser gets the form that asks for one. Keys are compared as SHA-256 digests in constant
    time, and all of them each time, so that an answer's delay says nothing of how near a guess was.
    """

    def __init__(self, app: ASGIApp, keys: Iterable[str]) -> None:
        self._app = app
        self._digests = tuple(digest(key.encode()) for key in keys)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._digests and scope["path"] not in OPEN_PATHS:
            refusal = refusal_of(HTTPConnection(scope), self._digests)
            if refusal is not None:
                request = Request(scope, receive)
                if from_browser(request):
                    response = await ask_for_key(request, refusal, lambda key: is_key(key, self._digests))
                else:
                    response = error_response(refusal, request)
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)


def refusal_of(connection: HTTPConnection, digests: Sequence[bytes]) -> Unauthorized | Forbidden | None:
    """Why a connection is refused, or None when it carries one of the keys."""
    scheme, _, bearer = connection.headers.get("authorization", "").partition(" ")
    header = connection.headers.get("x-api-key") or (bearer.strip() if scheme.lower() == "bearer" else "")
    given = header.encode("latin-1") or key_in_cookie(connection)  # the header's bytes as they came
    if not given:
        return Unauthorized("this service wants an API key, in the header X-API-Key or as Authorization: Bearer")
    if not is_key(given, digests):
        return Forbidden("the API key is not one of this service's keys")
    return None


def is_key(given: bytes, digests: Sequence[bytes]) -> bool:
    """Whether bytes are one of the keys."""
    found = digest(given)
    return bool(sum(hmac.compare_digest(found, known) for known in digests))


def digest(key: bytes) -> bytes:
    """A key's SHA-256."""
    return hashlib.sha256(key).digest()
