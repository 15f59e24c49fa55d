"""Optional API keys in front of every route but ``/health``, and the headers that protect pages in browsers."""

import base64
import binascii
from collections.abc import Iterable
from typing import Final

from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from landmarks.protocol.stream import KEY_SUBPROTOCOL
from serve_app.api.auth.api_keys import ApiKeyStore
from serve_app.api.auth.login_page import get_cookie_key, is_browser, respond_with_login
from serve_app.api.json_responses import error_response
from serve_app.errors import Forbidden, Unauthorized

OPEN_PATHS = ("/health",)
# A browser can't set headers on a WebSocket, only name subprotocols: base64url of the key, without its padding.

# A page runs its own scripts, talks to its own service, and is nobody's frame.
PAGE_HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
        " frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class ApiKeyMiddleware:
    """ASGI middleware that lets a request through when it carries one of the store's keys.

    The key is the header ``X-API-Key`` or ``Authorization: Bearer``, or the cookie that a browser got for it; a
    rejected browser gets the form that asks for one. A WebSocket may carry its key as a subprotocol too,
    ``helen.key.`` and the key in base64url.
    """

    def __init__(self, app: ASGIApp, keys: ApiKeyStore) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and scope["path"] not in OPEN_PATHS:
            connection = HTTPConnection(scope)
            rejection = authenticate(connection, self._keys)
            if rejection is not None:
                if scope["type"] == "http" and is_browser(connection):
                    request = Request(scope, receive)
                    response = await respond_with_login(
                        request, rejection, lambda key: self._keys.find_owner(key) is not None
                    )
                else:
                    response = error_response(rejection, connection)
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)


def authenticate(connection: HTTPConnection, keys: ApiKeyStore) -> Unauthorized | Forbidden | None:
    """Why a connection is rejected, or None when it carries one of the keys; its scope then names the key."""
    scheme, _, bearer = connection.headers.get("authorization", "").partition(" ")
    header = connection.headers.get("x-api-key") or (bearer.strip() if scheme.lower() == "bearer" else "")
    given = (
        header.encode("latin-1")  # the header's bytes as they came
        or get_subprotocol_key(connection.scope.get("subprotocols", ()))
        or get_cookie_key(connection)
    )
    if not given:
        return Unauthorized("this service wants an API key, in the header X-API-Key or as Authorization: Bearer")
    owner = keys.find_owner(given)
    if owner is None:
        return Forbidden("Invalid API key.")
    connection.scope["helen_key"] = owner
    return None


def get_subprotocol_key(names: Iterable[str]) -> bytes:
    """The key that a WebSocket names as a subprotocol; empty without a readable one."""
    encoded = next((name.removeprefix(KEY_SUBPROTOCOL) for name in names if name.startswith(KEY_SUBPROTOCOL)), "")
    try:
        return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    except (binascii.Error, ValueError):
        return b""


def get_key_name(scope: Scope) -> str:
    """The name of the API key that a request came with, ``-`` where the service has none."""
    name: str = scope.get("helen_key", "-")
    return name
