"""Middleware of the local screen: security headers, and only requests that are meant for it (Host, Origin)."""

import ipaddress
import socket
from collections.abc import Collection
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class SecurityHeadersMiddleware:
    """Adds the headers that keep the page to itself to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(SECURITY_HEADERS)
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class SameOriginMiddleware:
    """Lets in what was meant for this screen: a name of its own as ``Host``, and no other site as ``Origin``.

    Without it, any web page that a browser on the local network opens could post gestures or read them: by its own
    name (``Origin``), or by a name of its own that it lets resolve to this machine (DNS rebinding: ``Host``).
    """

    def __init__(self, app: ASGIApp, *, bind: str = "127.0.0.1", names: Collection[str] = ()) -> None:
        """``bind`` is the address that the screen listens on, ``names`` what else browsers may call it."""
        self._app = app
        self._names = frozenset(name.lower().rstrip(".") for name in names)
        self._on_network = not _is_loopback(bind)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
            host, origin = headers.get(b"host", ""), headers.get(b"origin")
            problem = ""
            if not is_local_name(host, self._names, on_network=self._on_network):
                problem = (
                    f"Host is {host!r}, expected an address, localhost or a name of this machine; "
                    "name others in [screen] hosts (--screen-hosts)"
                )
            elif origin is not None and origin.partition("://")[2].lower() != host.lower():
                problem = f"Origin is {origin!r}, expected this screen's own: {host}"
            if problem:
                if scope["type"] == "websocket":
                    await send({"type": "websocket.close", "code": 1008})
                    return
                await JSONResponse({"error": problem, "code": "foreign_origin"}, 403)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def is_local_name(host: str, names: Collection[str] = (), *, on_network: bool = False) -> bool:
    """Whether a ``Host`` header is a name by which browsers may call this screen.

    Always: an IP address (nobody can make one resolve elsewhere), ``localhost``, ``names``, this machine's name, and
    that name under ``.local`` and ``.lan``, which no public name server answers. ``on_network``, for a screen that
    other machines reach anyway, lets in every ``.local`` name: mDNS renames a machine whose name is taken. A screen on
    loopback doesn't, since any machine of the network may announce such a name and let it resolve to 127.0.0.1.
    """
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    name = name.strip("[]").lower().rstrip(".")
    if not name:
        return False
    machine = socket.gethostname().lower()
    own = machine.partition(".")[0]
    known = {"localhost", machine, own, f"{own}.local", f"{own}.lan", *names}
    return name in known or (on_network and name.endswith(".local")) or _address(name) is not None


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _is_loopback(bind: str) -> bool:
    address = _address(bind)
    return bind == "localhost" if address is None else address.is_loopback
