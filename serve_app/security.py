"""Who may ask: optional API keys in front of every route but ``/health``. Keys come from the environment only."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Sequence

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from serve_app.errors import Forbidden, Unauthorized
from serve_app.http import error_response

OPEN_PATHS = ("/health",)
# A browser can't set headers on a WebSocket, only name subprotocols: base64url of the key, without its padding.
KEY_SUBPROTOCOL = "helen.key."


class ApiKeys:
    """ASGI middleware that lets a request through when it carries one of the keys, or when there are none.

    The key is the header ``X-API-Key`` or ``Authorization: Bearer``. Keys are compared as SHA-256 digests in constant
    time, and all of them each time, so that an answer's delay says nothing of how near a guess was. A WebSocket may
    carry its key as a subprotocol instead, ``helen.key.`` and the key in base64url.
    """

    def __init__(self, app: ASGIApp, keys: Iterable[str]) -> None:
        self._app = app
        self._digests = tuple(digest(key.encode()) for key in keys)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and self._digests and scope["path"] not in OPEN_PATHS:
            connection = HTTPConnection(scope)
            refusal = refusal_of(connection, self._digests)
            if refusal is not None:
                await error_response(refusal, connection)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def refusal_of(connection: HTTPConnection, digests: Sequence[bytes]) -> Unauthorized | Forbidden | None:
    """Why a connection is refused, or None when it carries one of the keys."""
    scheme, _, bearer = connection.headers.get("authorization", "").partition(" ")
    header = connection.headers.get("x-api-key") or (bearer.strip() if scheme.lower() == "bearer" else "")
    given = header.encode("latin-1") or key_in_subprotocols(connection.scope.get("subprotocols", ()))
    if not given:
        return Unauthorized("this service wants an API key, in the header X-API-Key or as Authorization: Bearer")
    found = digest(given)  # the header's bytes as they came
    if not sum(hmac.compare_digest(found, known) for known in digests):
        return Forbidden("the API key is not one of this service's keys")
    return None


def key_in_subprotocols(names: Iterable[str]) -> bytes:
    """The key that a WebSocket names as a subprotocol; empty without a readable one."""
    encoded = next((name.removeprefix(KEY_SUBPROTOCOL) for name in names if name.startswith(KEY_SUBPROTOCOL)), "")
    try:
        return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    except (binascii.Error, ValueError):
        return b""


def digest(key: bytes) -> bytes:
    """A key's SHA-256."""
    return hashlib.sha256(key).digest()
